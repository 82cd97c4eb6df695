/**
 * What a parallel worker tells its leader, and how: a message queue for each worker, which the worker fills and the leader
 * watches. It says of each run how it went, so that a queue that ends without it tells that the worker is lost.
 *
 * The first word is `attached`, said once; then, for each run, `finished` or `error`, which is the worker's last. A message
 * longer than the ring passes through in parts, as all messages do.
 *
 * PostgreSQL: the error queue of parallel.c, with its K (attached), E, X (finished) and P (progress); R-PAR-3, R-PAR-13.
 */
import { BgworkerError } from '../base/index.js';
import type { ErrorRecord } from '../core/index.js';
import { deserializeValue, serializeValue } from '../protocol/index.js';
import type { Chunk, TableOfContents } from '../shm/index.js';
import { MessageQueue } from '../shm/index.js';
import type { ParticipantReport, Progress } from './explain.js';

/** PostgreSQL: PARALLEL_ERROR_QUEUE_SIZE. */
const RING = { ringBytes: 16_384 };
/** Of an error queue, and of a command queue (commandQueue.ts). */
export const QUEUE_BYTES = MessageQueue.sizeFor(RING);

/** What a worker says. */
export type ErrorQueueMessage =
  | { readonly type: 'attached'; readonly pid: number }
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'finished'; readonly report: ParticipantReport }
  | { readonly type: 'error'; readonly record: ErrorRecord };

export function encodeMessage(message: ErrorQueueMessage): Uint8Array {
  return serializeValue(message, 'message');
}

/** Throws `ERR_NOT_DESERIALIZABLE`, and `ERR_QUEUE_CORRUPT` for what no worker says. */
export function decodeMessage(bytes: Uint8Array): ErrorQueueMessage {
  const message = deserializeValue(bytes);
  if (typeof message === 'object' && message !== null && 'type' in message && isKnown(message.type)) {
    return message as ErrorQueueMessage;
  }
  throw new BgworkerError('ERR_QUEUE_CORRUPT', 'what stands in the error queue is no message of a worker');
}

function isKnown(type: unknown): boolean {
  return type === 'attached' || type === 'progress' || type === 'finished' || type === 'error';
}

/** Something that has chunks, by offset: a segment. */
interface Chunks {
  chunk(offsetBytes: number, sizeBytes: number): Chunk;
}

/** Makes queues for so many workers, under a key. */
export function allocateQueues(contents: TableOfContents, key: number, workers: number): void {
  contents.insert(key, contents.allocate(workers * QUEUE_BYTES));
}

/** Makes the queue of a worker anew. Whoever had the one before it must be gone. */
export function createQueue(segment: Chunks, contents: TableOfContents, key: number, number: number): MessageQueue {
  return MessageQueue.create(chunkOfWorker(segment, contents, key, number), RING);
}

export function attachQueue(segment: Chunks, contents: TableOfContents, key: number, number: number): MessageQueue {
  return MessageQueue.attach(chunkOfWorker(segment, contents, key, number));
}

function chunkOfWorker(segment: Chunks, contents: TableOfContents, key: number, number: number): Chunk {
  return segment.chunk(contents.lookup(key).offsetBytes + number * QUEUE_BYTES, QUEUE_BYTES);
}
