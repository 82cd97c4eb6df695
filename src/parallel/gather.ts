/**
 * Gather: a plan runs in several workers and in the leader at once, each of which gives some of its rows, and the caller gets
 * all of them, in no particular order. Once by `gather`, or many times over the same warm workers by a `Gather`.
 *
 * How it goes: gatherLife.ts (who takes part), gatherRun.ts (one run), rowSources.ts (whose row is next), gatherMain.ts (a
 * worker). PostgreSQL: the Gather node, nodeGather.c.
 */
import type { ArgAndOptions } from '../client/index.js';
import type { Plan } from './entryPoint.js';
import type { GatherKind, GatherOptions } from './gatherLife.js';
import { GATHER_NAMES, GatherLife } from './gatherLife.js';
import type { GatherRun } from './gatherRun.js';
import { ServiceOrder } from './rowSources.js';

const GATHER: GatherKind<never> = {
  node: 'Gather',
  names: GATHER_NAMES,
  order: (workers, leader) => new ServiceOrder(workers, leader),
};

/**
 * The rows of a plan, from all its participants, in no particular order: `for await (const row of gather(plan, arg))`. Right
 * with any number of workers, down to none. The first row asked for starts it; leaving the loop ends it, and all workers
 * are gone then. Throws `ERR_INVALID_ARGUMENT`; what else goes wrong is thrown by the loop.
 */
export function gather<Arg, Row>(plan: Plan<Arg, Row>, ...rest: ArgAndOptions<Arg, GatherOptions>): GatherRun<Row> {
  const [arg, options = {}] = rest;
  return new GatherLife<Arg, Row>(GATHER, plan, options).rows(arg as Arg, true);
}

/**
 * A gather for many runs: its workers stay, warm, and so does the memory, so that the first row of a run comes at once.
 *
 *     await using prices = new Gather(plan, { workers: 2 });
 *     for (const day of days) for await (const row of prices.rows(day)) …
 *
 * One run at a time. After a run that failed the next one has new workers. PostgreSQL: a Gather node that is rescanned.
 */
export class Gather<Arg, Row> implements AsyncDisposable {
  readonly #life: GatherLife<Arg, Row>;

  /** Makes nothing yet. Throws `ERR_INVALID_ARGUMENT`. */
  constructor(plan: Plan<Arg, Row>, options: GatherOptions = {}) {
    this.#life = new GatherLife<Arg, Row>(GATHER, plan, options);
  }

  /**
   * Another run, which begins with the first row asked for. Throws `ERR_GATHER_BUSY` while one is open, and
   * `ERR_GATHER_ENDED`.
   */
  rows(...rest: undefined extends Arg ? [arg?: Arg] : [arg: Arg]): GatherRun<Row> {
    return this.#life.rows(rest[0] as Arg);
  }

  /** Lets the workers go, and resolves when they are gone; a run that is open fails. Never fails, safe to repeat. */
  async end(): Promise<void> {
    await this.#life.end();
  }

  /** The same as `end()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}
