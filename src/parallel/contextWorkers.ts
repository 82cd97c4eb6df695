/**
 * The workers of a parallel context: launching them in order, using those again that are there, waiting for all of them, and
 * ending them. The first failure of any of them is the failure of all, and every wait then rejects with it.
 *
 * Waits are those of the member that shares the memory, so they end too when the memory is lost or the postmaster dies, and
 * are seen where workers are looked at. PostgreSQL: LaunchParallelWorkers and the WaitForParallelWorkers… of parallel.c.
 */
import { BgworkerError } from '../base/index.js';
import type { BackgroundWorkerHandle, Client } from '../client/index.js';
import { TooManyWorkersError } from '../client/index.js';
import type { DsmSegment } from '../dsm/index.js';
import type { Chunk, TableOfContents } from '../shm/index.js';
import { CONTENTS_KEYS } from './contentsKeys.js';
import { createQueue } from './errorQueue.js';
import type { ParticipantReport, Progress } from './explain.js';
import type { FirstFailure } from './firstFailure.js';
import type { WorkerListener } from './launchedWorker.js';
import { LaunchedWorker } from './launchedWorker.js';
import type { ProcessOptions } from './processOptions.js';
import { terminateTimeout } from './processOptions.js';
import type { ParallelWorkerArgument } from './workerMain.js';
import { ParallelWorkerMain } from './workerMain.js';

/** Where they are. */
export interface WorkersHome {
  readonly client: Client;
  readonly segment: DsmSegment;
  readonly contents: TableOfContents;
}

/** What they are to run. */
export interface Run {
  readonly workers: number;
  readonly command: Uint8Array;
  readonly module: string;
}

/** For what a wait is. */
export interface WorkersWait {
  /** As it is shown, if the leader is a worker. */
  readonly event: string;
  readonly isSo: (worker: LaunchedWorker) => boolean;
}

