/**
 * `node fork-child.js <what> [--dofork] [--busy-parent]`: calls fork(2) in a running Node and tries one thing in the
 * child, which then ends without any of Node's own clean-up. Prints a line of JSON. fork.js runs it, and ends what hangs.
 *
 * The child reports through a blocking write on a pipe of its own, which needs neither the event loop nor a thread.
 */

import { execFile } from 'node:child_process';
import { readFileSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import net from 'node:net';
import { Worker } from 'node:worker_threads';

const koffi = createRequire(import.meta.url)('koffi');
const libc = koffi.load('libc.so.6');
const fork = libc.func('int fork()');
const exitNow = libc.func('void _exit(int)');
const waitpid = libc.func('int waitpid(int, void *, int)');

const madvise = libc.func('int madvise(uintptr_t, size_t, int)');
const MADV_DOFORK = 11;
const WNOHANG = 1;

function takeBackDontFork() {
  for (const line of readFileSync('/proc/self/maps', 'latin1').trim().split('\n')) {
    const [from, to] = line
      .split(' ', 1)[0]
      .split('-')
      .map((text) => BigInt(`0x${text}`));
    madvise(from, to - from, MADV_DOFORK);
  }
}

/** Each resolves when the thing was done. */
const THINGS = {
  'compute 50 ms': () => {
    const until = performance.now() + 50;
    let sum = 0;
    while (performance.now() < until) sum += Math.sqrt(sum + 1);
  },
  'a promise': () => Promise.resolve(),
  'setTimeout 10 ms': () => new Promise((resolve) => setTimeout(resolve, 10)),
  'allocate 200 MB (GC)': () => {
    let last = [];
    for (let n = 0; n < 2_000; n += 1) last = Array.from({ length: 2_500 }, (_, at) => ({ at, last: at % 7 }));
    return last;
  },
  'global.gc()': () => globalThis.gc(),
  'fs.promises.readFile': () => readFile(import.meta.filename ?? new URL(import.meta.url).pathname),
  '100 reads in a row': async () => {
    for (let n = 0; n < 100; n += 1) await readFile(new URL(import.meta.url));
  },
  'import() of a file': () => import('./imported.js'),
  'new Worker': () =>
    new Promise((resolve, reject) => {
      const thread = new Worker('0', { eval: true });
      thread.once('error', reject);
      thread.once('exit', resolve);
    }),
  child_process: () =>
    new Promise((resolve, reject) => execFile('/bin/true', (error) => (error ? reject(error) : resolve()))),
  'connect a socket': () =>
    new Promise((resolve, reject) => {
      const server = net
        .createServer((socket) => socket.end())
        .listen(0, '127.0.0.1', () => {
          net.connect(server.address().port, '127.0.0.1').on('error', reject).on('close', resolve).resume();
        });
    }),
};

const [what] = process.argv.slice(2);
const thing = THINGS[what];
if (thing === undefined) {
  process.stdout.write(`${JSON.stringify(Object.keys(THINGS))}\n`);
  process.exit(0);
}

// Warm: every thread there is has worked, as in a service that has run for a while.
await Promise.all(Array.from({ length: 8 }, () => readFile(new URL(import.meta.url))));
for (let n = 0; n < 50; n += 1) Array.from({ length: 10_000 }, (_, at) => ({ at }));
await new Promise((resolve) => setTimeout(resolve, 20));

// V8 tells the kernel to leave its heap out of a fork (MADV_DONTFORK), since Node only ever forks to execute something
// else. With --dofork that is taken back for every mapping before the fork.
if (process.argv.includes('--dofork')) takeBackDontFork();

const started = process.hrtime.bigint();
const pid = fork();
if (pid === 0) {
  const here = process.hrtime.bigint();
  const say = (word) => {
    writeSync(1, `${JSON.stringify({ word, forkMs: Number(here - started) / 1e6 })}\n`);
    exitNow(0);
  };
  try {
    const done = thing();
    if (done instanceof Promise)
      done.then(
        () => say('done'),
        (error) => say(`${error.code ?? error.message}`),
      );
    else say('done');
  } catch (error) {
    say(`${error.code ?? error.message}`);
  }
} else {
  // Without --busy-parent it does nothing meanwhile: the child has the shared descriptors of the loop to itself.
  if (!process.argv.includes('--busy-parent')) waitpid(pid, null, 0);
  else while (waitpid(pid, null, WNOHANG) === 0) await readFile(new URL(import.meta.url));
  exitNow(0);
}
