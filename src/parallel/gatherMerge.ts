/**
 * Gather merge: as gather, but each participant gives its rows sorted, and the caller gets them merged, sorted too. Rows that
 * compare as equal come from the leader first, then from worker 0, 1, …, so that what comes out follows from what each
 * participant gave, and not from who was quicker (PostgreSQL promises nothing of equal rows).
 *
 * The merge itself is in mergeOrder.ts. PostgreSQL: the Gather Merge node, nodeGatherMerge.c.
 */
import { BgworkerError } from '../base/index.js';
import type { Plan } from './entryPoint.js';
import type { GatherKind, GatherOptions } from './gatherLife.js';
import { GATHER_NAMES, GatherLife } from './gatherLife.js';
import type { GatherRun } from './gatherRun.js';
import type { Names } from './given.js';
import type { CompareRows } from './mergeHeap.js';
import { MergeOrder } from './mergeOrder.js';

/** How rows are gathered and merged. */
export interface GatherMergeOptions<Row> extends GatherOptions {
  /** By which each participant's rows are sorted: negative when `a` comes first, positive when `b` does. */
  readonly compare: CompareRows<Row>;
}

/**
 * The rows of a plan, merged from all its participants, each of which gives its own sorted by `compare`. Otherwise as
 * `gather`. Throws in the loop `ERR_NOT_SORTED` when one of them does not.
 */
export function gatherMerge<Arg, Row>(
  plan: Plan<Arg, Row>,
  arg: NoInfer<Arg>,
  options: GatherMergeOptions<NoInfer<Row>>,
): GatherRun<Row> {
  return new GatherLife<Arg, Row>(kindOf(options), plan, options).rows(arg, true);
}

/** A gather merge for many runs, as `Gather` is a gather for many. PostgreSQL: a Gather Merge node that is rescanned. */
export class GatherMerge<Arg, Row> implements AsyncDisposable {
  readonly #life: GatherLife<Arg, Row>;

  /** Makes nothing yet. Throws `ERR_INVALID_ARGUMENT`. */
  constructor(plan: Plan<Arg, Row>, options: GatherMergeOptions<NoInfer<Row>>) {
    this.#life = new GatherLife<Arg, Row>(kindOf(options), plan, options);
  }

  /** As `gather.rows`. */
  rows(...rest: undefined extends Arg ? [arg?: Arg] : [arg: Arg]): GatherRun<Row> {
    return this.#life.rows(rest[0] as Arg);
  }

  /** As `gather.end`. */
  async end(): Promise<void> {
    await this.#life.end();
  }

  /** The same as `end()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}

const NAMES: Names<GatherMergeOptions<never>> = { ...GATHER_NAMES, compare: true };

function kindOf<Row>(options: GatherMergeOptions<Row> | undefined): GatherKind<Row> {
  const compare = options?.compare;
  if (typeof compare !== 'function') {
    throw new BgworkerError('ERR_INVALID_ARGUMENT', 'invalid compare', {
      detail: `compare is ${String(compare)}`,
      hint: 'give the function that each participant sorts its rows by: { compare: (a, b) => a.id - b.id }',
    });
  }
  return { node: 'Gather Merge', names: NAMES, order: (workers, leader) => new MergeOrder(compare, workers, leader) };
}
