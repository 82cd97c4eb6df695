/**
 * The bytes of a message queue: a ring that one process fills and one empties, and the two counters that say how far
 * each of them is. A counter has one writer. It only grows, and wraps after 2³² bytes; what matters is the difference,
 * which is never more than the ring.
 *
 * What holds it together (R-MQ-21, R-MQ-32, and the table of 8.6 in our own words): the writer copies first and counts
 * then, so whoever sees the counter sees the bytes; the reader takes first and counts then, so nothing is overwritten
 * that is still to be read. Counting is put off for as long as nobody waits for it: a counter that is written rarely
 * stays in the other's cache.
 *
 * Nothing that was read from shared memory is believed: a counter outside of what is possible is `ERR_QUEUE_CORRUPT`.
 * Everything in the ring begins at a multiple of 8 (R-MQ-10), so a length never lies across the ring's end.
 */
import { BgworkerError } from '../base/index.js';
import type { Chunk } from './chunk.js';
import type { Part } from './layout.js';
import { wordPart } from './layout.js';
import type { Words } from './words.js';

/** Written by the sender only. Each has a line of the cache to itself. */
const WRITTEN = 16;
/** Written by the receiver only. */
const READ = 32;
/** Where the ring begins. */
export const RING_OFFSET_BYTES = 48 * 4;

/** For the queue's picture. */
export const RING_PARTS: readonly Part[] = [
  wordPart(WRITTEN, 'bytes written', 'sender', 'so far may be read; it grows, and wraps at 2³²'),
  wordPart(READ, 'bytes read', 'receiver', 'so far may be overwritten'),
  { name: 'ring', offsetBytes: RING_OFFSET_BYTES, sizeBytes: 'rest', writtenBy: 'sender', holds: 'messages' },
];

/** What stands before each message: its length. The second of the two words is 0. */
export const LENGTH_BYTES = 8;
/** PostgreSQL's MaxAllocSize. */
export const MAX_MESSAGE_BYTES = 2 ** 30 - 1;

/** How much of a ring a message takes. */
export function bytesInRing(lengthBytes: number): number {
  return LENGTH_BYTES + ((lengthBytes + 7) & ~7);
}

/** A new ring is empty. */
export function clearRing({ words }: Chunk): void {
  words.store(WRITTEN, 0);
  words.store(READ, 0);
}

/** The sender's end. */
export class RingWriter {
  readonly sizeBytes: number;
  readonly #words: Words;
  readonly #bytes: Uint8Array;
  /** In the ring. */
  #at = 0;
  /** What was written, in all, of which the receiver may not know the last part. */
  #written = 0;
  #published = 0;
  /** How much of it was read, as far as we know. */
  #read = 0;

  constructor({ words, ownBytes }: Chunk, sizeBytes: number) {
    this.sizeBytes = sizeBytes;
    this.#words = words;
    this.#bytes = ownBytes.subarray(RING_OFFSET_BYTES, RING_OFFSET_BYTES + sizeBytes);
  }

