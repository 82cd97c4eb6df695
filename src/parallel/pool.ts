/**
 * A pool: processes that stay, and take one call after the other. What goes wrong with a call goes wrong with that call
 * alone, since no process ever has two: it is killed with its process, and the next call gets another one.
 *
 * The calls are in pooledCall.ts, who gets which process is decided in dispatcher.ts. Unlike a worker of `run()`, a process
 * keeps what one call leaves behind for the next: its modules, and whatever they remember.
 */
import { BgworkerError, checkTimeout } from '../base/index.js';
import type { ArgAndOptions, Client } from '../client/index.js';
import type { WorkerPlace, WorkerValue } from '../protocol/index.js';
import { describeGiven, findWorker, isWorkerValue } from '../protocol/index.js';
import type { Aggregate } from './aggregate.js';
import { Dispatcher } from './dispatcher.js';
import type { Names } from './given.js';
import { checkOptions } from './given.js';
import { LentProcesses } from './lentProcesses.js';
import type { MapOptions } from './map.js';
import { MAP_NAMES, mapOver } from './map.js';
import type { MapOutcome, ParallelRun } from './parallelRun.js';
import { PooledCall } from './pooledCall.js';
import { pack } from './poolProcess.js';
import type { Processes } from './poolProcesses.js';
import { PoolProcesses } from './poolProcesses.js';
import type { ParallelOptions, ProcessOptions } from './processOptions.js';
import { checkCount, defaultWorkers, MAX_WORKERS, PROCESS_NAMES } from './processOptions.js';
import type { ReduceOptions } from './reduce.js';
import { REDUCE_NAMES, reduceOver } from './reduce.js';
import type { Items } from './source.js';

/** What a pool is like. */
export interface PoolOptions extends ProcessOptions {
  /**
   * How many processes there are at most; fewer where there are not so many slots. Default: the number of processors.
   */
  readonly size?: number | undefined;
  /** How many calls may wait for a process; a further one is refused with `ERR_POOL_QUEUE_FULL`. Default 10000. */
  readonly maxQueue?: number | undefined;
}

/** How long a call may take, and what ends it early. */
export interface PoolRunOptions {
  /** Ends the call: one that waits leaves the queue, one that runs has its process killed. Rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * In milliseconds, from when a process has the call; then that process is killed and the call rejects with
   * `ERR_CALL_TIMED_OUT`. Default: no limit.
   */
  readonly timeoutMs?: number | undefined;
}

/** As for `parallelMap`; the processes are the pool's. */
export type PoolMapOptions = Omit<MapOptions, keyof ProcessOptions>;

/** As for `parallelReduce`; the processes are the pool's. */
export type PoolReduceOptions = Omit<ReduceOptions, keyof ProcessOptions>;

/** How a pool is closed. */
export interface PoolCloseOptions {
  /** What was asked for is done first. false: it is ended, and rejects with `ERR_POOL_CLOSED`. Default true. */
  readonly drain?: boolean | undefined;
}

const POOL_NAMES: Names<PoolOptions> = { size: true, maxQueue: true, ...PROCESS_NAMES };
const CALL_NAMES: Names<PoolRunOptions> = { signal: true, timeoutMs: true };

/** Long before so many wait nobody would still want the answer, and each holds its argument. */
const DEFAULT_MAX_QUEUE = 10_000;

/**
 * Makes a pool of processes. They are started when they are needed. It keeps the program alive only while a call, or its
 * closing, is awaited; its processes end with the program. Throws `ERR_INVALID_ARGUMENT`.
 */
export function createPool(options: PoolOptions = {}): Pool {
  return new Pool(options);
}

/** Processes that stay and take one call after the other; made by `createPool`. */
export class Pool implements AsyncDisposable {
  readonly #maxQueue: number;
  readonly #size: number;
  readonly #client: Client | undefined;
  readonly #processes: PoolProcesses;
  readonly #dispatcher: Dispatcher;
  readonly #calls = new Set<PooledCall>();
  readonly #lent = new Set<LentProcesses>();
  readonly #places = new WeakMap<object, WorkerPlace>();
  #state: 'open' | 'draining' | 'ending' = 'open';
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(options: PoolOptions) {
    checkOptions('createPool', options, POOL_NAMES);
    const { size = defaultWorkers(false), maxQueue = DEFAULT_MAX_QUEUE } = options;
    checkCount('size', size, 1, MAX_WORKERS);
    if (maxQueue !== Infinity) checkCount('maxQueue', maxQueue, 0);
    this.#maxQueue = maxQueue;
    this.#size = size;
    this.#client = options.client;
    this.#processes = new PoolProcesses(options);
    this.#dispatcher = new Dispatcher(size, this.#processes);
  }

