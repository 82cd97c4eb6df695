/**
 * The sending side of a message queue (messageQueue.ts).
 *
 * A message that the ring can hold is written whole or not at all; a longer one is passed on in parts, as the receiver
 * makes room for it. Such a one can be under way when a call gives `'wouldBlock'`: then the same message must be
 * offered again, until it is through (R-MQ-27), or the side be detached. (PostgreSQL wants it of every message.)
 */
import type { BlockingWaitOptions, WaitOptions } from './member.js';
import type { MessageBytes } from './messageBytes.js';
import { Cursor, copyOf, isWhole, lengthOf, otherMessage } from './messageBytes.js';
import type { PeerWatch, QueueEnding, QueueSide } from './queueSide.js';
import type { RingWriter } from './ring.js';
import { bytesInRing, LENGTH_BYTES } from './ring.js';
import { WaitingLine } from './waitingLine.js';

/** How to send. */
export interface SendOptions {
  /** False: it may stay invisible until more is sent, a quarter of the ring at most. Default: true. */
  readonly flush?: boolean | undefined;
}

const EVENT = 'MessageQueueSend';

/** The one process that sends in a queue. All methods throw `ERR_PEER_DIED` once it is known that the receiver is gone. */
export class MessageSender {
  readonly #side: QueueSide;
  readonly #ring: RingWriter;
  readonly #line: WaitingLine;
  /** Of the message under way: its length, and how much of it is in the ring or through. */
  #begun: { readonly length: number; done: number } | undefined;

  /** @internal */
  constructor(side: QueueSide, ring: RingWriter) {
    this.#side = side;
    this.#ring = ring;
    this.#line = new WaitingLine(side, EVENT);
  }

  /** How the receiver ended, as soon as we know. */
  get ending(): QueueEnding | null {
    return this.#side.ending;
  }

  /** Whether a receiver has attached, whatever became of it. */
  get hasReceiver(): boolean {
    return this.#side.hasPeer;
  }

  /** How many bytes the ring holds. */
  get ringBytes(): number {
    return this.#ring.sizeBytes;
  }

  /** Whether some wait here: `trySend` would block. */
  get isBusy(): boolean {
    return !this.#line.isEmpty;
  }

  /** Whether a message that is longer than the ring is under way: no other can be sent before it is through. */
  get hasBegun(): boolean {
    return this.#begun !== undefined;
  }

  /** Whether what is sent is still wanted, as far as the receiver has said: one look at memory. @internal */
  get isWanted(): boolean {
    return !this.#side.isDetached && !this.#side.peerDetached;
  }

