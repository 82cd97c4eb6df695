/**
 * The `ctx` of a function that the leader calls itself, where a run has no worker for it or the leader takes part: all of
 * worker/workerContext.ts, so that the function need not know where it is. What a process of its own would have done for
 * it is done for the run: its signal is the run's, its time and its latch end with that, its progress is the run's.
 *
 * Its log is no worker's, so the postmaster has no part in it: a line goes to standard error, in the form that the
 * postmaster's log has.
 */
import type { Client } from '../client/index.js';
import { clientFor } from '../client/index.js';
import type { WorkerPlace } from '../protocol/index.js';
import { Latch } from '../protocol/index.js';
import { every, makeLog, sleep } from '../worker/forLeaders.js';
import type { ContextLatch, WorkerContext, WorkerEntry } from '../worker/index.js';
import { noChannel } from './ownChannel.js';

export interface LeaderContextOptions {
  /** Of the run: aborts when it ends before its time. */
  readonly signal: AbortSignal;
  /** Whose function it is, if that is known. */
  readonly place?: WorkerPlace | undefined;
  /** Default: the one that `run` and `launch` use. */
  readonly client?: Client | undefined;
  /** Default: nobody wants to know. */
  readonly progress?: ((done: number, total: number | null) => void) | undefined;
}

export function leaderContext({ signal, place, client, progress }: LeaderContextOptions): WorkerContext {
  let terminated: Promise<void> | undefined;
  return Object.freeze({
    entry: entryOf(place),
    signal,
    get terminated() {
      terminated ??= new Promise((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      return terminated;
    },
    sleep: (ms: number) => sleep(ms, signal),
    every: (ms: number) => every(ms, signal),
    latch: latchEndedBy(signal),
    ready: () => {},
    progress: (done: number, total?: number) => progress?.(done, total ?? null),
    log: makeLog(({ level, message, fields }) => print(level, message, fields)),
    channel: noChannel,
    get client() {
      const given = client === undefined ? clientFor() : Promise.resolve(client);
      // Whoever awaits it is told; whoever only looked, `{ ...ctx }`, must not die of it.
      given.catch(() => {});
      return given;
    },
    onReload: () => () => {},
  });
}

function entryOf(place: WorkerPlace | undefined): WorkerEntry {
  return Object.freeze({
    name: `parallel leader with PID ${process.pid}`,
    type: 'parallel leader',
    class: 'parallel',
    module: place?.module ?? '',
    functionName: place?.exportName ?? null,
    handle: '',
    attempt: 1,
    restart: 'never',
  });
}

function latchEndedBy(runSignal: AbortSignal): ContextLatch {
  const latch = new Latch();
  return {
    get isSet() {
      return latch.isSet;
    },
    set: () => latch.set(),
    reset: () => latch.reset(),
    wait: ({ signal, ...options } = {}) =>
      latch.wait({ ...options, signal: signal === undefined ? runSignal : AbortSignal.any([runSignal, signal]) }),
  };
}

/** Pino's numbers, as in the postmaster's log. */
const LEVELS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const;

function print(level: keyof typeof LEVELS, message: string, fields: object | null): void {
  const { pid } = process;
  const line = { level: LEVELS[level], time: Date.now(), pid, name: 'bgworker', ...fields, worker: 'parallel leader' };
  process.stderr.write(`${JSON.stringify({ ...line, msg: message })}\n`);
}
