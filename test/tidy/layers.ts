/**
 * The rules about who imports whom: the layers of ARCHITECTURE.md as a table, front doors, and cycles.
 *
 * Type imports and `import()` count as much as any other, since they too decide what has to be read together.
 */
import { readFileSync } from 'node:fs';
import type { Import, Problem, Source } from './source.js';

const joinScript = new URL('../../../scripts/join-boot-files.mjs', import.meta.url);

/** What the files of a folder may import, always through the other folder's index. To change it, change the design. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  core: ['base'],
  shm: ['base'],
  protocol: ['base', 'core'],
  postmaster: ['base', 'core', 'protocol'],
  client: ['base', 'core', 'protocol'],
  worker: ['base', 'core', 'protocol', 'client'],
  dsm: ['base', 'core', 'protocol', 'client', 'shm'],
  parallel: ['base', 'core', 'protocol', 'client', 'shm', 'worker', 'dsm'],
  sqlite: ['base', 'parallel', 'client', 'shm', 'worker', 'dsm'],
  cluster: ['base', 'core', 'client'],
  dashboard: ['base', 'core', 'client'],
  testing: ['base', 'core', 'protocol', 'postmaster', 'client', 'worker'],
  cli: [
    'base',
    'core',
    'shm',
    'dsm',
    'protocol',
    'postmaster',
    'client',
    'worker',
    'parallel',
    'sqlite',
    'cluster',
    'dashboard',
  ],
};

/** A second front door, and who may use it: what the first must not bring to everybody else. */
const sideDoors: Readonly<Record<string, string>> = {
  'src/worker/withoutProcess.ts': 'testing',
  'src/worker/forLeaders.ts': 'parallel',
  'src/worker/forParallel.ts': 'parallel',
};

/** Which files may import a package at all. A package that is not here belongs to nobody yet. */
const packageOwners: Readonly<Record<string, readonly string[]>> = {
  commander: ['src/cli/'],
  valibot: ['src/postmaster/'],
  koffi: ['src/shm/libC.ts', 'src/postmaster/datagramSocket.ts'],
};

export function layerProblems(sources: readonly Source[]): Problem[] {
  return eachImport(sources, (source, { target }) => {
    const folder = folderOf(source.path);
    const allowed = folder === undefined ? Object.keys(mayImport) : mayImport[folder];
    if (allowed === undefined) return `give the folder src/${folder} a row in the layer table of test/tidy/layers.ts`;
    if (folder === undefined && source.path !== 'src/index.ts') return 'move the file into the folder of its concept';
    if (target === undefined) return undefined;
    if (!target.startsWith('src/')) return `${target} lies outside src: move what you need from it into src`;
    const other = folderOf(target);
    if (other === folder) return undefined;
    if (other === undefined) return 'src/index.ts is the front door for users: import from the folder that has it';
    const isDoor = target === `src/${other}/index.ts` || (target in sideDoors && sideDoors[target] === folder);
    if (!isDoor) return `go through src/${other}/index.ts: list there what you need`;
    if (!allowed.includes(other)) return `${folder} may not import ${other}: pass it in, or move the code down a layer`;
    return undefined;
  });
}

export function packageProblems(sources: readonly Source[]): Problem[] {
  return eachImport(sources, (source, { target, specifier }) => {
    if (target !== undefined || specifier.startsWith('node:')) return undefined;
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    const owners = packageOwners[name];
    if (owners === undefined)
      return `${name} has no owner: name the one file that may import it in test/tidy/layers.ts`;
    if (owners.some((owner) => source.path.startsWith(owner))) return undefined;
    return `only ${owners.join(' and ')} may import ${name}: call what they export`;
  });
}

export function bootProblems(sources: readonly Source[]): Problem[] {
  return eachImport(sources, (source, { kind, specifier }) => {
    if (source.path !== 'src/worker/main.ts' || kind !== 'static' || specifier.startsWith('node:')) return undefined;
    return `every worker pays for ${specifier} when it boots: import() it after the first message, or make it a type import`;
  });
}

/** An import of it runs its getters, one of which opens standard error from Node 22 on; `require` gives it untouched. */
export function standardErrorProblems(sources: readonly Source[]): Problem[] {
  return eachImport(sources, (source, { kind, specifier }) => {
    const isInWorker = ['base', 'core', 'protocol', 'worker', 'client'].includes(folderOf(source.path) ?? '');
    if (!isInWorker || kind === 'type' || specifier !== 'node:util') return undefined;
    return 'an import of node:util opens standard error in every worker: take what you need by createRequire';
  });
}

/** The files of a worker's boot, as the build joins them. */
const bootFiles: readonly string[] = [
  ...(/workerFiles = \[([\s\S]*?)\];/.exec(readFileSync(joinScript, 'utf8'))?.[1] ?? '').matchAll(/'(\w+)'/g),
].map(([, name = '']) => `src/worker/${name}.ts`);

export function secondCopyProblems(sources: readonly Source[]): Problem[] {
  return eachImport(sources, (source, { kind, target }) => {
    if (kind === 'type' || target === undefined || !bootFiles.includes(target)) return undefined;
    // The side door is for those who start no worker's process.
    if (bootFiles.includes(source.path) || source.path in sideDoors) return undefined;
    return `${target} is joined into worker/boot.cjs, and this would load a second copy: hand over what is needed of it`;
  });
}

export function ownIndexProblems(sources: readonly Source[]): Problem[] {
  return eachImport(sources, (source, { target }) => {
    if (!target?.endsWith('/index.ts')) return undefined;
    const isInside = source.path.startsWith(target.slice(0, -'index.ts'.length));
    return isInside ? `import the file that defines it: ${target} is for other folders` : undefined;
  });
}

/** One problem for each import that closes a circle, whatever the kind of import. */
export function cycleProblems(sources: readonly Source[]): Problem[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const done = new Set<string>();
  const problems: Problem[] = [];
  const visit = (source: Source, way: readonly string[]): void => {
    for (const { target, line } of source.imports) {
      const next = target === undefined ? undefined : byPath.get(target);
      if (next === undefined || done.has(next.path)) continue;
      const start = way.indexOf(next.path);
      if (start === -1) visit(next, [...way, next.path]);
      else {
        const circle = [...way.slice(start), next.path].join(' → ');
        problems.push({ path: source.path, line, advice: `break the cycle ${circle}: move what both need below both` });
      }
    }
    done.add(source.path);
  };
  for (const source of sources) if (!done.has(source.path)) visit(source, [source.path]);
  return problems;
}

function eachImport(
  sources: readonly Source[],
  adviceFor: (source: Source, found: Import) => string | undefined,
): Problem[] {
  return sources
    .filter((source) => source.path.startsWith('src/'))
    .flatMap((source) =>
      source.imports.flatMap((found) => {
        const advice = adviceFor(source, found);
        return advice === undefined ? [] : [{ path: source.path, line: found.line, advice }];
      }),
    );
}

/** `src/cli/commands/run.ts` is in `cli`; a file directly in src is in no folder. */
function folderOf(path: string): string | undefined {
  const [, folder, file] = path.split('/');
  return file === undefined ? undefined : folder;
}
