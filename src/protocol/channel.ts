/**
 * One end of a channel between a worker and a client: values both ways, in order, with back-pressure. Sans-IO: the
 * owner gives `send`, which takes one message and its bytes, and calls `receive…` with what arrives; the same class
 * serves the worker (over its descriptors) and the client (over its socket).
 *
 * What must hold:
 * - A value is serialised when `send` is called: what the caller changes later is not seen. Its promise resolves when
 *   the last byte was handed on, so awaiting each send is all the back-pressure one needs.
 * - Nobody sends more than it was granted. Each side starts with WINDOW_BYTES; the receiver grants bytes again when
 *   its user has taken the message they belong to. So no one on the way ever holds more than a window of it, what each
 *   fragment costs him beside its bytes included: FRAGMENT_OVERHEAD_BYTES.
 * - A message longer than the window would wait for credit that only its own end could bring. So while no whole
 *   message waits for the user, the fragments of the one that is arriving are granted as they come; at most one such
 *   message (MAX_MESSAGE_BYTES) and one window are held.
 * - What arrived before the end or the peer's death is handed out before the reader is told of it.
 *
 * Credit is granted in steps of GRANT_BYTES, not for every message: a sender without credit has a whole window under
 * way, so the step is always reached.
 */
import { assert, BgworkerError } from '../base/index.js';
import type { ChannelContent } from './message.js';
import { deserializeValue, serializeValue } from './values.js';

/** What may be under way in each direction, unread by the user at its end. */
export const WINDOW_BYTES = 256 * 1024;
/** What a fragment takes of the window beside its bytes: at least what whoever carries it has to write with it. */
export const FRAGMENT_OVERHEAD_BYTES = 32;
/** Of one frame: so that other messages of the same connection are never behind more than this. */
export const FRAGMENT_BYTES = 64 * 1024;
/** Of one value. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/** Of what waits for credit, when sends are not awaited. */
export const MAX_QUEUED_BYTES = 64 * 1024 * 1024;
const GRANT_BYTES = FRAGMENT_BYTES;

export interface ChannelOptions {
  /** Takes one message; `bytes` belong to channelData and are not changed afterwards. Must not throw. */
  readonly send: (message: ChannelContent, bytes: Uint8Array | null) => void;
}

/** How long to wait for a value. */
export interface ReceiveOptions {
  /** Ends the wait with its reason; no message is lost by it. */
  readonly signal?: AbortSignal;
}

/** The peer said that it sends nothing more, or it is gone. */
export type ChannelEnding = 'ended' | 'peerGone';

interface Outgoing {
  readonly bytes: Uint8Array;
  sentBytes: number;
  readonly sent: () => void;
  readonly failed: (error: Error) => void;
}

interface Incoming {
  readonly bytes: Uint8Array;
  /** Of what it took of the window, what the sender was not granted again yet. */
  readonly owedBytes: number;
}

/** One value that is waited for. */
interface Waiter {
  readonly give: (bytes: Uint8Array) => void;
  readonly end: () => void;
}

/**
 * An end of a channel for those who write their values themselves: what was sent as bytes must be received as bytes. Both
 * ends have it, for the library's own use.
 */
export interface ByteChannel {
  /** As `send`. The bytes are not changed afterwards. */
  sendBytes(bytes: Uint8Array): Promise<void>;
  /** As `receive`. */
  receiveBytes(options?: ReceiveOptions): Promise<IteratorResult<Uint8Array, undefined>>;
}

export class Channel<In = unknown, Out = unknown> implements AsyncIterable<In>, ByteChannel {
  readonly #send: ChannelOptions['send'];
  readonly #outgoing: Outgoing[] = [];
  #queuedBytes = 0;
  #creditBytes = WINDOW_BYTES;
  /** What this side may still say, and what the peer may. */
  #output: 'open' | 'ending' | 'ended' = 'open';
  #input: 'open' | ChannelEnding = 'open';

  readonly #incoming: Incoming[] = [];
  #fragments: Uint8Array[] = [];
  #fragmentBytes = 0;
  /** Of the fragments, those not granted again yet. */
  #fragmentOwedBytes = 0;
  /** What may be granted and is still collected to a step. */
  #grantBytes = 0;
  /** What the peer may still send: it is believed to keep to its credit, and watched. */
  #peerCreditBytes = WINDOW_BYTES;
  readonly #waiters = new Set<Waiter>();
  readonly #closed: Promise<ChannelEnding>;
  #close: (ending: ChannelEnding) => void = () => {};

