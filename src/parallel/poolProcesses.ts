/**
 * The processes of one leader: started one at a time as they are wanted, as many as there are slots, and all gone when
 * it closes. A refusal is no error: there are fewer then, and `whyFewer` says why.
 *
 * Each is a background worker whose life ends with its leader's connection, so that no death of the leader leaves any.
 */
import { pathToFileURL } from 'node:url';
import { BgworkerError } from '../base/index.js';
import type { Client } from '../client/index.js';
import { clientFor, TooManyWorkersError } from '../client/index.js';
import { PACKAGE_FOLDER } from '../protocol/index.js';
import { PoolProcess } from './poolProcess.js';
import type { ProcessOptions } from './processOptions.js';
import { terminateTimeout } from './processOptions.js';

/** Where a run has its processes from: its own, or those that a pool lends it. */
export interface Processes {
  /** One more, which may still be starting; null when there is no slot for it. Throws what `register` throws. */
  tryStart(): Promise<PoolProcess | null>;
  /** One of them is gone: there is room for another. */
  forget(process: PoolProcess): void;
  /** Of the last refusal; null when there was none. */
  readonly whyFewer: string | null;
  /** Nothing is wanted of them any more. Resolves when those that are not kept are gone. Safe to repeat; never throws. */
  close(): Promise<void>;
  /** Where others want them too. */
  readonly sharing?: Sharing;
}

/** What those owe each other who have processes of the same pool. */
export interface Sharing {
  /** Somebody else waits for one: what has nothing to do should be given back. */
  readonly areWanted: boolean;
  /** Called when somebody comes who has to wait. */
  onWanted(listener: () => void): void;
  /** One that has nothing to do. */
  giveBack(process: PoolProcess): void;
}

export class PoolProcesses implements Processes {
  readonly #options: ProcessOptions;
  readonly #terminateTimeoutMs: number;
  readonly #processes = new Set<PoolProcess>();
  readonly #starts = new Set<Promise<unknown>>();
  #isClosed = false;
  #refusal: TooManyWorkersError | null = null;

  /** Throws `ERR_INVALID_ARGUMENT`. */
  constructor(options: ProcessOptions) {
    this.#terminateTimeoutMs = terminateTimeout(options);
    this.#options = options;
  }

  get whyFewer(): string | null {
    if (this.#refusal === null) return null;
    const { message, detail } = this.#refusal;
    return detail === undefined ? message : `${message}: ${detail}`;
  }

  /** The last one; null when there was none. */
  get refusal(): TooManyWorkersError | null {
    return this.#refusal;
  }

  async tryStart(): Promise<PoolProcess | null> {
    const starting = this.#start();
    this.#starts.add(starting);
    try {
      return await starting;
    } catch (error) {
      if (!(error instanceof TooManyWorkersError)) throw error;
      this.#refusal = error;
      return null;
    } finally {
      this.#starts.delete(starting);
    }
  }

  /** Its number can be given to another. */
  forget(process: PoolProcess): void {
    this.#processes.delete(process);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#starts.size + this.#processes.size > 0) {
      await Promise.allSettled(this.#starts);
      const processes = [...this.#processes];
      await Promise.all(processes.map((process) => process.kill()));
      for (const process of processes) this.#processes.delete(process);
    }
  }

  async #start(): Promise<PoolProcess> {
    // Nobody would end it.
    if (this.#isClosed) throw closed('it was closed before a start');
    const client = this.#options.client ?? (await clientFor());
    const { name = `parallel worker for PID ${process.pid}`, worker } = this.#options;
    const terminateTimeoutMs = this.#terminateTimeoutMs;
    const handle = await parallelCalls(client).register('parallelCalls', undefined, {
      class: 'parallel',
      ...worker,
      name,
      type: 'parallel worker',
      lifetime: 'client',
      terminateTimeoutMs,
    });
    const started = new PoolProcess({ number: this.#freeNumber(), handle, terminateTimeoutMs });
    this.#processes.add(started);
    if (this.#isClosed) throw closed('it was closed during a start');
    return started;
  }

  #freeNumber(): number {
    const taken = new Set([...this.#processes].map(({ number }) => number));
    for (let number = 0; ; number++) if (!taken.has(number)) return number;
  }
}

function closed(detail: string): BgworkerError {
  return new BgworkerError('ERR_POOL_CLOSED', 'the pool is closed', { detail });
}

type PoolWorkerModule = typeof import('./poolWorker.js');

/** By its path, so that a leader does not load what only its processes need. */
function parallelCalls(client: Client): ReturnType<typeof client.module<PoolWorkerModule>> {
  if (PACKAGE_FOLDER === undefined) {
    throw new BgworkerError('ERR_NO_PARALLEL_WORKER', 'a bundle has left behind what parallel workers run', {
      hint: 'leave bgworker out of the bundle (external), so that it is found in node_modules',
    });
  }
  return client.module<PoolWorkerModule>(pathToFileURL(`${PACKAGE_FOLDER}dist/src/parallel/poolWorker.js`));
}
