/**
 * What a gather keeps in the memory that leader and workers share: a tuple queue for each planned worker, and the scan if
 * there is one. Queues are made anew for each run, in the same place: one that was detached is never used again (R-MQ-45).
 *
 * PostgreSQL: ExecParallelSetupTupleQueues of execParallel.c.
 */
import type { Chunk, ContentsEstimator, TableOfContents } from '../shm/index.js';
import { aligned, chunkOf, MessageQueue } from '../shm/index.js';
import type { BlockScanOptions } from './blockScan.js';
import { BlockScan } from './blockScan.js';
import { CONTENTS_KEYS } from './contentsKeys.js';

/** PostgreSQL: PARALLEL_TUPLE_QUEUE_SIZE. */
export const DEFAULT_QUEUE_BYTES = 65_536;

/** What there is to be room for. */
export interface GatherSizes {
  readonly workers: number;
  /** Of each tuple queue. */
  readonly queueBytes: number;
  readonly hasScan: boolean;
}

export function estimateGather(estimator: ContentsEstimator, { workers, queueBytes, hasScan }: GatherSizes): void {
  if (workers > 0) estimator.addChunk(workers * aligned(queueBytes)).addKeys(1);
  if (hasScan) estimator.addChunk(BlockScan.sizeFor()).addKeys(1);
}

/** Once, in new memory. */
export function allocateGather(contents: TableOfContents, { workers, queueBytes, hasScan }: GatherSizes): void {
  if (workers > 0) contents.insert(CONTENTS_KEYS.tupleQueues, contents.allocate(workers * aligned(queueBytes)));
  if (hasScan) contents.insert(CONTENTS_KEYS.scan, contents.allocate(BlockScan.sizeFor()));
}

/** Makes the queue of a worker anew. Both sides of the one before it must have detached. */
export function createTupleQueue(contents: TableOfContents, number: number, queueBytes: number): MessageQueue {
  return MessageQueue.create(chunkOfWorker(contents, number, queueBytes));
}

export function attachTupleQueue(contents: TableOfContents, number: number, queueBytes: number): MessageQueue {
  return MessageQueue.attach(chunkOfWorker(contents, number, queueBytes));
}

/** The leader's; nothing of it was handed out. */
export function createScan(contents: TableOfContents, options: BlockScanOptions): BlockScan {
  return BlockScan.create(contents.lookup(CONTENTS_KEYS.scan), options);
}

/** Another participant's, until nothing is wanted of it any more. */
export function attachScan(contents: TableOfContents, isWanted: () => boolean): BlockScan {
  return BlockScan.attach(contents.lookup(CONTENTS_KEYS.scan), isWanted);
}

function chunkOfWorker(contents: TableOfContents, number: number, queueBytes: number): Chunk {
  const { segment, offsetBytes } = contents.lookup(CONTENTS_KEYS.tupleQueues);
  return chunkOf(segment, offsetBytes + number * aligned(queueBytes), aligned(queueBytes));
}