  /** As far as we know. */
  get roomBytes(): number {
    return this.sizeBytes - ((this.#written - this.#read) | 0);
  }

  /** What the receiver does not know of yet. */
  get pendingBytes(): number {
    return (this.#written - this.#published) | 0;
  }

  /** Whether so much can be written. Asks how far the receiver is only if need be. Throws `ERR_QUEUE_CORRUPT`. */
  hasRoom(bytes: number): boolean {
    if (this.roomBytes >= bytes) return true;
    this.#refresh();
    return this.roomBytes >= bytes;
  }

  #refresh(): void {
    const read = this.#words.load(READ);
    const unread = (this.#published - read) | 0;
    const before = (this.#published - this.#read) | 0;
    if (unread < 0 || unread > before || unread % 8 !== 0) throw corrupt(`it was read until ${read}`);
    this.#read = read;
  }

  /** Begins a message. There must be room, as for all that follows. */
  writeLength(lengthBytes: number): void {
    const index = (RING_OFFSET_BYTES + this.#at) >> 2;
    this.#words.prepare(index, lengthBytes);
    this.#words.prepare(index + 1, 0);
    this.#move(LENGTH_BYTES);
  }

  write(source: Uint8Array, from: number, to: number): void {
    const length = to - from;
    const first = Math.min(length, this.sizeBytes - this.#at);
    if (first === source.length) this.#bytes.set(source, this.#at);
    else this.#bytes.set(source.subarray(from, from + first), this.#at);
    if (first < length) this.#bytes.set(source.subarray(from + first, to), 0);
    this.#move(length);
  }

  /** Ends a message. */
  pad(): void {
    const over = this.#written & 7;
    if (over !== 0) this.#move(8 - over);
  }

  /** Lets the receiver know. False when there is nothing new; a part of 8 bytes waits for the others. */
  publish(): boolean {
    const written = this.#written & ~7;
    if (written === this.#published) return false;
    this.#published = written;
    this.#words.store(WRITTEN, written);
    return true;
  }

  #move(bytes: number): void {
    this.#written = (this.#written + bytes) | 0;
    this.#at += bytes;
    if (this.#at >= this.sizeBytes) this.#at -= this.sizeBytes;
  }
}

/** The receiver's end. */
export class RingReader {
  readonly sizeBytes: number;
  readonly #words: Words;
  readonly #bytes: Uint8Array;
  readonly #chunk: Chunk;
  /** The same bytes, for those who want to see them; made when first asked for. */
  #shown: Uint8Array | undefined;
  /** In the ring. */
  #at = 0;
  /** What was taken, in all, of which the sender may not know the last part. */
  #taken = 0;
  #released = 0;
  /** How much was written, as far as we know. */
  #written = 0;

  constructor(chunk: Chunk, sizeBytes: number) {
    this.sizeBytes = sizeBytes;
    this.#words = chunk.words;
    this.#bytes = chunk.ownBytes.subarray(RING_OFFSET_BYTES, RING_OFFSET_BYTES + sizeBytes);
    this.#chunk = chunk;
  }

  /** How much there is to take, as far as we know. */
  get availableBytes(): number {
    return (this.#written - this.#taken) | 0;
  }

  /** What the sender does not know to be free yet. */
  get pendingBytes(): number {
    return (this.#taken - this.#released) | 0;
  }

  /** Whether there is so much to take. Asks how far the sender is only if need be. Throws `ERR_QUEUE_CORRUPT`. */
  has(bytes: number): boolean {
    if (this.availableBytes >= bytes) return true;
    this.#refresh();
    return this.availableBytes >= bytes;
  }

  #refresh(): void {
    const written = this.#words.load(WRITTEN);
    const filled = (written - this.#released) | 0;
    const before = (this.#written - this.#released) | 0;
    if (filled < before || filled > this.sizeBytes || filled % 8 !== 0)
      throw corrupt(`it was written until ${written}`);
    this.#written = written;
  }

  /** Of the message that begins here; 8 bytes must be there, and stay. Throws `ERR_QUEUE_CORRUPT`. */
  peekLength(): number {
    const index = (RING_OFFSET_BYTES + this.#at) >> 2;
    // By the words, so that no processor and no compiler gives us what stood here before.
    const length = this.#words.load(index);
    if (length < 0 || length > MAX_MESSAGE_BYTES || this.#words.load(index + 1) !== 0) {
      throw corrupt(`a message begins with the length ${length}`);
    }
    return length;
  }

  skip(bytes: number): void {
    this.#taken = (this.#taken + bytes) | 0;
    this.#at += bytes;
    if (this.#at >= this.sizeBytes) this.#at -= this.sizeBytes;
  }

  /** A copy of what comes next. */
  copy(length: number): Uint8Array {
    if (length <= this.sizeBytes - this.#at) return this.#bytes.slice(this.#at, this.#at + length);
    const whole = new Uint8Array(length);
    this.copyInto(whole, 0, length);
    return whole;
  }

  copyInto(target: Uint8Array, offset: number, length: number): void {
    const first = Math.min(length, this.sizeBytes - this.#at);
    target.set(this.#bytes.subarray(this.#at, this.#at + first), offset);
    if (first < length) target.set(this.#bytes.subarray(0, length - first), offset + first);
  }

  /** What comes next, where it lies; undefined when it lies across the end of the ring. */
  view(length: number): Uint8Array | undefined {
    if (length > this.sizeBytes - this.#at) return undefined;
    this.#shown ??= this.#chunk.shownBytes.subarray(RING_OFFSET_BYTES, RING_OFFSET_BYTES + this.sizeBytes);
    return this.#shown.subarray(this.#at, this.#at + length);
  }

  /** Gives what was taken back to the sender. False when there is nothing. */
  release(): boolean {
    if (this.#taken === this.#released) return false;
    this.#released = this.#taken;
    this.#words.store(READ, this.#taken);
    return true;
  }
}

/** What was read there cannot have been written by us. */
function corrupt(detail: string): BgworkerError {
  return new BgworkerError('ERR_QUEUE_CORRUPT', 'the memory of a message queue was overwritten', {
    detail,
    hint: 'some process writes where it should not: look for offsets in the same segment that overlap',
  });
}
