/**
 * Memory that processes share: segments that any process of a postmaster can attach to, and what lives in them.
 *
 *     const segment = await createSegment(1024 * 1024);
 *     const handle = await launch(fill, String(segment));       // the worker: await attachSegment(text)
 *
 * Loads koffi, an optional dependency, when it is first used. Locks, condition variables, barriers and counters are for
 * the advanced: who uses them has read how they fail (docs/locks.md).
 *
 * @module bgworker/shm
 */
export {
  ALIGNMENT,
  AtomicCounter,
  aligned,
  type BarrierOptions,
  type BarrierResult,
  type BlockingLatchWait,
  type BlockingWaitOptions,
  type ByteReceiver,
  type ByteSender,
  type Chunk,
  type ConditionVariableOptions,
  ContentsEstimator,
  type ContentsKey,
  type Held,
  type HeldLock,
  type LatchWait,
  type LockMode,
  MAX_MESSAGE_BYTES,
  type MessageBytes,
  MessageQueue,
  type MessageQueueOptions,
  MessageReceiver,
  MessageSender,
  type PeerWatch,
  type QueueEnding,
  type SendOptions,
  SharedBarrier,
  SharedConditionVariable,
  SharedLatch,
  type SharedLatchEvent,
  SharedLock,
  type SharedLockOptions,
  type SideOptions,
  TableOfContents,
  toReadable,
  toReadableStream,
  toWritable,
  toWritableStream,
  type ValueReceiver,
  type ValueSender,
  type WaitOptions,
  WorkCounter,
  type WorkCounterOptions,
  type WorkPiece,
} from '../shm/index.js';
export { DsmSegment } from './dsmSegment.js';
export { peerOf } from './peer.js';
export {
  attachSegment,
  createSegment,
  findSegment,
  listSegments,
  namedSegment,
  type SegmentInfo,
  type SegmentOptions,
  tryAttachSegment,
  tryCreateSegment,
  unpinSegment,
} from './segments.js';
export { toValueReceiver, toValueSender, type ValueReceiverOptions } from './values.js';