  /**
   * Calls a function in one of the processes and gives what it returns, of whatever `v8.serialize` carries, to 63 MiB. What it
   * throws is thrown here again. Throws `WorkerError` when its process ended, whose `reason` says why; `WorkerStartError`
   * and `TooManyWorkersError` when there is no process for it; the signal's reason and `ERR_CALL_TIMED_OUT`, when the
   * process is gone; `ERR_POOL_QUEUE_FULL`, `ERR_POOL_CLOSED`, `ERR_NOT_SERIALIZABLE` and `PostmasterDiedError`.
   */
  async run<Arg, Result>(
    worker: WorkerValue<Arg, Result>,
    ...[arg, options = {}]: ArgAndOptions<Arg, PoolRunOptions>
  ): Promise<Result> {
    checkOptions('pool.run', options, CALL_NAMES);
    const { signal, timeoutMs = Infinity } = options;
    signal?.throwIfAborted();
    checkTimeout(timeoutMs);
    checkWorker(worker);
    this.#checkOpen();
    this.#checkRoom();
    const parcel = pack({ how: 'call', args: [arg], stopAtError: true });
    const value = await new Promise((resolve, reject) => {
      const over = (): void => void this.#calls.delete(call);
      const call = new PooledCall({
        ...{ dispatcher: this.#dispatcher, parcel, signal, timeoutMs },
        ...{ resolve, reject, over },
      });
      this.#calls.add(call);
      this.#findPlace(worker, call);
      this.#dispatcher.add(call);
    });
    return value as Result;
  }

  /** As `parallelMap`, by processes of this pool, which are warm and stay. `workers` defaults to the pool's size. */
  map<Item, Result>(
    items: Items<Item>,
    worker: WorkerValue<Item, Result>,
    options: PoolMapOptions & { readonly onError: 'yield' },
  ): ParallelRun<MapOutcome<Item, Result>>;
  map<Item, Result>(
    items: Items<Item>,
    worker: WorkerValue<Item, Result>,
    options?: PoolMapOptions & { readonly onError?: 'throw' | undefined },
  ): ParallelRun<Result>;
  map<Item, Result>(
    items: Items<Item>,
    worker: WorkerValue<Item, Result>,
    options: PoolMapOptions,
  ): ParallelRun<Result | MapOutcome<Item, Result>>;
  map<Item, Result>(
    items: Items<Item>,
    worker: WorkerValue<Item, Result>,
    options: PoolMapOptions = {},
  ): ParallelRun<unknown> {
    checkOptions('pool.map', options, MAP_NAMES);
    return mapOver(items, worker, this.#asOfPool(options), () => this.lend());
  }

  /** As `parallelReduce`, by processes of this pool, which are warm and stay. `workers` defaults to the pool's size. */
  async reduce<Item, State, Result>(
    items: Items<Item>,
    aggregate: Aggregate<Item, State, Result>,
    options: PoolReduceOptions = {},
  ): Promise<Result> {
    checkOptions('pool.reduce', options, REDUCE_NAMES);
    return reduceOver(items, aggregate, this.#asOfPool(options), () => this.lend());
  }

  /** Processes that are up. */
  get size(): number {
    return this.#dispatcher.up;
  }

  /** Why there are fewer processes than there may be: what the last start that was refused, or failed, said. Null if none was. */
  get whyFewer(): string | null {
    return this.#dispatcher.whyFewer;
  }

  /** Calls that wait for a process. */
  get queued(): number {
    return this.#dispatcher.waiting;
  }

  /** Processes that are at work. */
  get running(): number {
    return this.#dispatcher.taken;
  }

  /**
   * Ends it: no more calls are taken, and what was asked for is done first, or ended (`drain: false`). A run of `map` is
   * done when its results were taken or its loop was left, so not inside that loop. Resolves when all
   * processes are gone. Safe to repeat, also with `drain: false` when the first patience is over; never throws.
   */
  close({ drain = true }: PoolCloseOptions = {}): Promise<void> {
    if (this.#state === 'open') this.#state = 'draining';
    if (!drain && this.#state === 'draining') {
      this.#state = 'ending';
      for (const call of this.#calls) call.cancel(closed());
      for (const lent of this.#lent) void lent.revoke(closed());
    }
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * For a run of many items, until that closes them.
   * @internal
   */
  lend(): Processes {
    this.#checkOpen();
    const lent = new LentProcesses(this.#dispatcher);
    this.#lent.add(lent);
    void lent.over.then(() => this.#lent.delete(lent));
    return lent;
  }

  async #close(): Promise<void> {
    // A run may have none of its processes at the moment, and want some again.
    await Promise.all([...this.#lent].map(({ over }) => over));
    await this.#dispatcher.drained();
    await this.#processes.close();
  }

  #asOfPool<Options extends PoolMapOptions>(options: Options): Options & Pick<ParallelOptions, 'client' | 'workers'> {
    return { ...options, client: this.#client, workers: options.workers ?? this.#size };
  }

  #checkOpen(): void {
    if (this.#state !== 'open') throw closed();
  }

  #checkRoom(): void {
    // Whom a process is there for, or can be started for, does not wait for others.
    const waiting = this.queued - this.#dispatcher.free;
    if (waiting < this.#maxQueue) return;
    throw new BgworkerError('ERR_POOL_QUEUE_FULL', 'too many calls wait for a process of the pool', {
      detail: `${waiting} wait, ${this.#maxQueue} may; ${this.running} processes are at work`,
      hint: 'try again later, or let fewer ask at once; maxQueue and size are options of createPool',
    });
  }

  #findPlace(worker: WorkerValue<never, unknown>, call: PooledCall): void {
    const known = this.#places.get(worker);
    if (known !== undefined) {
      call.place = known;
      return;
    }
    findWorker(worker).then(
      (place) => {
        this.#places.set(worker, place);
        call.place = place;
        this.#dispatcher.look();
      },
      (error: unknown) => call.cancel(error),
    );
  }
}

function checkWorker(worker: unknown): void {
  if (isWorkerValue(worker)) return;
  throw new BgworkerError('ERR_NOT_A_WORKER', 'that is no worker', {
    detail: `got ${describeGiven(worker)}`,
    hint: 'give what defineWorker(import.meta, …) made, under the name it is exported by',
  });
}

function closed(): BgworkerError {
  return new BgworkerError('ERR_POOL_CLOSED', 'the pool is closed', { hint: 'make another one with createPool()' });
}
