/**
 * Joins each folder of the library into one file, `joined.js`, and leaves in the place of its modules what passes on their
 * exports from there. A program that imports bgworker then reads 8 files instead of 120, and is ready after 12 ms of a
 * processor instead of 60; with bgworker/shm 19 instead of 83. There is one copy of everything all the same, whichever
 * file somebody imports: the tests import single modules, and get those of the joined file.
 *
 * A folder is joined by itself, since folders import each other by their index.js only. Files that are to be found where
 * they are (a worker's module) stay apart. What tsc wrote is kept in dist/.unjoined and is put back before tsc runs
 * again: it writes only what has changed.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const kept = join(root, 'dist/.unjoined');

const folders = ['base', 'core', 'protocol', 'client', 'shm', 'dsm', 'parallel'];
/** Modules of workers: `defineWorker(import.meta, …)` says where they are, and that is where they are exported. */
const apart = new Set(['parallel/workerMain', 'parallel/gatherMain', 'parallel/poolWorker']);

/** What is written besides what tsc writes. */
export const JOINED_FOLDERS = folders.flatMap((folder) => [
  `dist/src/${folder}/joined.js`,
  `dist/src/${folder}/joined.js.map`,
]);

/** As tsc left them. */
export function restoreFolders() {
  if (!existsSync(kept)) return;
  for (const folder of readdirSync(kept))
    for (const name of readdirSync(join(kept, folder)))
      renameSync(join(kept, folder, name), join(root, 'dist/src', folder, name));
  rmSync(kept, { recursive: true });
}

export async function joinFolders() {
  restoreFolders();
  await Promise.all(folders.map(joinFolder));
}

async function joinFolder(folder) {
  const { build } = await esbuild();
  const home = join(root, 'dist/src', folder);
  const modules = readdirSync(home)
    .filter((name) => name.endsWith('.js') && name !== 'joined.js')
    .map((name) => basename(name, '.js'))
    .filter((name) => !apart.has(`${folder}/${name}`));
  const exported = await exportsOf(home, modules);
  const joined = modules.filter((name) => exported.get(name).length > 0);
  const lines = joined.map((name) => {
    const all = exported.get(name).map((key) => `${key} as ${joinedName(name, key)}`);
    return `export { ${all.join(', ')} } from './${name}.js';`;
  });
  await build({
    ...options,
    stdin: { contents: lines.join('\n'), resolveDir: home },
    outfile: join(home, 'joined.js'),
    sourcemap: true,
    plugins: [stayOutside((path) => path.startsWith('../') || apart.has(`${folder}/${basename(path, '.js')}`))],
  });
  mkdirSync(join(kept, folder), { recursive: true });
  for (const name of joined) {
    const path = join(home, `${name}.js`);
    const source = readFileSync(path, 'utf8');
    renameSync(path, join(kept, folder, `${name}.js`));
    writeFileSync(path, passOn(name, exported.get(name), source));
  }
}

/** With the header of what it stands for, which says what is in there. */
function passOn(name, keys, source) {
  const header = /^\/\*\*[\s\S]*?\*\/\n/.exec(source)?.[0] ?? '';
  const all = keys.map((key) => `${joinedName(name, key)} as ${key}`);
  return `${header}export { ${all.join(', ')} } from './joined.js';\n`;
}

/** Two modules of a folder may export the same name. What a stack or a bundler shows is the name that it has inside. */
function joinedName(module, key) {
  return `${module}$${key}`;
}

async function exportsOf(home, modules) {
  const { build } = await esbuild();
  const { metafile } = await build({
    ...options,
    entryPoints: modules.map((name) => join(home, `${name}.js`)),
    outdir: home,
    metafile: true,
    write: false,
    plugins: [stayOutside(() => true)],
  });
  const outputs = Object.values(metafile.outputs).filter(({ entryPoint }) => entryPoint !== undefined);
  return new Map(outputs.map(({ entryPoint, exports }) => [basename(entryPoint, '.js'), exports]));
}

/** In a fresh clone it is not installed yet when setup.mjs asks for what is above. */
function esbuild() {
  return import('esbuild');
}

const options = {
  absWorkingDir: root,
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
};

function stayOutside(isOutside) {
  return {
    name: 'what stays outside',
    setup: ({ onResolve }) => {
      onResolve({ filter: /^\./ }, ({ path, kind }) =>
        kind !== 'entry-point' && isOutside(path) ? { path, external: true } : undefined,
      );
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await joinFolders();
