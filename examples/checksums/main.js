/**
 * The SHA-256 of every file below a directory, by as many background workers as there are processors, compared with
 * what sha256sum says; and beside them three workers that cannot start, and why.
 *
 *   node main.js [directory]     by default the repository this file is in
 *
 * Ends by itself; exit code 0 when everything agrees.
 */
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startPostmaster } from 'bgworker';
import { filesBelow, shareOut } from './files.js';
import { hashFiles } from './hashFiles.js';
import { Screen } from './screen.js';
import { hasSha256sum, sha256sum } from './sha256sum.js';

const USAGE = 'usage: npm start -- [directory]';

const directory = readArguments(process.argv.slice(2));
const screen = new Screen(process.stdout);
screen.say(`Looking for files below ${directory}.`);
const files = filesBelow(directory);
if (files.length === 0) fail(`there are no files below ${directory}`, 'name another directory');

const shares = shareOut(files, Math.min(availableParallelism(), files.length));
screen.say(`${files.length} files, for ${counted(shares.length, 'background worker')}.`);
const started = performance.now();

const client = await startPostmaster({ maxWorkerProcesses: shares.length + 3 });
const [hashed, failures] = await Promise.all([hashAll(), startBroken()]);
const { pids, batches } = hashed;
await client.close();
const hashedMs = performance.now() - started;

const wrong = await compare(hashed.hashes);
sayWhatToNotice();
process.exitCode = wrong === 0 && failures.length === 3 ? 0 : 1;

/** One worker for each share; what they find comes through their channels. */
async function hashAll() {
  const hashes = new Map();
  const pids = [];
  let batches = 0;
  let bytes = 0;
  await Promise.all(
    shares.map(async (share, index) => {
      const name = `hash ${index + 1}`;
      const handle = await client.register(hashFiles, { paths: share.paths, bytes: share.bytes }, { name });
      screen.follow(name, () => ({ ...lookAt(handle), files: share.paths.length, bytes: share.bytes }));
      for await (const batch of handle.channel) {
        batches++;
        for (const [path, hash] of batch) hashes.set(path, hash);
      }
      // Had the worker not started, or died on its way, this would say why.
      bytes += (await handle.result()).bytes;
      pids.push(handle.pid);
      screen.done(name);
    }),
  );
  screen.close();
  return { hashes, pids, batches, bytes };
}

/** Three workers that cannot start. Each answer comes by itself; nobody waits for a time-out. */
async function startBroken() {
  const told = [];
  await Promise.all(
    ['missing.js', 'throwsAtImport.js', 'killedAtImport.js'].map(async (file) => {
      const asked = performance.now();
      try {
        await client.module(new URL(file, import.meta.url)).launch('main', undefined, { name: file });
      } catch (error) {
        const ms = Math.round(performance.now() - asked);
        told.push({ kind: error.reason.kind, ms });
        const [sentence] = error.message.split('\n');
        screen.say(`Cannot start, and that was known after ${ms} ms: ${sentence}.`);
      }
    }),
  );
  return told;
}

function lookAt({ pid, progress, phase }) {
  return { pid, progress, phase };
}

/** Gives how many files disagree. A file that somebody changed since is not one of them. */
async function compare(hashes) {
  if (!hasSha256sum()) {
    screen.say('sha256sum is not installed here, so the checksums were compared with nothing.');
    return 0;
  }
  const theirs = await sha256sum(files.map(({ path }) => path));
  let disagreements = 0;
  let changed = 0;
  for (const file of files) {
    if ((hashes.get(file.path) ?? null) === (theirs.get(file.path) ?? null)) continue;
    if (file.hasChanged()) changed++;
    else {
      disagreements++;
      screen.say(`they disagree about ${file.path}`);
    }
  }
  const compared = files.length - changed;
  screen.say(`sha256sum agrees on ${compared - disagreements} of ${compared} files.`);
  if (changed > 0) screen.say(`${counted(changed, 'file')} changed meanwhile and could not be compared.`);
  const unreadable = [...hashes.values()].filter((hash) => hash === null).length;
  if (unreadable > 0) screen.say(`${counted(unreadable, 'file')} could be read by neither.`);
  return disagreements;
}

function sayWhatToNotice() {
  const slowest = Math.max(...failures.map(({ ms }) => ms));
  const left = pids.filter(isThere).length;
  screen.say(`
What to notice:
- ${hashed.hashes.size} checksums (${(hashed.bytes / 1e6).toFixed(1)} MB) came from ${counted(pids.length, 'process', 'es')} in ${(hashedMs / 1000).toFixed(1)} s, in ${counted(batches, 'message')} through their channels.
- ${counted(failures.length, 'worker')} could not start: ${failures.map(({ kind }) => kind).join(', ')}. Each was known for certain, the slowest after ${slowest} ms, while the others worked on undisturbed.
- Nothing was configured, and nothing is left: of ${counted(pids.length, 'worker')}, ${left === 0 ? 'none' : left} is still there.`);
}

function isThere(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function readArguments(args) {
  const [path, ...more] = args;
  if (path?.startsWith('-')) fail(`unknown option ${path}`, USAGE);
  if (more.length > 0) fail(`one directory at a time, not ${args.length}`, USAGE);
  const directory = path === undefined ? fileURLToPath(new URL('../..', import.meta.url)) : resolve(path);
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found === undefined) fail(`${directory} is not there`, USAGE);
  if (!found.isDirectory()) fail(`${directory} is no directory`, USAGE);
  return directory;
}

function fail(message, hint) {
  process.stderr.write(`checksums: ${message}\nhint: ${hint}\n`);
  process.exit(1);
}

function counted(count, word, plural = 's') {
  return `${count} ${word}${count === 1 ? '' : plural}`;
}
