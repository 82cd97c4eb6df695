/**
 * `parallelReduce`: many items become one value. The workers make a state of each batch, the leader puts the states
 * together in the order of the items and makes the result (R-AG-1).
 *
 * Which items share a batch depends on how fast they were, so it does not matter only where `combine` is associative. It is
 * for whole numbers, texts, sets and maxima; a sum of fractions may differ in its last bits. With `batchItems` the batches
 * are always the same, and so is every bit, whatever number of workers there was (R-AG-4). Therefore a batch stays together
 * also where its process died: it runs again as a whole.
 */
import { BgworkerError } from '../base/index.js';
import { describeGiven } from '../protocol/index.js';
import type { Aggregate } from './aggregate.js';
import type { BatchOptions } from './batchOptions.js';
import { BATCH_NAMES, makeBatchRun } from './batchOptions.js';
import type { BatchRun } from './batchRun.js';
import type { Explanation } from './explain.js';
import type { Names } from './given.js';
import { checkOptions } from './given.js';
import type { Processes } from './poolProcesses.js';
import type { ProcessOptions } from './processOptions.js';
import { PROCESS_NAMES } from './processOptions.js';
import type { Items } from './source.js';

/** How parallelReduce runs. */
export interface ReduceOptions extends BatchOptions {
  /** Told what the run did, when it is over: its result was not given yet, and its workers are gone. */
  readonly onExplain?: ((explanation: Explanation) => void) | undefined;
}

export const REDUCE_NAMES: Names<Omit<ReduceOptions, keyof ProcessOptions>> = { ...BATCH_NAMES, onExplain: true };

/**
 * Makes one value of many items: `await parallelReduce(numbers, mean)`. Of no items it is that of the initial state.
 *
 * Throws `ERR_INVALID_ARGUMENT`. Rejects with what the functions of the aggregate throw, with `WorkerError` where an item
 * ended its process, with what the source throws, and with the signal's reason; the workers are gone then.
 */
export async function parallelReduce<Item, State, Result>(
  items: Items<Item>,
  aggregate: Aggregate<Item, State, Result>,
  options: ReduceOptions = {},
): Promise<Result> {
  checkOptions<ReduceOptions>('parallelReduce', options, { ...REDUCE_NAMES, ...PROCESS_NAMES });
  return reduceOver(items, aggregate, options);
}

/** `lend` gives a pool's processes, instead of the run's own. */
export async function reduceOver<Item, State, Result>(
  items: Items<Item>,
  worker: Aggregate<Item, State, Result>,
  options: ReduceOptions,
  lend?: () => Processes,
): Promise<Result> {
  if (typeof worker !== 'object' || worker === null || !('aggregate' in worker)) throw notAnAggregate(worker);
  const task = { items, worker, how: 'accumulate', order: 'input', stopAtError: true, isDivisible: false } as const;
  const run = makeBatchRun(task, options, lend);
  const { initial, combine, finalize } = worker.aggregate;
  try {
    let state: { readonly of: State } | undefined;
    for await (const next of states<State>(run)) {
      // The first state is the start, as with a strict combine function (R-AG-3).
      state = { of: state === undefined ? next : combine(state.of, next) };
    }
    options.onExplain?.(run.explain('Parallel Reduce', 1));
    return finalize(state === undefined ? initial() : state.of);
  } finally {
    await run.end();
  }
}

/** In the order of the items. */
async function* states<State>(run: BatchRun): AsyncGenerator<State, void, undefined> {
  for (let batch = await run.next(); batch !== undefined; batch = await run.next()) {
    const [error] = batch.errors.values();
    if (error !== undefined) throw error;
    yield* batch.values as readonly State[];
  }
}

function notAnAggregate(given: unknown): BgworkerError {
  return new BgworkerError('ERR_NOT_A_WORKER', 'that is no aggregate', {
    detail: `got ${describeGiven(given)}`,
    hint: 'first the items, then what defineAggregate(import.meta, …) made, under the name it is exported by',
  });
}
