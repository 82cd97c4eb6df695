/**
 * The ends of a queue for values instead of bytes: what structured clone carries arrives as it would there. Each end
 * has what the end for bytes has; it only encodes and decodes.
 *
 * An encoder tells the keys of a record once, so the other end must see its messages in their order, all of them. A
 * message that waits for room may still be called off. So as long as one waits, those behind it are encoded each for
 * itself, without what was told before: slower, and independent of what becomes of the others. Whoever awaits each send
 * never gets there.
 */
import type { BlockingWaitOptions, WaitOptions } from './member.js';
import type { MessageBytes } from './messageBytes.js';
import { copyOf } from './messageBytes.js';
import type { MessageReceiver, Reading } from './messageReceiver.js';
import type { MessageSender, SendOptions } from './messageSender.js';
import type { ValueDecoderOptions } from './valueDecoder.js';
import { ValueDecoder } from './valueDecoder.js';
import type { ValueEncoderOptions } from './valueEncoder.js';
import { ValueEncoder } from './valueEncoder.js';

/** Sends values. Takes a sender for itself: what else is sent through it is no value. */
export class ValueSender<T = unknown> {
  readonly #sender: MessageSender;
  readonly #encoder: ValueEncoder;
  /** Sends that were not answered. */
  #unanswered = 0;

  constructor(sender: MessageSender, options?: ValueEncoderOptions) {
    this.#sender = sender;
    this.#encoder = new ValueEncoder(options);
  }

