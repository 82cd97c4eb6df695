/**
 * How the parts of a run are done: a worker's function is called with each item, or an aggregate's with all of a part,
 * by a process that is told so, or here in the leader.
 *
 * What comes from the leader must be what would have come from a process. So there too a function is given copies, which
 * it may change, what cannot be carried between processes is refused in its place, and of a result there is what would
 * have arrived. While the leader is at it, its event loop turns every few milliseconds, as far as a function lets it.
 */
import { setImmediate } from 'node:timers/promises';
import type { Client } from '../client/index.js';
import type { WorkerPlace, WorkerValue } from '../protocol/index.js';
import {
  deserializeValue,
  findWorker,
  fromErrorRecord,
  serializeValue,
  toErrorRecord,
  workerBrand,
} from '../protocol/index.js';
import type { WorkerContext } from '../worker/index.js';
import type { Part } from './batch.js';
import type { PartWork } from './batchRun.js';
import type { Progress } from './explain.js';
import { leaderContext } from './leaderContext.js';
import type { Answer, Concerned, PoolProcess } from './poolProcess.js';
import { pack } from './poolProcess.js';

/** For so long the leader is at it before others of its process have their turn. */
const TURN_MS = 5;

export interface CallsOptions {
  readonly worker: WorkerValue<never>;
  /** With each item, or with the list of them. */
  readonly how: 'map' | 'accumulate';
  readonly stopAtError: boolean;
  /** What a process has not begun then it gives back; undefined: it does all of it. */
  readonly withinMs: number | undefined;
  /** For the leader's own context. */
  readonly client: Client | undefined;
}

export class Calls implements PartWork {
  readonly #options: CallsOptions;
  #place: WorkerPlace = { module: '', exportName: '' };
  #ctx: WorkerContext | undefined;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** Also where the leader is alone: what is not exported works with no worker. Rejects with `ERR_WORKER_NOT_EXPORTED`. */
  async prepare(): Promise<void> {
    this.#place = await findWorker(this.#options.worker);
  }

  /** Throws where what has to stay together cannot be sent. */
  inProcess(process: PoolProcess, { items }: Part, progress: Progress, concerned: Concerned): number {
    const { how, stopAtError } = this.#options;
    const parcel = pack({ how, args: items, stopAtError, withinMs: this.#options.withinMs, progress });
    process.give(this.#place, parcel, concerned);
    return parcel.order.bytes.byteLength;
  }

  async inLeader({ items }: Part, signal: AbortSignal): Promise<Answer> {
    // The answers of the processes first: their next parts are what there is to lose.
    await setImmediate();
    this.#ctx ??= leaderContext({ signal, place: this.#place, client: this.#options.client });
    const startedAt = performance.now();
    const errors = new Map<number, Error>();
    const values = await (this.#options.how === 'map'
      ? this.#callWithEach(items, errors, signal)
      : this.#callWithAll(items, errors));
    return { values, errors, done: items.length, failure: null, ms: performance.now() - startedAt, bytes: 0 };
  }

  async #callWithEach(items: readonly unknown[], errors: Map<number, Error>, signal: AbortSignal): Promise<unknown[]> {
    const values = new Array<unknown>(items.length).fill(undefined);
    let turnAt = performance.now() + TURN_MS;
    for (const [index, item] of items.entries()) {
      try {
        const value = this.#call(copy(item, 'item'));
        // Waiting for what is there already would take a turn for each item.
        values[index] = copy(isThenable(value) ? await value : value, 'result');
      } catch (error) {
        errors.set(index, asError(error));
        if (this.#options.stopAtError) break;
      }
      if (performance.now() < turnAt) continue;
      await setImmediate();
      if (signal.aborted) break;
      turnAt = performance.now() + TURN_MS;
    }
    return values;
  }

  async #callWithAll(items: readonly unknown[], errors: Map<number, Error>): Promise<unknown[]> {
    try {
      return [copy(await this.#call(copy(items, 'items')), 'result')];
    } catch (error) {
      errors.set(0, asError(error));
      return [undefined];
    }
  }

  #call(arg: unknown): unknown {
    return this.#options.worker[workerBrand].fn(this.#ctx as never, arg as never);
  }
}

/** As a process would be given it. Throws `ERR_NOT_SERIALIZABLE`. */
function copy(value: unknown, what: string): unknown {
  switch (typeof value) {
    case 'object':
    case 'function':
    case 'symbol':
      return value === null ? null : deserializeValue(serializeValue(value, what));
    default:
      return value;
  }
}

/** Anything can be thrown; what is no error arrives from a process as one, and here too. */
function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : fromErrorRecord(toErrorRecord(thrown));
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value;
}
