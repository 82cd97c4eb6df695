/**
 * Makes a checkout ready to run: node_modules is what package-lock.json says, dist is what src and test say. What tsc
 * writes is what is tested and shipped, joined to fewer files (join-boot-files.mjs, join-folders.mjs).
 *
 * Every other script calls setup() first, so that `npm test` works in a fresh clone. It says in one line on stderr
 * what it does, and nothing when there is nothing to do (a few milliseconds).
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JOINED_FOLDERS, restoreFolders } from './join-folders.mjs';

export const root = fileURLToPath(new URL('..', import.meta.url));

const buildStamp = join(root, 'dist/.bgworker-stamp');
const buildInfo = join(root, 'dist/.tsbuildinfo');

export function setup() {
  install('.');
  build();
}

/** The packages of a folder of this checkout, if its package-lock.json is not the one of last time. */
export function install(folder) {
  const lock = join(folder, 'package-lock.json');
  const stamp = join(root, folder, 'node_modules/.bgworker-stamp');
  const wanted = hashOf([lock]);
  if (readIfThere(stamp) === wanted) return;
  say(`installing the packages of ${lock}`);
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { stdout: 'ignore', cwd: join(root, folder) });
  writeFileSync(stamp, wanted);
}

const JOINS = ['scripts/join-boot-files.mjs', 'scripts/join-folders.mjs'];

/** What is joined from what tsc writes. */
const JOINED = [
  ...['worker/boot', ...['boot', 'command', 'configuration', 'daemon'].map((name) => `postmaster/${name}`)].map(
    (name) => `dist/src/${name}.cjs`,
  ),
  ...JOINED_FOLDERS,
];

function build() {
  const sources = [...filesBelow('src'), ...filesBelow('test')];
  const outputs = new Set([...sources.flatMap(outputsOf), ...JOINED]);
  const wanted = hashOf([...sources, 'tsconfig.json', 'package-lock.json', ...JOINS]);
  const isComplete = [...outputs].every((path) => existsSync(join(root, path)));
  if (isComplete && readIfThere(buildStamp) === wanted) return;

  // The compiler believes its own notes and would not write again what somebody deleted.
  if (!isComplete) rmSync(buildInfo, { force: true });
  rmSync(buildStamp, { force: true });
  say(`compiling ${sources.length} files`);
  restoreFolders();
  for (const path of [...filesBelow('dist/src'), ...filesBelow('dist/test')]) {
    if (!outputs.has(path)) rmSync(join(root, path), { force: true });
  }
  for (const path of sources.filter(isAsset)) copyAsset(path);
  run(process.execPath, ['node_modules/typescript/bin/tsc', '--pretty', String(process.stderr.isTTY === true)]);
  for (const script of JOINS) run(process.execPath, [script]);
  writeFileSync(buildStamp, wanted);
}

function outputsOf(source) {
  if (isAsset(source)) return [`dist/${source}`];
  if (!source.endsWith('.ts') || source.endsWith('.d.ts')) return [];
  const stem = `dist/${source.slice(0, -'.ts'.length)}`;
  return [`${stem}.js`, `${stem}.js.map`, `${stem}.d.ts`];
}

/** What the programs need beside their JavaScript. Fixtures and transcripts of tests are read where they are. */
function isAsset(path) {
  return path.startsWith('src/') && path.endsWith('.sh');
}

function copyAsset(path) {
  const target = join(root, 'dist', path);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(root, path), target);
  chmodSync(target, statSync(join(root, path)).mode);
}

/** Paths of all files below a folder, relative to the root, with forward slashes, sorted. */
export function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(path) : [path];
    })
    .sort();
}

function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths)
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0');
  return hash.digest('hex');
}

function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function say(what) {
  process.stderr.write(`setup: ${what}\n`);
}

/** Runs a command that explains its own failures, so when it fails there is nothing to add and the script ends. */
function run(command, args, { stdout = process.stderr, cwd = root } = {}) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', stdout, process.stderr] });
  if (error) say(`${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setup();
