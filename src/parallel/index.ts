/**
 * Parallel work on background workers: a function over many items, a pool of warm processes, and, as PostgreSQL runs a
 * parallel query, plans whose rows are gathered from workers and leader. Right with any number of workers, down to none.
 *
 * @module bgworker/parallel
 */

export { type Aggregate, type AggregateDefinition, defineAggregate } from './aggregate.js';
export type { BatchOptions } from './batchOptions.js';
export { type BlockRange, BlockScan, type BlockScanOptions } from './blockScan.js';
export { type Column, ColumnBatch, type Columns } from './columns.js';
export { ParallelContext } from './context.js';
export { defineEntryPoint, definePlan, type EntryPoint, type Plan } from './entryPoint.js';
export { type Explanation, formatExplanation, type ParticipantReport, type Progress } from './explain.js';
export { Gather, gather } from './gather.js';
export type { GatherOptions, GatherShare } from './gatherLife.js';
export { GatherMerge, type GatherMergeOptions, gatherMerge } from './gatherMerge.js';
export type { GatherRun } from './gatherRun.js';
export { type MapOptions, parallelMap } from './map.js';
export type { CompareRows } from './mergeHeap.js';
export { ParallelWorkerError } from './parallelError.js';
export type { MapOutcome, ParallelRun } from './parallelRun.js';
export type { Participant } from './participant.js';
export {
  createPool,
  Pool,
  type PoolCloseOptions,
  type PoolMapOptions,
  type PoolOptions,
  type PoolReduceOptions,
  type PoolRunOptions,
} from './pool.js';
export {
  defaultWorkers,
  type ParallelOptions,
  type ParallelWorkerOptions,
  type ProcessOptions,
} from './processOptions.js';
export { parallelReduce, type ReduceOptions } from './reduce.js';
export type { Items } from './source.js';