  constructor({ send }: ChannelOptions) {
    this.#send = send;
    this.#closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  // --- the user's side ---

  /**
   * Sends a value. Resolves when it is on its way; not awaited, it waits in a queue of at most MAX_QUEUED_BYTES.
   * Fails with ERR_NOT_SERIALIZABLE, ERR_CHANNEL_MESSAGE_TOO_LONG, ERR_CHANNEL_QUEUE_FULL or ERR_CHANNEL_CLOSED.
   */
  async send(value: Out): Promise<void> {
    this.#checkOpen();
    return this.sendBytes(serializeValue(value, 'message'));
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    this.#checkOpen();
    this.#checkRoom(bytes.byteLength);
    this.#queuedBytes += bytes.byteLength;
    const sent = new Promise<void>((resolve, reject) => {
      this.#outgoing.push({ bytes, sentBytes: 0, sent: resolve, failed: reject });
    });
    this.#pump();
    return sent;
  }

  /** The next value; `done` after the last one, when the peer has ended or is gone. Concurrent calls are served in turn. */
  receive(options: ReceiveOptions = {}): Promise<IteratorResult<In, undefined>> {
    return this.#receive(options, (bytes) => deserializeValue(bytes) as In);
  }

  receiveBytes(options: ReceiveOptions = {}): Promise<IteratorResult<Uint8Array, undefined>> {
    return this.#receive(options, (bytes) => bytes);
  }

  #receive<T>({ signal }: ReceiveOptions, read: (bytes: Uint8Array) => T): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const abort = (): void => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      const settle = (make: () => IteratorResult<T, undefined>): void => {
        signal?.removeEventListener('abort', abort);
        try {
          resolve(make());
        } catch (error) {
          reject(error);
        }
      };
      const waiter: Waiter = {
        give: (bytes) => settle(() => ({ done: false, value: read(bytes) })),
        end: () => settle(() => ({ done: true, value: undefined })),
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.add(waiter);
      this.#serve();
    });
  }

  /** Leaving the loop leaves the channel open: another loop goes on where this one stopped. */
  [Symbol.asyncIterator](): AsyncIterator<In, undefined> {
    return { next: () => this.receive() };
  }

  /**
   * Says that this side sends nothing more, behind all that was sent. The peer's loop ends; this side may go on reading.
   * Safe to call twice. Where the peer is gone nothing is left to wait behind, and it is said at once.
   */
  end(): void {
    if (this.#output === 'ended') return;
    this.#output = 'ending';
    this.#pump();
  }

  /** How the peer's side ended. Values that came before may still wait to be received. */
  get closed(): Promise<ChannelEnding> {
    return this.#closed;
  }

  /** Something waits here for what only the peer can bring: a value or credit. */
  get isWaitedFor(): boolean {
    return this.#waiters.size > 0 || this.#outgoing.length > 0;
  }

  /** Values that were not handed on, since the peer has not taken what came before them. */
  get unsentMessages(): number {
    return this.#outgoing.length;
  }

  // --- the owner's side ---

  /** A message arrived. Throws ERR_CHANNEL_VIOLATION when the peer broke a rule: nothing it says can be trusted then. */
  accept(message: ChannelContent, bytes: Uint8Array | null): void {
    if (this.#input === 'peerGone') return;
    switch (message.type) {
      case 'channelData':
        assert(bytes !== null, 'channelData has bytes');
        this.#acceptData(bytes, message.more);
        break;
      case 'channelCredit':
        this.#creditBytes += message.bytes;
        if (this.#creditBytes > WINDOW_BYTES) violation('more credit than the window', this.#creditBytes);
        this.#pump();
        break;
      case 'channelEnd':
        this.#endInput('ended');
        break;
    }
  }

  /** The peer is gone. What it had not finished saying is dropped, what waits to be sent fails. Safe to call twice. */
  peerGone(): void {
    if (this.#input === 'peerGone') return;
    this.#fragments = [];
    this.#fragmentBytes = 0;
    for (const { failed } of this.#outgoing.splice(0)) failed(closedError('the other side is gone'));
    this.#queuedBytes = 0;
    this.#endInput('peerGone');
  }

  // --- sending ---

  #checkOpen(): void {
    if (this.#output !== 'open') throw closedError('this side has ended it');
    if (this.#input === 'peerGone') throw closedError('the other side is gone');
  }

  #checkRoom(bytes: number): void {
    if (bytes > MAX_MESSAGE_BYTES) {
      throw new BgworkerError('ERR_CHANNEL_MESSAGE_TOO_LONG', 'message too long', {
        detail: `${bytes} bytes, ${MAX_MESSAGE_BYTES} are allowed`,
        hint: 'send it in pieces, or leave it in a file and send the path',
      });
    }
    if (this.#queuedBytes > 0 && this.#queuedBytes + bytes > MAX_QUEUED_BYTES) {
      throw new BgworkerError('ERR_CHANNEL_QUEUE_FULL', 'too much waits to be sent', {
        detail: `${this.#outgoing.length} messages of ${this.#queuedBytes} bytes wait for the other side to read`,
        hint: 'await each send()',
      });
    }
  }

  /** How long the next fragment may be. */
  get #fragmentRoom(): number {
    return Math.min(FRAGMENT_BYTES, this.#creditBytes - FRAGMENT_OVERHEAD_BYTES);
  }

  #pump(): void {
    for (let head = this.#outgoing[0]; head !== undefined && this.#fragmentRoom > 0; head = this.#outgoing[0]) {
      const end = Math.min(head.bytes.byteLength, head.sentBytes + this.#fragmentRoom);
      const fragment = head.bytes.subarray(head.sentBytes, end);
      this.#creditBytes -= fragmentCost(fragment);
      this.#queuedBytes -= fragment.byteLength;
      head.sentBytes = end;
      const more = end < head.bytes.byteLength;
      if (!more) this.#outgoing.shift();
      this.#send({ type: 'channelData', more }, fragment);
      if (!more) head.sent();
    }
    if (this.#output === 'ending' && this.#outgoing.length === 0) {
      this.#output = 'ended';
      this.#send({ type: 'channelEnd' }, null);
    }
  }

  // --- receiving ---

  #acceptData(bytes: Uint8Array, more: boolean): void {
    if (this.#input !== 'open') violation('data behind the end', bytes.byteLength);
    this.#peerCreditBytes -= fragmentCost(bytes);
    if (this.#peerCreditBytes < 0) violation('more data than was granted', -this.#peerCreditBytes);
    this.#fragments.push(bytes);
    this.#fragmentBytes += bytes.byteLength;
    this.#fragmentOwedBytes += fragmentCost(bytes);
    if (this.#fragmentBytes > MAX_MESSAGE_BYTES) violation('message too long', this.#fragmentBytes);
    if (!more) {
      this.#incoming.push({ bytes: joined(this.#fragments, this.#fragmentBytes), owedBytes: this.#fragmentOwedBytes });
      this.#fragments = [];
      this.#fragmentBytes = 0;
      this.#fragmentOwedBytes = 0;
    }
    this.#serve();
    this.#grantFragments();
  }

  /** Gives what there is to those who wait for it. */
  #serve(): void {
    for (const waiter of this.#waiters) {
      const message = this.#incoming.shift();
      if (message === undefined && this.#input === 'open') return;
      this.#waiters.delete(waiter);
      if (message === undefined) {
        waiter.end();
        continue;
      }
      this.#grant(message.owedBytes);
      this.#grantFragments();
      waiter.give(message.bytes);
    }
  }

  #grantFragments(): void {
    if (this.#incoming.length > 0) return;
    this.#grant(this.#fragmentOwedBytes);
    this.#fragmentOwedBytes = 0;
  }

  #grant(bytes: number): void {
    this.#grantBytes += bytes;
    if (this.#grantBytes < GRANT_BYTES || this.#input !== 'open') return;
    this.#peerCreditBytes += this.#grantBytes;
    this.#send({ type: 'channelCredit', bytes: this.#grantBytes }, null);
    this.#grantBytes = 0;
  }

  #endInput(ending: ChannelEnding): void {
    if (this.#input === 'open') this.#close(ending);
    this.#input = ending;
    this.#serve();
  }
}

/** What it takes of the window. */
export function fragmentCost(fragment: Uint8Array): number {
  return fragment.byteLength + FRAGMENT_OVERHEAD_BYTES;
}

function joined(fragments: readonly Uint8Array[], bytes: number): Uint8Array {
  const [first] = fragments;
  if (fragments.length === 1 && first !== undefined) return first;
  return Buffer.concat(fragments, bytes);
}

function closedError(detail: string): BgworkerError {
  return new BgworkerError('ERR_CHANNEL_CLOSED', 'channel is closed', { detail });
}

function violation(what: string, bytes: number): never {
  throw new BgworkerError('ERR_CHANNEL_VIOLATION', what, {
    detail: `${bytes} bytes`,
    hint: 'both sides must be bgworker, of versions that fit',
  });
}
