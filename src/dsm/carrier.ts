/**
 * Carries a channel through shared memory: a segment with two message queues, one for each direction. What is said there
 * and when is protocol/channelRoute.ts's; the client finds this file by its path (client/carrier.ts).
 *
 * A ring holds a window and what goes beside it, so with the credit of protocol/channel.ts it is never full. A message is
 * one byte, which says what it is, and the bytes of a fragment or the number of a credit.
 *
 * That the other side is gone is heard on the line, with what it said before it went; here one only stops reading.
 */
import { statfsSync } from 'node:fs';
import { BgworkerError } from '../base/index.js';
import type { Carrier } from '../client/index.js';
import type { ChannelContent, MemoryWire } from '../protocol/index.js';
import { WINDOW_BYTES } from '../protocol/index.js';
import type { MessageReceiver, MessageSender, Segment } from '../shm/index.js';
import { MessageQueue } from '../shm/index.js';
import type { Held } from './dsmSegment.js';
import { formatSegment } from './dsmSegment.js';
import { detachSegment, membershipOf } from './membership.js';
import { attachIn, createIn } from './segments.js';

/** Beside a window: credits, of which a window brings forth a few, and the end. */
const BESIDE_BYTES = 8 * 1024;
const RING = { ringBytes: WINDOW_BYTES + BESIDE_BYTES };
const QUEUE_BYTES = MessageQueue.sizeFor(RING);

export const carrier: Carrier = {
  async offer(owner) {
    checkRoom();
    const held = await createIn(await membershipOf(owner), 2 * QUEUE_BYTES);
    const [toWorker, toClient] = queues(held.segment, (chunk) => MessageQueue.create(chunk, RING));
    const memory = new SegmentWire(held, toWorker.sender(), toClient.receiver());
    return { segment: formatSegment(held.membership.link.epoch, held.id), memory };
  },

  async accept(owner, segment) {
    const held = await attachIn(await membershipOf(owner), segment);
    try {
      const [toWorker, toClient] = queues(held.segment, (chunk) => MessageQueue.attach(chunk));
      return new SegmentWire(held, toClient.sender(), toWorker.receiver());
    } catch (error) {
      detachSegment(held.segment);
      throw error;
    }
  },
};

/** A channel goes on without: it leaves half of what there is to those who do not. */
function checkRoom(): void {
  if (process.platform !== 'linux') return;
  const { blocks, bavail, bsize } = statfsSync('/dev/shm');
  if (bavail * bsize - 2 * QUEUE_BYTES >= (blocks * bsize) / 2) return;
  throw new BgworkerError('ERR_NO_ROOM_FOR_SEGMENT', 'what is left of /dev/shm is left to others', {
    detail: `${bavail * bsize} bytes of ${blocks * bsize} are free`,
    hint: 'the channel goes on without; with a larger /dev/shm it would be faster',
  });
}

function queues(segment: Segment, get: (chunk: ReturnType<Segment['chunk']>) => MessageQueue) {
  return [get(segment.chunk(0, QUEUE_BYTES)), get(segment.chunk(QUEUE_BYTES, QUEUE_BYTES))] as const;
}

class SegmentWire implements MemoryWire {
  readonly #segment: Segment;
  readonly #sender: MessageSender;
  readonly #receiver: MessageReceiver;
  #take: Parameters<MemoryWire['listen']>[0] | undefined;
  #isClosed = false;
  #stop: (() => void) | undefined;

  constructor({ membership, segment }: Held, sender: MessageSender, receiver: MessageReceiver) {
    this.#segment = segment;
    this.#sender = sender;
    this.#receiver = receiver;
    // What an exit listener says is heard too.
    membership.holdToTheLast(segment);
  }

  trySend(message: ChannelContent, bytes: Uint8Array | null): boolean {
    try {
      return this.#isClosed || this.#sender.trySend(encode(message, bytes)) !== 'wouldBlock';
    } catch (error) {
      if (!(error instanceof BgworkerError)) throw error;
      // Gone, or lost, which whoever reads here is told.
      return error.code !== 'ERR_QUEUE_CORRUPT';
    }
  }

  listen(take: Parameters<MemoryWire['listen']>[0], lost: (error: Error) => void): void {
    this.#take = take;
    const stop = this.#receiver.watch(
      (message) => this.#give(message),
      (how) => {
        if (this.#isClosed || how === 'detached' || isDeath(how)) return;
        lost(how instanceof Error ? how : new Error(String(how)));
      },
    );
    if (this.#isClosed) stop();
    else this.#stop = stop;
  }

  drain(): void {
    try {
      while (!this.#isClosed && this.#segment.isAttached) {
        const message = this.#receiver.tryReceive();
        if (typeof message === 'string') return;
        this.#give(message);
      }
    } catch (error) {
      // It died in the middle of something, or has overwritten what it said: that was all, then.
      if (!(error instanceof BgworkerError)) throw error;
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stop?.();
    detachSegment(this.#segment);
  }

  #give(message: Uint8Array): void {
    if (this.#isClosed) return;
    this.#take?.(...decode(message));
  }
}

function isDeath(error: unknown): boolean {
  return error instanceof BgworkerError && error.code === 'ERR_PEER_DIED';
}

const DATA = 0;
const DATA_AND_MORE = 1;
const CREDIT = 2;
const END = 3;

const FIRST_BYTES = [DATA, DATA_AND_MORE, CREDIT, END].map((kind) => Uint8Array.of(kind));

function encode(message: ChannelContent, bytes: Uint8Array | null): readonly Uint8Array[] {
  switch (message.type) {
    case 'channelData':
      return [firstByte(message.more ? DATA_AND_MORE : DATA), bytes ?? new Uint8Array()];
    case 'channelCredit':
      return [firstByte(CREDIT), new Uint8Array(Uint32Array.of(message.bytes).buffer)];
    case 'channelEnd':
      return [firstByte(END)];
  }
}

function firstByte(kind: number): Uint8Array {
  return FIRST_BYTES[kind] ?? Uint8Array.of(kind);
}

function decode(message: Uint8Array): [ChannelContent, Uint8Array | null] {
  const kind = message[0];
  if (kind === CREDIT && message.length === 5) {
    return [{ type: 'channelCredit', bytes: new Uint32Array(message.slice(1).buffer)[0] ?? 0 }, null];
  }
  if (kind === END) return [{ type: 'channelEnd' }, null];
  return [{ type: 'channelData', more: kind === DATA_AND_MORE }, message.subarray(1)];
}
