/**
 * A queue of messages in shared memory, from one process to one other: whole messages of any length over a ring of
 * bytes. Here it is made and found; what is done with it, the two sides do (messageSender.ts, messageReceiver.ts), and
 * what holds it together stands in ring.ts and queueSide.ts.
 *
 *     words 0-1  what it is          words 3-5  the sender: member, detached, sleeper
 *     word 2     bytes of the ring   words 6-8  the receiver: the same
 *     word 16    bytes written       word 32    bytes read        from word 48 on: the ring
 *
 * Model: shm_mq.c. Where we part from it: a message that fits into the ring is sent whole or not at all; a side's death
 * is noticed at any time, and told apart from its detaching; what was not flushed is not lost when a segment is
 * detached (R-MQ-23). A queue that was detached is never used again (R-MQ-45): create another in its place.
 */
import { BgworkerError } from '../base/index.js';
import type { Chunk } from './chunk.js';
import { aligned, beginThing, checkThing, finishThing, HEADER_PARTS } from './chunk.js';
import type { Part } from './layout.js';
import { MessageReceiver } from './messageReceiver.js';
import { MessageSender } from './messageSender.js';
import type { SideOptions } from './queueSide.js';
import { clearSides, QueueSide, RING_BYTES, SIDE_PARTS } from './queueSide.js';
import { clearRing, RING_OFFSET_BYTES, RING_PARTS, RingReader, RingWriter } from './ring.js';

/** How large a queue is. */
export interface MessageQueueOptions {
  /**
   * How many bytes the ring holds, a multiple of 8. A message takes 8 bytes more than it has, rounded up to 8; longer
   * ones pass through in parts, but it is fastest when several fit. Default of `create`: all that the chunk has.
   */
  readonly ringBytes: number;
}

/** For its picture. */
export const QUEUE_PARTS: readonly Part[] = [...HEADER_PARTS, ...SIDE_PARTS, ...RING_PARTS];

/** A counter tells apart what is full and what is empty up to here. */
const MAX_RING_BYTES = 2 ** 31 - 8;

/** A queue as one process sees it, of which it may become a side. PostgreSQL: shm_mq. */
export class MessageQueue {
  /** How many bytes the ring holds. */
  readonly ringBytes: number;
  readonly #chunk: Chunk;

  /** How many bytes it takes in a segment. */
  static sizeFor({ ringBytes }: MessageQueueOptions): number {
    checkRingBytes(ringBytes);
    return aligned(RING_OFFSET_BYTES + ringBytes);
  }

  /** Makes an empty one, without sides. Throws `ERR_CHUNK_TOO_SMALL`. PostgreSQL: shm_mq_create. */
  static create(chunk: Chunk, options?: MessageQueueOptions): MessageQueue {
    const ringBytes = options?.ringBytes ?? largestRingIn(chunk);
    checkRingBytes(ringBytes);
    beginThing(chunk, 'message queue', RING_OFFSET_BYTES + ringBytes);
    chunk.words.store(RING_BYTES, ringBytes);
    clearSides(chunk);
    clearRing(chunk);
    finishThing(chunk);
    return new MessageQueue(chunk, ringBytes);
  }

  /** Throws `ERR_WRONG_MEMORY` when there is none. */
  static attach(chunk: Chunk): MessageQueue {
    checkThing(chunk, 'message queue');
    const ringBytes = chunk.words.load(RING_BYTES);
    if (!isRingBytes(ringBytes) || RING_OFFSET_BYTES + ringBytes > chunk.sizeBytes) {
      throw new BgworkerError('ERR_WRONG_MEMORY', 'there is no message queue there', {
        detail: `its ring has ${ringBytes} bytes, in a chunk of ${chunk.sizeBytes}`,
        hint: 'attach with the offset and the size with which it was created',
      });
    }
    return new MessageQueue(chunk, ringBytes);
  }

  private constructor(chunk: Chunk, ringBytes: number) {
    this.#chunk = chunk;
    this.ringBytes = ringBytes;
  }

  /**
   * Becomes its sender, for good, and wakes a receiver that waits for one. Throws `ERR_QUEUE_SIDE_TAKEN`.
   * PostgreSQL: shm_mq_set_sender and shm_mq_attach.
   */
  sender(options: SideOptions = {}): MessageSender {
    const ring = new RingWriter(this.#chunk, this.ringBytes);
    // Unlike PostgreSQL's, for what detaches by itself with its segment too (R-MQ-23).
    const side = new QueueSide(this.#chunk, 'sender', options, () => {
      ring.publish();
    });
    return new MessageSender(side, ring);
  }

  /** Becomes its receiver, for good, as `sender` does. PostgreSQL: shm_mq_set_receiver and shm_mq_attach. */
  receiver(options: SideOptions = {}): MessageReceiver {
    const side = new QueueSide(this.#chunk, 'receiver', options, () => {});
    return new MessageReceiver(side, new RingReader(this.#chunk, this.ringBytes));
  }
}

function largestRingIn({ sizeBytes }: Chunk): number {
  const roomBytes = sizeBytes - RING_OFFSET_BYTES;
  return Math.min(MAX_RING_BYTES, Math.max(8, roomBytes - (roomBytes % 8)));
}

function isRingBytes(bytes: number): boolean {
  return Number.isInteger(bytes) && bytes >= 8 && bytes <= MAX_RING_BYTES && bytes % 8 === 0;
}

function checkRingBytes(bytes: number): void {
  if (isRingBytes(bytes)) return;
  throw new BgworkerError('ERR_INVALID_ARGUMENT', 'invalid size of a ring', {
    detail: `ringBytes is ${String(bytes)}`,
    hint: 'give a multiple of 8, from 8, less than 2 GiB',
  });
}
