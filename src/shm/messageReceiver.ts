/**
 * The receiving side of a message queue (messageQueue.ts).
 *
 * Whatever was published before the sender went is received first (R-MQ-33); what is left of a message that it did not
 * bring to its end is dropped (R-MQ-34). Then the end is told as it was: `'detached'`, or `ERR_PEER_DIED`.
 */
import type { BlockingWaitOptions, Member, Place, WaitOptions } from './member.js';
import type { PeerWatch, QueueEnding, QueueSide } from './queueSide.js';
import type { RingReader } from './ring.js';
import { bytesInRing, LENGTH_BYTES } from './ring.js';
import { WaitingLine } from './waitingLine.js';

const EVENT = 'MessageQueueReceive';

/** What is made of a message. @internal */
export interface Reading<T> {
  /** `make` may be given the queue's own memory. */
  readonly isView: boolean;
  /** What is made of it lies there still: it is the sender's again only with the next call. Asked after `make`. */
  readonly isKept: boolean;
  /** Called when the message is taken, before the next one can be. What it throws is thrown, and the message is gone. */
  make(message: Uint8Array): T;
}

const COPIED: Reading<Uint8Array> = { isView: false, isKept: false, make: (message) => message };
const VIEWED: Reading<Uint8Array> = { isView: true, isKept: true, make: (message) => message };

/** The one process that receives from a queue. All methods throw `ERR_PEER_DIED` when it is empty and the sender gone. */
export class MessageReceiver {
  readonly #side: QueueSide;
  readonly #ring: RingReader;
  readonly #line: WaitingLine;
  /** Of a message longer than the ring: what has come of it. */
  #part: { readonly bytes: Uint8Array; filled: number } | undefined;
  /** So much is looked at by somebody, and is given back with the next call. */
  #viewedBytes = 0;
  /** For views of what does not lie in one piece; so no larger than the ring. */
  #scratch = new Uint8Array(0);
  /** How long the message was that was taken last. */
  #takenBytes = 0;
  /** Who was about to sleep has asked the system, and the sender is gone: who only tries finds the same. */
  #isKnownOver = false;

  /** @internal */
  constructor(side: QueueSide, ring: RingReader) {
    this.#side = side;
    this.#ring = ring;
    this.#line = new WaitingLine(side, EVENT);
  }

  /** How the sender ended, as soon as all is received that it sent; null before. */
  get ending(): QueueEnding | null {
    return this.#side.ending;
  }

  /** Whether a sender has attached, whatever became of it. */
  get hasSender(): boolean {
    return this.#side.hasPeer;
  }

  /** Whether the sender has detached or is gone, whatever it has sent before. Asks the system, at each call. @internal */
  get isLeft(): boolean {
    return this.#side.ended(true) !== undefined;
  }

  /** Who is to be the sender, so that its end is noticed before it attaches too. Once. Throws `ERR_PEER_SET`. */
  setPeer(peer: PeerWatch): void {
    this.#side.setPeer(peer);
  }

  /** The next message, copied, if it is there; never waits. Also `'wouldBlock'` as long as a `receive` is waiting. */
  tryReceive(): Uint8Array | 'wouldBlock' | 'detached' {
    return this.tryTake(COPIED);
  }

  /**
   * As `tryReceive`, without a copy if the message lies in one piece: then what is given is the queue's own memory,
   * which holds the message until the next call of a method that receives here, and must not be written to.
   */
  tryReceiveView(): Uint8Array | 'wouldBlock' | 'detached' {
    return this.tryTake(VIEWED);
  }

  /** The next message, copied. Several calls get theirs in order. The signal loses no message. */
  async receive(options?: { readonly signal?: AbortSignal | undefined }): Promise<Uint8Array | 'detached'> {
    options?.signal?.throwIfAborted();
    return this.takeAtOnce(COPIED) ?? this.takeInTurn(COPIED, options?.signal);
  }

  /** As `receive`, by the rules of `tryReceiveView`. */
  async receiveView(options?: { readonly signal?: AbortSignal | undefined }): Promise<Uint8Array | 'detached'> {
    options?.signal?.throwIfAborted();
    return this.takeAtOnce(VIEWED) ?? this.takeInTurn(VIEWED, options?.signal);
  }

