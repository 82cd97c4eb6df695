/**
 * The `ctx` of a worker's function that runs without a process: everything of worker/workerContext.ts, with the test's
 * clock as its time, and what the function says handed to whoever made it. It promises what the worker's own does; only
 * progress is told each time, since nobody's eyes have to be spared here.
 */
import { BgworkerError } from '../base/index.js';
import type { Client } from '../client/index.js';
import type { Channel, LogLevel } from '../protocol/index.js';
import { Latch } from '../protocol/index.js';
import type { ContextLatch, WorkerContext, WorkerEntry } from '../worker/index.js';
import type { Time } from '../worker/withoutProcess.js';
import { every, makeLog, sleep } from '../worker/withoutProcess.js';
import type { StopSignal } from './stopSignal.js';

/** What stands behind a context. */
export interface Background {
  readonly entry: WorkerEntry;
  readonly time: Time;
  readonly stop: StopSignal;
  ready(): void;
  progress(done: number, total: number | null): void;
  log(level: LogLevel, message: string, fields: { readonly [name: string]: unknown } | null): void;
  channel(): Channel;
  client(): Promise<Client>;
}

export class ContextFace {
  readonly ctx: WorkerContext;
  readonly #latch: Latch;
  readonly #reloadListeners = new Set<() => void>();

  constructor(behind: Background) {
    this.#latch = new Latch((ms, ring) => ({ stop: behind.time.start(ms, ring) }));
    this.ctx = this.#makeFace(behind);
  }

  wake(): void {
    this.#latch.set();
  }

  reload(): void {
    this.#latch.set();
    for (const listener of this.#reloadListeners) listener();
  }

  #makeFace(behind: Background): WorkerContext {
    const { entry, time, stop } = behind;
    const latch = endedBy(stop, this.#latch);
    const log = makeLog(({ level, message, fields }) => behind.log(level, message, fields));
    let client: Promise<Client> | undefined;
    let terminated: Promise<void> | undefined;
    return Object.freeze({
      entry,
      get signal() {
        return stop.heed();
      },
      get terminated() {
        terminated ??= whenAborted(stop.heed());
        return terminated;
      },
      sleep: (ms: number) => sleep(ms, stop.heed(), time),
      every: (ms: number) => every(ms, stop.heed(), time),
      latch,
      ready: () => behind.ready(),
      progress: (done: number, total?: number) => {
        checkProgress(done, total ?? null);
        behind.progress(done, total ?? null);
      },
      log,
      get channel() {
        return behind.channel();
      },
      get client() {
        client ??= behind.client();
        // Whoever awaits it is told; whoever only looked, `{ ...ctx }`, must not die of it.
        client.catch(() => {});
        return client;
      },
      onReload: (listener: () => void) => {
        this.#reloadListeners.add(listener);
        return () => void this.#reloadListeners.delete(listener);
      },
    });
  }
}

function endedBy(stop: StopSignal, latch: Latch): ContextLatch {
  return {
    get isSet() {
      return latch.isSet;
    },
    set: () => latch.set(),
    reset: () => latch.reset(),
    wait: ({ signal, ...options } = {}) => {
      const own = stop.heed();
      return latch.wait({ ...options, signal: signal === undefined ? own : AbortSignal.any([own, signal]) });
    },
  };
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** As worker/progress.ts has it. */
function checkProgress(done: number, total: number | null): void {
  if (Number.isFinite(done) && (total === null || Number.isFinite(total))) return;
  throw new TypeError(`progress is a finite number, or two: got ${String(done)} of ${String(total)}`);
}

/** What `ctx.client` rejects with where there is no postmaster to speak to. */
export function notAttached(name: string, hint: string): BgworkerError {
  return new BgworkerError('ERR_NOT_ATTACHED', 'this worker may not speak to its postmaster', { detail: name, hint });
}