export class ContextWorkers {
  readonly #home: WorkersHome;
  readonly #options: ProcessOptions;
  readonly #timeoutMs: number;
  readonly #member: Chunk['member'];
  /** By number. Some may have died since. */
  readonly #workers = new Map<number, LaunchedWorker>();
  /** Those that were given the present run, or the last. */
  #run: readonly LaunchedWorker[] = [];
  #whyFewer: string | null = null;
  readonly #failure: FirstFailure;
  readonly #lookers = new Set<() => void>();
  readonly #progressListeners = new Set<(number: number, progress: Progress) => void>();
  readonly #listener: WorkerListener = {
    changed: () => this.#lookAll(),
    failed: (error) => (isLoss(error) ? void this.#tellLoss(error) : this.#failure.set(error)),
    progressed: (number, progress) => {
      for (const listener of [...this.#progressListeners]) listener(number, progress);
    },
  };

  constructor(home: WorkersHome, options: ProcessOptions, failure: FirstFailure) {
    this.#home = home;
    this.#options = options;
    this.#failure = failure;
    this.#timeoutMs = terminateTimeout(options);
    this.#member = home.segment.chunk().member;
  }

  /** How many were given the run. */
  get launched(): number {
    return this.#run.length;
  }

  /** Who was given it, in the order of their numbers, which may have gaps. */
  get run(): readonly LaunchedWorker[] {
    return this.#run;
  }

  get whyFewer(): string | null {
    return this.#whyFewer;
  }

  onProgress(listener: (number: number, progress: Progress) => void): () => void {
    this.#progressListeners.add(listener);
    return () => void this.#progressListeners.delete(listener);
  }

  /**
   * Gives the run to idle workers, and to new ones, in order, up to the first that is refused (R-PAR-6). `mayGoOn` throws
   * when no more are wanted.
   */
  async launch({ workers, command, module }: Run, mayGoOn: () => void): Promise<number> {
    this.#whyFewer = null;
    const run: LaunchedWorker[] = [];
    this.#run = run;
    for (let number = 0; number < workers; number++) {
      const worker = await this.#orLoss(this.#workerFor(number));
      mayGoOn();
      if (worker === null) continue;
      worker.run(command, module);
      run.push(worker);
    }
    return run.length;
  }

  /** Resolves when it is so of each worker of the run. Rejects with the failure. */
  async wait({ event, isSo }: WorkersWait): Promise<void> {
    const look = (): true | undefined => {
      this.#failure.check();
      return this.#run.every(isSo) ? true : undefined;
    };
    if (look() === true) return;
    const listen = (again: () => void): (() => void) => {
      this.#lookers.add(again);
      const unlisten = this.#failure.listen(again);
      return () => {
        this.#lookers.delete(again);
        unlisten();
      };
    };
    await this.#orLoss(this.#member.wait({ event, look, sleep: () => {}, rise: () => {}, listen }));
  }

  /** Of the run, when it has finished. */
  get reports(): readonly ParticipantReport[] {
    return this.#run.flatMap(({ report }) => report ?? []);
  }

  /** What is to be thrown where it was noticed that the memory is gone. */
  whyLost(error: Error): Promise<Error> {
    return whyLost(this.#home.client, error);
  }

  /** Ends those from a number on; resolves when they are gone. Never fails. */
  async end(from: number): Promise<void> {
    const ended = [...this.#workers.values()].filter(({ number }) => number >= from);
    await Promise.all(ended.map((worker) => worker.end(this.#timeoutMs)));
    for (const { number } of ended) this.#workers.delete(number);
  }

  /** An idle one, or a new one; null when there is none to be had. */
  async #workerFor(number: number): Promise<LaunchedWorker | null> {
    const known = this.#workers.get(number);
    if (known?.isIdle === true) return known;
    if (this.#whyFewer !== null) return null;
    // It has died since its last run: what is left of it is in the way of another.
    if (known !== undefined) await known.end(this.#timeoutMs);
    const { segment, contents } = this.#home;
    const errors = createQueue(segment, contents, CONTENTS_KEYS.errorQueues, number);
    const commands = createQueue(segment, contents, CONTENTS_KEYS.commandQueues, number);
    const handle = await this.#register(number);
    if (handle === null) return null;
    const worker = new LaunchedWorker({ number, handle, errors, commands, listener: this.#listener });
    this.#workers.set(number, worker);
    return worker;
  }

  /** R-PAR-5. */
  async #register(number: number): Promise<BackgroundWorkerHandle | null> {
    const { client, segment } = this.#home;
    const { name = `parallel worker for PID ${process.pid}`, worker } = this.#options;
    const arg: ParallelWorkerArgument = { segment: segment.handle, number };
    try {
      return await client.register(ParallelWorkerMain, arg, {
        ...worker,
        class: worker?.class ?? 'parallel',
        name,
        type: 'parallel worker',
        restart: 'never',
        lifetime: 'client',
        terminateTimeoutMs: this.#timeoutMs,
      });
    } catch (error) {
      if (!(error instanceof TooManyWorkersError)) throw error;
      this.#whyFewer = error.detail ?? error.message;
      return null;
    }
  }

  async #orLoss<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      if (!isLoss(error)) throw error;
      await this.#tellLoss(error);
      throw this.#failure.error ?? error;
    }
  }

  async #tellLoss(error: Error): Promise<void> {
    this.#failure.set(await whyLost(this.#home.client, error));
  }

  #lookAll(): void {
    for (const look of [...this.#lookers]) look();
  }
}

/** Whether it says that the connection has broken, and with it the memory was lost. */
export function isLoss(error: unknown): error is BgworkerError {
  return error instanceof BgworkerError && (error.code === 'ERR_MEMORY_LOST' || error.code === 'ERR_UNSURE');
}

/** The connection breaks before anybody knows what became of the postmaster. That is asked; gives what is to be thrown. */
export async function whyLost(client: Client, error: Error): Promise<Error> {
  try {
    await client.postmasterStatus();
    return error;
  } catch (why) {
    return why instanceof Error ? why : error;
  }
}
