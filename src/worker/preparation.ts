/**
 * Makes a process that of a certain worker, before its module is loaded: how its output is written, what it leaves when
 * its heap is exhausted, its title, its arguments, its priority.
 */
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Context, Job } from './context.js';

export async function prepareProcess({ worker, handle, attempt, directory }: Job, context: Context): Promise<void> {
  blockOutput();
  reportFatalErrors(`${directory}/reports`, `${handle.slot}-${handle.generation}-${attempt}.json`);
  // A title is shown by other programs; a name may not write on their terminals.
  process.title = `bgworker: ${worker.name.replace(/\p{C}+/gu, ' ')}`;
  if (worker.functionName === null) {
    // A script finds itself as if it had been started by hand. A module does not: one that compares argv[1] with its
    // own path, to see whether it is the program, is right to find that it is not.
    process.argv = [process.argv[0] ?? process.execPath, fileURLToPath(worker.module), ...worker.args];
  }
  if (worker.nice !== 0) await setPriority(worker.nice, context);
}

let usedStreams = 0;

/** Of stdout and stderr: each holds a pipe that the worker did not open. */
export function countUsedStreams(): number {
  return usedStreams;
}

interface WithHandle {
  readonly _handle?: { setBlocking?(blocking: boolean): number };
}

/**
 * Makes what a worker prints arrive. On Linux, Node writes to a pipe asynchronously, and at `process.exit()` or a kill
 * whatever the kernel has not taken is lost (of 1 MB, 146 to 292 KB arrived). So each stream is switched to blocking
 * writes when it is first used: a line is with the reader when the call returns, in order, and a worker that prints
 * faster than it is read waits. The streams are not loaded before: many workers print nothing. Files and terminals,
 * whose handles are another matter, are synchronous in Node anyway.
 */
function blockOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const lazy = Object.getOwnPropertyDescriptor(process, name);
    if (lazy?.get === undefined) continue;
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
}

/** Settings newer than the oldest Node. */
interface NewerReport {
  excludeNetwork?: boolean;
  excludeEnv?: boolean;
}

/**
 * Asks Node to leave a diagnostic report when it has to give up, so that the postmaster can tell an exhausted heap
 * (`trigger: OOMError`) from any other abort without reading stderr. The postmaster reads the file and removes it.
 */
function reportFatalErrors(directory: string, filename: string): void {
  const { report } = process;
  if (report === undefined) return;
  report.directory = directory;
  report.filename = filename;
  report.reportOnFatalError = true;
  const newer = report as NewerReport;
  // Looking up the name of every open connection's other end could take seconds.
  if ('excludeNetwork' in report) newer.excludeNetwork = true;
  // A worker's environment may hold secrets, and files outlive processes.
  if ('excludeEnv' in report) newer.excludeEnv = true;
}

async function setPriority(nice: number, context: Context): Promise<void> {
  const os = await import('node:os');
  try {
    os.setPriority(nice);
  } catch (error) {
    context.log.warn({ err: error as Error, nice }, 'its priority could not be set; it runs without');
  }
}