  /**
   * Calls once when the receiver detaches or dies; keeps no process alive for it. As long as it lasts the receiver rings for
   * all that it takes, so it is for those who have nothing to send just now. Gives back how to stop.
   * @internal
   */
  watchEnd(ended: () => void): () => void {
    const place = this.#side.place<true>(EVENT, (isLast) =>
      this.#side.ended(isLast) === undefined ? undefined : true,
    );
    const tell = (): boolean => {
      ended();
      return false;
    };
    return this.#side.chunk.member.watch(place, tell, tell);
  }

  /** Who is to be the receiver, so that its end is noticed before it attaches too. Once. Throws `ERR_PEER_SET`. */
  setPeer(peer: PeerWatch): void {
    this.#side.setPeer(peer);
  }

  /**
   * Sends it if there is room; never waits. `'sent'` says that it is in the queue, not that it was received. After
   * `'wouldBlock'` a message that is longer than the ring must be offered again: `ERR_OTHER_MESSAGE` tells when another
   * one is. Also `'wouldBlock'` as long as a `send` is waiting. Throws `ERR_MESSAGE_TOO_LARGE`.
   */
  trySend(message: MessageBytes, { flush = true }: SendOptions = {}): 'sent' | 'wouldBlock' | 'detached' {
    if (!this.#line.isEmpty) return 'wouldBlock';
    return this.#push(message, lengthOf(message), flush, false) ?? 'wouldBlock';
  }

  /**
   * Sends it when there is room, after those that were to be sent before. The bytes must stay as they are until then;
   * afterwards they may be changed. If the signal comes before the first byte is in the ring, nothing is sent. Later it
   * cannot be taken back: the promise is rejected, and the rest, which is copied, is sent nevertheless.
   */
  async send(
    message: MessageBytes,
    { flush = true, signal }: SendOptions & { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<'sent' | 'detached'> {
    signal?.throwIfAborted();
    const length = lengthOf(message);
    const result = this.#line.mayGoOn(length) ? this.#push(message, length, flush, false) : undefined;
    return result ?? this.#sendInTurn(message, length, flush, signal);
  }

  /**
   * Sends it; the event loop stands still until there is room. After `'timeout'`, and after `ERR_WAIT_INTERRUPTED`,
   * the same holds as after `'wouldBlock'`. Those who wait for a `send` come first.
   */
  sendBlocking(
    message: MessageBytes,
    { flush = true, timeoutMs }: SendOptions & BlockingWaitOptions = {},
  ): 'sent' | 'detached' | 'timeout' {
    const length = lengthOf(message);
    const result = this.#line.isEmpty ? this.#push(message, length, flush, false) : undefined;
    if (result !== undefined) return result;
    const place = this.#side.place(EVENT, (isLast) =>
      this.#line.serve(isLast) ? this.#push(message, length, flush, isLast) : undefined,
    );
    return this.#side.chunk.member.waitBlocking<'sent' | 'detached'>(place, { timeoutMs });
  }

  /** Makes everything visible that was sent with `flush: false`. */
  flush(): void {
    this.#side.check();
    if (!this.#side.isDetached) this.#publish();
  }

  /** Resolves when there is a receiver; `'detached'` when there was one. PostgreSQL: shm_mq_wait_for_attach. */
  async waitForAttach(options?: WaitOptions): Promise<'attached' | 'detached' | 'timeout'> {
    return this.#side.waitForAttach(options);
  }

  /** As `waitForAttach`, but the event loop stands still. */
  waitForAttachBlocking(options?: BlockingWaitOptions): 'attached' | 'detached' | 'timeout' {
    return this.#side.waitForAttachBlocking(options);
  }

  /**
   * Sends no more. What was sent is received, also what was not flushed; sends that still wait get `'detached'`. It
   * happens by itself when the segment is detached. Safe to call twice. PostgreSQL: shm_mq_detach.
   */
  detach(): void {
    this.#side.detach();
  }

  #sendInTurn(message: MessageBytes, length: number, flush: boolean, signal: AbortSignal | undefined) {
    let rest = message;
    let hasBegun = false;
    return this.#line.join<'sent' | 'detached'>(
      (isLast) => {
        const lengthNow = lengthOf(rest);
        if (lengthNow !== length) throw otherMessage(length, lengthNow);
        const result = this.#push(rest, length, flush, isLast);
        hasBegun = this.#begun !== undefined;
        return result;
      },
      {
        signal,
        mustFinish: () => {
          if (hasBegun) rest = copyOf(message);
          return hasBegun;
        },
      },
    );
  }

  /** Undefined when it must be tried again. */
  #push(message: MessageBytes, length: number, flush: boolean, isLast: boolean): 'sent' | 'detached' | undefined {
    const side = this.#side;
    if (side.isDetached) {
      side.check();
      return side.ending === null ? 'detached' : this.#end(side.ending);
    }
    // Learnt before anything is written: no descriptor may be left to ring it with.
    void side.hasPeer;
    if (side.peerDetached) return this.#end('detached');
    try {
      const isThrough = this.#begun === undefined ? this.#begin(message, length) : this.#goOn(message, length);
      if (isThrough) {
        if (flush || this.#ring.pendingBytes > this.#ring.sizeBytes >> 2) this.#publish();
        // R-MQ-26.
        return side.peerDetached ? this.#end('detached') : 'sent';
      }
      this.#publish();
      const ending = side.ended(isLast);
      return ending === undefined ? undefined : this.#end(ending);
    } catch (error) {
      throw side.broke(error);
    }
  }

  /** True when it is through. */
  #begin(message: MessageBytes, length: number): boolean {
    const ring = this.#ring;
    const needed = bytesInRing(length);
    const isLong = needed > ring.sizeBytes;
    if (!ring.hasRoom(isLong ? LENGTH_BYTES : needed)) return false;
    ring.writeLength(length);
    if (isLong) {
      this.#begun = { length, done: 0 };
      return this.#goOn(message, length);
    }
    if (isWhole(message)) ring.write(message, 0, length);
    else for (const piece of message) ring.write(piece, 0, piece.length);
    ring.pad();
    return true;
  }

  /** With a message that is longer than the ring. */
  #goOn(message: MessageBytes, length: number): boolean {
    const ring = this.#ring;
    const begun = this.#begun ?? { length, done: 0 };
    if (length !== begun.length) throw otherMessage(begun.length, length);
    const cursor = new Cursor(message, begun.done);
    while (begun.done < length) {
      if (ring.roomBytes === 0) {
        this.#publish();
        if (!ring.hasRoom(1)) return false;
      }
      const { piece, from } = cursor;
      const count = Math.min(piece.length - from, ring.roomBytes);
      ring.write(piece, from, from + count);
      cursor.move(count);
      begun.done += count;
      // The receiver can take the first part while we write the next.
      if (ring.pendingBytes > ring.sizeBytes >> 2) this.#publish();
    }
    ring.pad();
    this.#begun = undefined;
    return true;
  }

  #publish(): void {
    if (this.#ring.publish()) this.#side.wakeOther();
  }

  #end(ending: QueueEnding): 'detached' {
    this.#begun = undefined;
    return this.#side.end(ending);
  }
}