  /** The next message, copied; the event loop stands still until it is there. Those who wait for a `receive` come first. */
  receiveBlocking(options?: BlockingWaitOptions): Uint8Array | 'detached' | 'timeout' {
    return this.takeBlocking(COPIED, options);
  }

  /** As `receiveBlocking`, by the rules of `tryReceiveView`. */
  receiveViewBlocking(options?: BlockingWaitOptions): Uint8Array | 'detached' | 'timeout' {
    return this.takeBlocking(VIEWED, options);
  }

  /** Message by message, copied, until the sender detaches. Leaving the loop detaches nothing. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    const iterator: AsyncIterableIterator<Uint8Array> = {
      next: async () => {
        const message = this.takeAtOnce(COPIED) ?? (await this.takeInTurn(COPIED, undefined));
        return message === 'detached' ? { done: true, value: undefined } : { done: false, value: message };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /**
   * Gives each message, copied, as it comes, and what is there already within this call; keeps no process alive for it.
   * Its room is the sender's again before it is given. `ended` is called once: `'detached'`, or what else went wrong.
   * Gives back how to stop.
   * @internal
   */
  watch(take: (message: Uint8Array) => void, ended: (how: unknown) => void): () => void {
    return this.#side.chunk.member.watch(
      this.#place(COPIED),
      (message) => {
        if (message === 'detached') {
          ended(message);
          return false;
        }
        this.#release();
        take(message);
        return true;
      },
      ended,
    );
  }

  /** Resolves when there is a sender; `'detached'` when there was one. PostgreSQL: shm_mq_wait_for_attach. */
  async waitForAttach(options?: WaitOptions): Promise<'attached' | 'detached' | 'timeout'> {
    return this.#side.waitForAttach(options);
  }

  /** As `waitForAttach`, but the event loop stands still. */
  waitForAttachBlocking(options?: BlockingWaitOptions): 'attached' | 'detached' | 'timeout' {
    return this.#side.waitForAttachBlocking(options);
  }

  /**
   * Receives no more: the sender gets `'detached'`, and so does whoever waits here. It happens by itself when the
   * segment is detached. Safe to call twice. PostgreSQL: shm_mq_detach.
   */
  detach(): void {
    this.#side.detach();
  }

  /** As `tryReceive`, for something else than bytes. @internal */
  tryTake<T>(reading: Reading<T>): T | 'wouldBlock' | 'detached' {
    if (!this.#line.isEmpty) return 'wouldBlock';
    return this.#take(reading, false) ?? 'wouldBlock';
  }

  /** For something else than bytes. Undefined when there is none, or when others are to have their turn first. @internal */
  takeAtOnce<T>(reading: Reading<T>): T | 'detached' | undefined {
    return this.#line.mayGoOn(this.#takenBytes) ? this.#take(reading, false) : undefined;
  }

  /** Behind those who came before. @internal */
  takeInTurn<T>(reading: Reading<T>, signal: AbortSignal | undefined): Promise<T | 'detached'> {
    return this.#line.join((isLast) => this.#take(reading, isLast), { signal });
  }

  /** As `receiveBlocking`, for something else than bytes. @internal */
  takeBlocking<T>(reading: Reading<T>, options: BlockingWaitOptions | undefined): T | 'detached' | 'timeout' {
    const taken = this.#line.isEmpty ? this.#take(reading, false) : undefined;
    return taken ?? this.#side.chunk.member.waitBlocking(this.#place(reading), options);
  }

  /**
   * Where to wait until `tryTake` has something to do, of several such places at once (receiveAny.ts). Nothing is taken
   * there, and nobody else may wait here meanwhile.
   * @internal
   */
  entrance(event: string): { readonly member: Member; readonly place: Place<true> } {
    const place = this.#side.place<true>(event, (isLast) => (this.#isReady(isLast) ? true : undefined));
    return { member: this.#side.chunk.member, place };
  }

  #isReady(isLast: boolean): boolean {
    const side = this.#side;
    if (side.isDetached || this.#isKnownOver) return true;
    try {
      // Learnt before it sleeps: it must be possible to be rung.
      void side.hasPeer;
      if (this.#hasSome()) return true;
      this.#isKnownOver = side.ended(isLast) !== undefined;
      return this.#isKnownOver;
    } catch (error) {
      throw side.broke(error);
    }
  }

  /** A message, or a part of a long one; none of it is taken. */
  #hasSome(): boolean {
    const ring = this.#ring;
    if (this.#part !== undefined) return ring.has(1);
    if (!ring.has(this.#viewedBytes + LENGTH_BYTES)) return false;
    if (this.#viewedBytes > 0) return true;
    const needed = bytesInRing(ring.peekLength());
    return needed > ring.sizeBytes || ring.has(needed);
  }

  #place<T>(reading: Reading<T>): Place<T | 'detached'> {
    return this.#side.place(EVENT, (isLast) => (this.#line.serve(isLast) ? this.#take(reading, isLast) : undefined));
  }

  /** Undefined when it must be tried again. */
  #take<T>(reading: Reading<T>, isLast: boolean): T | 'detached' | undefined {
    const side = this.#side;
    if (side.isDetached) {
      side.check();
      if (side.ending === null) return 'detached';
    }
    let message: Uint8Array | undefined;
    try {
      // Learnt before anything is taken: it must be possible to ring it.
      void side.hasPeer;
      if (this.#viewedBytes > 0) this.#endView();
      message = this.#next(reading.isView);
      if (message === undefined) {
        this.#release();
        const ending = side.ended(isLast || this.#isKnownOver);
        if (ending === undefined) return undefined;
        message = this.#next(reading.isView);
        if (message === undefined) {
          this.#part = undefined;
          return side.end(ending);
        }
      }
    } catch (error) {
      throw side.broke(error);
    }
    return this.#make(message, reading);
  }

  #make<T>(message: Uint8Array, reading: Reading<T>): T {
    this.#takenBytes = message.length;
    try {
      return reading.make(message);
    } finally {
      if (!reading.isKept && this.#viewedBytes > 0) this.#endView();
    }
  }

  #next(isView: boolean): Uint8Array | undefined {
    if (this.#part !== undefined) return this.#goOn(this.#part);
    const ring = this.#ring;
    if (!ring.has(LENGTH_BYTES)) return undefined;
    const length = ring.peekLength();
    const needed = bytesInRing(length);
    if (needed > ring.sizeBytes) {
      const part = { bytes: new Uint8Array(length), filled: 0 };
      this.#part = part;
      ring.skip(LENGTH_BYTES);
      return this.#goOn(part);
    }
    if (!ring.has(needed)) return undefined;
    ring.skip(LENGTH_BYTES);
    if (isView) {
      this.#viewedBytes = needed - LENGTH_BYTES;
      return ring.view(length) ?? this.#joined(length);
    }
    const message = ring.copy(length);
    ring.skip(needed - LENGTH_BYTES);
    if (ring.pendingBytes > ring.sizeBytes >> 2) this.#release();
    return message;
  }

  /** What lies across the end of the ring, where nothing else is before the next message. */
  #joined(length: number): Uint8Array {
    if (this.#scratch.length < length) this.#scratch = new Uint8Array(length);
    this.#ring.copyInto(this.#scratch, 0, length);
    return this.#scratch.subarray(0, length);
  }

  /** With a message that is longer than the ring. */
  #goOn(part: { readonly bytes: Uint8Array; filled: number }): Uint8Array | undefined {
    const ring = this.#ring;
    while (part.filled < part.bytes.length) {
      if (!ring.has(1)) return undefined;
      const count = Math.min(ring.availableBytes, part.bytes.length - part.filled);
      ring.copyInto(part.bytes, part.filled, count);
      part.filled += count;
      ring.skip(part.filled === part.bytes.length ? (count + 7) & ~7 : count);
      if (ring.pendingBytes > ring.sizeBytes >> 2) this.#release();
    }
    this.#part = undefined;
    return part.bytes;
  }

  #endView(): void {
    this.#ring.skip(this.#viewedBytes);
    this.#viewedBytes = 0;
    if (this.#ring.pendingBytes > this.#ring.sizeBytes >> 2) this.#release();
  }

  #release(): void {
    if (this.#ring.release()) this.#side.wakeOther();
  }
}
