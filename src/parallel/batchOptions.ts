/**
 * What parallelMap and parallelReduce can be told alike, and how a run over batches follows from it: how many processes,
 * whose, and whether the leader takes part.
 */
import { BgworkerError } from '../base/index.js';
import type { WorkerValue } from '../protocol/index.js';
import { describeGiven, isWorkerValue } from '../protocol/index.js';
import type { Order } from './arrangement.js';
import { QUICK_MS } from './batching.js';
import { BatchRun } from './batchRun.js';
import { Calls } from './calls.js';
import type { Progress } from './explain.js';
import type { Names } from './given.js';
import type { Processes } from './poolProcesses.js';
import { PoolProcesses } from './poolProcesses.js';
import type { ParallelOptions, ProcessOptions } from './processOptions.js';
import { checkCount, leaderTakesPart, plannedWorkers, RUN_NAMES } from './processOptions.js';
import type { Items } from './source.js';

/** How a run over many items is made. */
export interface BatchOptions extends ParallelOptions {
  /**
   * Whether the leader works on items too, beside the workers. Default false: its event loop stays free. Where there is no
   * worker it does all of them.
   */
  readonly leaderParticipation?: boolean | undefined;
  /** So many items go to a process at a time. Default: what takes about 20 ms, by what the last ones took. */
  readonly batchItems?: number | undefined;
  /** Told how far it is, at most twenty times a second. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export const BATCH_NAMES: Names<Omit<BatchOptions, keyof ProcessOptions>> = {
  ...RUN_NAMES,
  leaderParticipation: true,
  batchItems: true,
  onProgress: true,
};

/** What is to be done with which items. */
export interface BatchTask {
  readonly items: Items<unknown>;
  readonly worker: WorkerValue<never>;
  readonly how: 'map' | 'accumulate';
  readonly order: Order;
  readonly stopAtError: boolean;
  readonly isDivisible: boolean;
}

/** Nothing starts before its first `next`. `lend` gives a pool's processes. Throws `ERR_INVALID_ARGUMENT`, `ERR_NOT_A_WORKER`. */
export function makeBatchRun(task: BatchTask, options: BatchOptions, lend?: () => Processes): BatchRun {
  const { worker, how, stopAtError } = task;
  const { leaderParticipation = false, batchItems, signal, onProgress } = options;
  if (!isWorkerValue(worker)) {
    throw new BgworkerError('ERR_NOT_A_WORKER', 'that is no worker', {
      detail: `got ${describeGiven(worker)}`,
      hint: 'first the items, then what defineWorker(import.meta, …) made, under the name it is exported by',
    });
  }
  if (batchItems !== undefined) checkCount('batchItems', batchItems, 1);
  const withinMs = batchItems === undefined && how === 'map' ? QUICK_MS : undefined;
  const own = new PoolProcesses(options);
  return new BatchRun({
    ...task,
    work: new Calls({ worker, how, stopAtError, withinMs, client: options.client }),
    processes: lend ?? (() => own),
    planned: plannedWorkers(options, leaderParticipation),
    leaderTakesPart: (launched) => leaderTakesPart(options, leaderParticipation, launched),
    batchItems,
    signal,
    onProgress,
  });
}

/** Throws `ERR_INVALID_ARGUMENT`. */
export function checkChoice(name: string, choice: string, choices: readonly string[]): void {
  if (choices.includes(choice)) return;
  throw new BgworkerError('ERR_INVALID_ARGUMENT', `invalid ${name}`, {
    detail: `${name} is ${String(choice)}`,
    hint: `give ${choices.map((known) => `'${known}'`).join(' or ')}`,
  });
}
