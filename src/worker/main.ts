/**
 * The first file of every worker process. The order is the point of it: signals first, so that none can end the
 * process unheard; then the output, before anything can be printed; then hello, so that the postmaster knows that Node
 * is up; and only then the rest of the runtime, which loads while the postmaster gets the job ready. Nothing of ours is
 * imported before. What it imports then is not looked for on disk: the build joins it all into one file, boot.cjs
 * (scripts/join-boot-files.mjs), which is what a worker is started with.
 *
 * Descriptors: 3 to the postmaster, 4 from it (postmasterLine.ts). Signals: SIGTERM asks to stop, SIGHUP to reload;
 * SIGINT is left alone, since a worker has a session of its own and no terminal sends it one.
 *
 * Model: StartBackgroundWorker in bgworker.c, up to the point where the library is loaded.
 */
import { writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { WorkerSignal } from './entryPoint.js';

if (process.env['BGWORKER_ROLE'] !== 'worker') {
  process.stderr.write('bgworker: this file is started by the postmaster, not by hand; see "bgworker run"\n');
  process.exit(64);
}
// Whatever the worker starts is not a worker, unless a postmaster says so again.
delete process.env['BGWORKER_ROLE'];

/** Those that come before the runtime can take them. */
const early: WorkerSignal[] = [];
let takeSignal = (signal: WorkerSignal): void => {
  early.push(signal);
};
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => takeSignal(signal));

let usedStreams = 0;
for (const name of ['stdout', 'stderr'] as const) blockOutput(name);

/** As protocol/introduction.ts has it; a test holds them together. */
const copy = { protocol: 1, version: '0.1.0', path: fileURLToPath(new URL('../../..', import.meta.url)) };
sayHello();

void import('./entryPoint.js').then(({ runWorker }) =>
  runWorker({
    ...copy,
    takeSignals: (handler) => {
      takeSignal = handler;
      for (const signal of early) handler(signal);
    },
    countUsedStreams: () => usedStreams,
  }),
);

interface WithHandle {
  readonly _handle?: { setBlocking?(blocking: boolean): number };
}

/**
 * Makes what a worker prints arrive. On Linux, Node writes to a pipe asynchronously, and at `process.exit()` or a kill
 * whatever the kernel has not taken is lost (of 1 MB, 146 to 292 KB arrived). So each stream is switched to blocking
 * writes when it is first used: a line is with the reader when the call returns, in order, and a worker that prints
 * faster than it is read waits. The streams are not loaded before: many workers print nothing. Files and terminals
 * are synchronous in Node anyway.
 */
function blockOutput(name: 'stdout' | 'stderr'): void {
  const lazy = Object.getOwnPropertyDescriptor(process, name);
  if (lazy?.get === undefined) return;
  Object.defineProperty(process, name, {
    ...lazy,
    get(): Writable {
      Object.defineProperty(process, name, lazy);
      usedStreams += 1;
      const stream = process[name];
      (stream as unknown as WithHandle)._handle?.setBlocking?.(true);
      return stream;
    },
  });
}

/** The frame of protocol/frame.ts and the words of protocol/introduction.ts, made by hand; a test holds them together. */
function sayHello(): void {
  const header = Buffer.from(
    JSON.stringify({
      type: 'hello',
      protocol: copy.protocol,
      package: copy.version,
      path: copy.path,
      node: process.version,
      pid: process.pid,
    }),
  );
  const frame = Buffer.allocUnsafe(8 + header.length);
  frame.writeUInt32BE(4 + header.length, 0);
  frame.writeUInt32BE(header.length, 4);
  header.copy(frame, 8);
  writeSync(3, frame);
}