  /**
   * Sends it if there is room; never waits. A value that is longer than the ring is `'sent'` when it is begun, and goes
   * on by itself: until it is through, the next one would block, and `detach` would drop it, which `await send` does not
   * leave one to guess. Throws `ERR_NOT_SERIALIZABLE`, `ERR_MESSAGE_TOO_LARGE` and `ERR_PEER_DIED`.
   */
  trySend(value: T, options?: SendOptions): 'sent' | 'wouldBlock' | 'detached' {
    if (this.#mustBeAlone) return 'wouldBlock';
    const pieces = this.#encoder.encode(value);
    try {
      const result = this.#sender.trySend(pieces, options);
      if (result !== 'wouldBlock') return result;
    } catch (error) {
      this.#encoder.rollback();
      throw error;
    }
    if (this.#finishIfBegun(pieces, options)) return 'sent';
    this.#encoder.rollback();
    return 'wouldBlock';
  }

  /**
   * Sends it when there is room, behind those before it. Serialised at once, but for large typed arrays, which must stay
   * as they are until then. If the signal comes before it has begun to go, nothing is sent; later it goes all the same.
   */
  async send(
    value: T,
    options?: SendOptions & { readonly signal?: AbortSignal | undefined },
  ): Promise<'sent' | 'detached'> {
    options?.signal?.throwIfAborted();
    if (this.#mustBeAlone) return this.#send(this.#encoder.encodeAlone(value), options, false);
    return this.#send(this.#encoder.encode(value), options, true);
  }

  /**
   * As `send`, but the event loop stands still. A value that is longer than the ring is `'sent'` when it is begun, as by
   * `trySend`; otherwise nothing is sent at `'timeout'` and `ERR_WAIT_INTERRUPTED`.
   */
  sendBlocking(value: T, options?: SendOptions & BlockingWaitOptions): 'sent' | 'detached' | 'timeout' {
    const isAlone = this.#mustBeAlone;
    const pieces = isAlone ? this.#encoder.encodeAlone(value) : this.#encoder.encode(value);
    try {
      const result = this.#sender.sendBlocking(pieces, options);
      if (result !== 'timeout') return result;
    } catch (error) {
      if (this.#finishIfBegun(pieces, options)) return 'sent';
      if (!isAlone) this.#encoder.rollback();
      throw error;
    }
    if (this.#finishIfBegun(pieces, options)) return 'sent';
    if (!isAlone) this.#encoder.rollback();
    return 'timeout';
  }

  /** Makes everything visible that was sent with `flush: false`. */
  flush(): void {
    this.#sender.flush();
  }

  /** As MessageSender's. */
  waitForAttach(options?: WaitOptions): Promise<'attached' | 'detached' | 'timeout'> {
    return this.#sender.waitForAttach(options);
  }

  /** As MessageSender's: what was sent is received, but for one that has only begun; sends that wait get `'detached'`. */
  detach(): void {
    this.#sender.detach();
  }

  /** It may still be called off, or another before it may. */
  get #mustBeAlone(): boolean {
    return this.#unanswered > 0 || this.#sender.isBusy;
  }

  /** A message that has begun must be brought to its end, or no other can follow. */
  #finishIfBegun(pieces: readonly Uint8Array[], options: SendOptions | undefined): boolean {
    // While others wait it is one of theirs that has begun.
    if (!this.#sender.hasBegun || this.#sender.isBusy) return false;
    // Whoever sends the next one is told what became of it.
    this.#send(copyOf(pieces), options, false).catch(() => {});
    return true;
  }

  async #send(
    message: MessageBytes,
    options: (SendOptions & { readonly signal?: AbortSignal | undefined }) | undefined,
    mayRollback: boolean,
  ): Promise<'sent' | 'detached'> {
    this.#unanswered += 1;
    try {
      return await this.#sender.send(message, options);
    } catch (error) {
      // Called off after it had begun, it goes on and is received.
      if (mayRollback && !this.#sender.hasBegun) this.#encoder.rollback();
      throw error;
    } finally {
      this.#unanswered -= 1;
    }
  }
}

/** Receives values. Takes a receiver for itself, from the first message on. */
export class ValueReceiver<T = unknown> {
  readonly #receiver: MessageReceiver;
  /** Decodes in the queue's own memory, before it is the sender's again. */
  readonly #reading: Reading<{ readonly done: false; readonly value: T }>;

  /** With `view: true`, typed arrays are valid until the next receive. */
  constructor(receiver: MessageReceiver, options?: ValueDecoderOptions) {
    this.#receiver = receiver;
    const decoder = new ValueDecoder(options);
    this.#reading = {
      isView: true,
      isKept: options?.view === true,
      make: (message) => ({ done: false, value: decoder.decode(message) as T }),
    };
  }

  /**
   * The next value, if it is there. `null` for "not yet", so that a value which is a text is told from it. Throws
   * `ERR_BAD_VALUE` for what is no value, and `ERR_PEER_DIED`.
   */
  tryReceive(): IteratorResult<T, undefined> | null {
    const taken = this.#receiver.tryTake(this.#reading);
    if (taken === 'wouldBlock') return null;
    return taken === 'detached' ? done() : taken;
  }

  /** The next value; `done` when the sender has detached. The signal loses no value. */
  async receive(options?: { readonly signal?: AbortSignal | undefined }): Promise<IteratorResult<T, undefined>> {
    options?.signal?.throwIfAborted();
    const taken =
      this.#receiver.takeAtOnce(this.#reading) ?? (await this.#receiver.takeInTurn(this.#reading, options?.signal));
    return taken === 'detached' ? done() : taken;
  }

  /** As `receive`, but the event loop stands still; null when the time is over. Throws `ERR_WAIT_INTERRUPTED`. */
  receiveBlocking(options?: BlockingWaitOptions): IteratorResult<T, undefined> | null {
    const taken = this.#receiver.takeBlocking(this.#reading, options);
    if (taken === 'timeout') return null;
    return taken === 'detached' ? done() : taken;
  }

  /** Value by value, until the sender detaches. Leaving the loop detaches nothing. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    const iterator: AsyncIterableIterator<T> = {
      next: () => this.receive(),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** As MessageReceiver's: the sender is told at its next call. */
  detach(): void {
    this.#receiver.detach();
  }
}

function done(): IteratorReturnResult<undefined> {
  return { done: true, value: undefined };
}
