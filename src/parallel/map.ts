/**
 * `parallelMap`: a worker's function over many items, by several processes, with the results in the order of the items or
 * as they are done. What is promised of it:
 *
 * - The results are those of the function called with each item in turn, whatever number of workers there was.
 * - An item may run twice, where a process died on the way; it has one result.
 * - Nothing starts before the first result is asked for, and the source is read only as results are taken.
 * - However it ends, by the last result, an error, a signal or by leaving the loop, its processes are gone before that is
 *   told.
 *
 * Here is its face; batchRun.ts runs it.
 */
import type { WorkerValue } from '../protocol/index.js';
import type { BatchOptions } from './batchOptions.js';
import { BATCH_NAMES, checkChoice, makeBatchRun } from './batchOptions.js';
import type { Names } from './given.js';
import { checkOptions } from './given.js';
import type { MapOutcome, ParallelRun } from './parallelRun.js';
import { MapRun } from './parallelRun.js';
import type { Processes } from './poolProcesses.js';
import type { ProcessOptions } from './processOptions.js';
import { PROCESS_NAMES } from './processOptions.js';
import type { Items } from './source.js';

/** How parallelMap runs, and in which order it gives its results. */
export interface MapOptions extends BatchOptions {
  /** `input`: in the order of the items. `completed`: as they are done, so nobody waits behind an item that takes long. */
  readonly order?: 'input' | 'completed' | undefined;
  /**
   * `throw`: the first error, in the run's order, ends the run and is thrown when its workers are gone. `yield`: errors are
   * given out like results, each with its item, as a `MapOutcome`. Default `throw`.
   */
  readonly onError?: 'throw' | 'yield' | undefined;
}

export const MAP_NAMES: Names<Omit<MapOptions, keyof ProcessOptions>> = { ...BATCH_NAMES, order: true, onError: true };

/**
 * Calls a worker's function with each item, in several processes at once, and gives what it returned: `for await (const
 * hash of parallelMap(paths, hashFile))`, or `.toArray()`. The same results with any number of workers, down to none.
 *
 * Throws `ERR_INVALID_ARGUMENT`; the run rejects with the first error of an item (`onError`), `ERR_WORKER_NOT_EXPORTED`,
 * what the source throws, and the signal's reason.
 */
export function parallelMap<Item, Result>(
  items: Items<Item>,
  worker: WorkerValue<Item, Result>,
  options: MapOptions & { readonly onError: 'yield' },
): ParallelRun<MapOutcome<Item, Result>>;
export function parallelMap<Item, Result>(
  items: Items<Item>,
  worker: WorkerValue<Item, Result>,
  options?: MapOptions & { readonly onError?: 'throw' | undefined },
): ParallelRun<Result>;
export function parallelMap<Item, Result>(
  items: Items<Item>,
  worker: WorkerValue<Item, Result>,
  options: MapOptions,
): ParallelRun<Result | MapOutcome<Item, Result>>;
export function parallelMap<Item, Result>(
  items: Items<Item>,
  worker: WorkerValue<Item, Result>,
  options: MapOptions = {},
): ParallelRun<unknown> {
  checkOptions<MapOptions>('parallelMap', options, { ...MAP_NAMES, ...PROCESS_NAMES });
  return mapOver(items, worker, options);
}

/** `lend` gives a pool's processes, instead of the run's own. */
export function mapOver<Item, Result>(
  items: Items<Item>,
  worker: WorkerValue<Item, Result>,
  options: MapOptions,
  lend?: () => Processes,
): ParallelRun<unknown> {
  const { order = 'input', onError = 'throw' } = options;
  checkChoice('order', order, ['input', 'completed']);
  checkChoice('onError', onError, ['throw', 'yield']);
  const stopAtError = onError === 'throw';
  const task = { items, worker, how: 'map', order, stopAtError, isDivisible: true } as const;
  return new MapRun({ run: makeBatchRun(task, options, lend), yieldsErrors: !stopAtError });
}
