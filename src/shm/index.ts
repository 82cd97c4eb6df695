/**
 * Memory that processes share, and what lives in it. Nothing here knows a postmaster: who is a member, and who holds
 * which segment, comes from outside (dsm/).
 */

export { badValue } from './badValue.js';
export type { BarrierResult } from './barrier.js';
export { SharedBarrier } from './barrier.js';
export type { BarrierOptions } from './barrierParty.js';
export type { Chunk } from './chunk.js';
export {
  ALIGNMENT,
  aligned,
  beginThing,
  checkThing,
  chunkOf,
  finishThing,
  HEADER_PARTS,
  HEADER_WORDS,
} from './chunk.js';
export type { ConditionVariableOptions, HeldLock } from './conditionVariable.js';
export { SharedConditionVariable } from './conditionVariable.js';
export type { WorkCounterOptions, WorkPiece } from './counter.js';
export { AtomicCounter, WorkCounter } from './counter.js';
export type { Held, LockMode } from './held.js';
export type { BlockingLatchWait, LatchWait, SharedLatchEvent } from './latch.js';
export { SharedLatch } from './latch.js';
export type { Part } from './layout.js';
export { longWordPart } from './layout.js';
export { checkSharedMemory } from './libC.js';
export type { SharedLockOptions } from './lock.js';
export { SharedLock } from './lock.js';
export { MAX_SEGMENT_BYTES, Mapping } from './mapping.js';
export type { BlockingWaitOptions, MemberLine, MemberOptions, Place, WaitOptions } from './member.js';
export { Member } from './member.js';
export type { MessageBytes } from './messageBytes.js';
export type { MessageQueueOptions } from './messageQueue.js';
export { MessageQueue } from './messageQueue.js';
export { MessageReceiver } from './messageReceiver.js';
export type { SendOptions } from './messageSender.js';
export { MessageSender } from './messageSender.js';
export type { PeerWatch, QueueEnding, SideOptions } from './queueSide.js';
export type { OtherNews } from './receiveAny.js';
export { waitToReceiveAny } from './receiveAny.js';
export { MAX_MESSAGE_BYTES } from './ring.js';
export { SeenObjects } from './seenObjects.js';
export { Segment } from './segment.js';
export type { ByteReceiver, ByteSender } from './streams.js';
export { toReadable, toReadableStream, toWritable, toWritableStream } from './streams.js';
export type { ContentsKey } from './tableOfContents.js';
export { ContentsEstimator, TableOfContents } from './tableOfContents.js';
export type { ValueDecoderOptions } from './valueDecoder.js';
export { ValueDecoder } from './valueDecoder.js';
export type { ValueEncoderOptions } from './valueEncoder.js';
export { ValueEncoder } from './valueEncoder.js';
export type { ValueFallback } from './valueFallback.js';
export { ValueReceiver, ValueSender } from './valueQueue.js';
export { TextReader, TextWriter } from './valueText.js';
export type { LongWords } from './words.js';
