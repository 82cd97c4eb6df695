/**
 * The first file of every worker process. The order is the point of it: signals first, so that none can end the
 * process unheard; then hello, so that the postmaster knows that Node is up; and only then the rest of the runtime,
 * which loads while the postmaster gets the job ready. Nothing of ours is imported before: every file costs a worker
 * about a quarter of a millisecond of its start.
 *
 * Descriptors: 3 to the postmaster, 4 from it (postmasterLine.ts). Signals: SIGTERM asks to stop, SIGHUP to reload;
 * SIGINT is left alone, since a worker has a session of its own and no terminal sends it one.
 *
 * Model: StartBackgroundWorker in bgworker.c, up to the point where the library is loaded.
 */
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PackageCopy, WorkerSignal } from './entryPoint.js';

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

/** As protocol/introduction.ts has it; a test holds them together. */
const copy: PackageCopy = { version: '0.1.0', path: fileURLToPath(new URL('../../..', import.meta.url)) };
sayHello();

const { runWorker } = await import('./entryPoint.js');
runWorker(copy, (handler) => {
  takeSignal = handler;
  for (const signal of early) handler(signal);
});

/** The frame of protocol/frame.ts and the words of protocol/introduction.ts, made by hand; a test holds them together. */
function sayHello(): void {
  const header = Buffer.from(
    JSON.stringify({
      type: 'hello',
      protocol: 1,
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
