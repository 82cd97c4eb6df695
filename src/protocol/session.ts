/**
 * The client's side of the conversation, without a socket: it numbers what is asked, hands each reply to whoever asked
 * for it, and remembers what is unanswered. Bytes go in by `receive` and come out by `takeOutput`; connection.ts owns
 * the socket between the two, and may put a new one in the place of one that broke.
 *
 * Rules:
 * - Nothing but `hello` is sent before the postmaster's welcome. Who answers might be another postmaster, and must not
 *   be given what was meant for this one.
 * - At most `MAX_OUTSTANDING_REQUESTS` are unanswered at a time; what is asked beyond that waits, in order.
 * - After a new connection, what was sent and not answered is sent again, in order and with the same numbers. Every
 *   request may be repeated: a registration has its key, and asking or terminating twice does what once does. The one
 *   that may not, `restart`, says so (`repeat: false`); its asker is told that nobody knows whether it was heard, and
 *   asks for the present state before it decides.
 * - Messages that expect no reply are not repeated: each is about a connection that is gone.
 * - An answer that cannot be read fails its asker and nobody else. News of a type that this version does not know is left
 *   out if the postmaster is another version; other news must be readable, since whoever waits might wait for ever.
 * - Messages are handed out one by one, in the order in which they were sent, while the bytes are read: when a reply
 *   and the notification behind it arrive in one chunk, whoever asked has seen the reply first.
 */
import { assert, BgworkerError } from '../base/index.js';
import type { Frame } from './frame.js';
import { encodeFrame, FrameReader } from './frame.js';
import type { ClientMessage, PostmasterMessage } from './message.js';
import { MessageError, parsePostmasterMessage } from './schema.js';

/** So many that a loop of registrations is not slowed down, so few that a stuck postmaster is not buried. */
export const MAX_OUTSTANDING_REQUESTS = 1024;

/** Requests given up by their askers whose reply may still be under way. */
const MAX_WITHDRAWN = 1024;

export type HelloMessage = Extract<ClientMessage, { readonly type: 'hello' }>;
export type Reply = Extract<PostmasterMessage, { readonly request: number }>;
export type Telling = Exclude<PostmasterMessage, Reply>;

export interface Asker {
  /** Called while the bytes are read, before any message behind the reply is looked at. */
  answered(reply: Reply, attachments: readonly Uint8Array[]): void;
  /** There will be no reply. */
  failed(error: Error): void;
}

export interface AskOptions {
  /** False: never sent twice; if the connection breaks, the asker fails with `ERR_UNSURE`. Default true. */
  readonly repeat?: boolean;
}

/** What the session hands out: everything but replies to requests. */
export type Listener = (message: Telling, attachments: readonly Uint8Array[]) => void;

interface Request {
  readonly number: number;
  readonly bytes: Buffer;
  readonly asker: Asker;
  readonly repeat: boolean;
}

export class ClientSession {
  readonly #hello: Buffer;
  readonly #version: string;
  readonly #listener: Listener;
  #reader = new FrameReader();
  #state: 'apart' | 'greeting' | 'open' = 'apart';
  /** The postmaster that welcomed us may say what we do not know. */
  #isOtherVersion = false;
  #lastNumber = 0;
  /** Sent and not answered, in the order of sending. */
  readonly #outstanding = new Map<number, Request>();
  /** Asked and not sent, in order. */
  readonly #waiting = new Map<number, Request>();
  /** Sent and given up; a reply that crossed the withdrawal still finds its asker here. */
  readonly #withdrawn = new Map<number, Request>();
  #output: Buffer[] = [];

  constructor(hello: Omit<HelloMessage, 'type'>, listener: Listener) {
    this.#hello = encodeFrame({ type: 'hello', ...hello });
    this.#version = hello.package;
    this.#listener = listener;
  }

  /** How many requests have no answer yet. */
  get unanswered(): number {
    return this.#outstanding.size + this.#waiting.size;
  }

  /** A connection is made: what came before over another one is forgotten, and hello is said. */
  connected(): void {
    this.#reader = new FrameReader();
    this.#state = 'greeting';
    this.#output = [this.#hello];
  }

  /** The welcome was read and is the right postmaster's: what is unanswered is sent (again). */
  welcomed(): void {
    assert(this.#state === 'greeting', 'a welcome follows hello');
    this.#state = 'open';
    const sent = [...this.#withdrawn.values(), ...this.#outstanding.values()].sort(
      (one, other) => one.number - other.number,
    );
    for (const request of sent) {
      this.#output.push(request.bytes);
      if (this.#withdrawn.has(request.number)) this.#output.push(withdrawal(request.number));
    }
    this.#sendWaiting();
  }

  /** The connection is gone. Whoever asked for something that must not be said twice learns it now. */
  disconnected(): void {
    this.#state = 'apart';
    this.#output = [];
    for (const request of [...this.#outstanding.values()]) {
      if (request.repeat) continue;
      this.#outstanding.delete(request.number);
      request.asker.failed(new BgworkerError('ERR_UNSURE', 'the connection broke before the answer came'));
    }
  }

  /** Asks; `make` is given the request's number and makes the frame. The number is good for `withdraw`. */
  ask(make: (request: number) => Buffer, asker: Asker, options: AskOptions = {}): number {
    const number = this.#lastNumber + 1;
    const request: Request = { number, bytes: make(number), asker, repeat: options.repeat ?? true };
    this.#lastNumber = number;
    this.#waiting.set(number, request);
    this.#sendWaiting();
    return number;
  }

  /**
   * Says that an answer is no longer wanted. False: the request had not been sent, and will not be. True: it was sent;
   * the answer may still come, and then goes to the asker.
   */
  withdraw(number: number): boolean {
    if (this.#waiting.delete(number)) return false;
    const request = this.#outstanding.get(number);
    if (request === undefined) return true;
    this.#outstanding.delete(number);
    this.#withdrawn.set(number, request);
    const [oldest] = this.#withdrawn.keys();
    if (this.#withdrawn.size > MAX_WITHDRAWN && oldest !== undefined) this.#withdrawn.delete(oldest);
    this.tell(withdrawal(number));
    this.#sendWaiting();
    return true;
  }

  /** Sends a frame that has no reply. Dropped while there is no connection: it would be about one that is gone. */
  tell(bytes: Buffer): void {
    if (this.#state === 'open') this.#output.push(bytes);
  }

  /** Takes what arrived and hands out what is whole. Throws a FrameError for what is no message of the postmaster's. */
  receive(chunk: Uint8Array): void {
    const reader = this.#reader;
    reader.push(chunk);
    // The listener may end this connection, and then what is behind is nobody's.
    while (this.#reader === reader && this.#state !== 'apart') {
      const frame = reader.next();
      if (frame === undefined) return;
      const taken = this.#take(frame);
      if (taken === undefined) continue;
      const { message, attachments } = taken;
      if (message.type === 'welcome') this.#isOtherVersion = message.package !== this.#version;
      if ('request' in message) this.#answer(message.request, (asker) => asker.answered(message, attachments));
      else this.#listener(message, attachments);
    }
  }

  /** What is to be sent now, in order. */
  takeOutput(): readonly Buffer[] {
    const output = this.#output;
    if (output.length > 0) this.#output = [];
    return output;
  }

  /** Nobody will answer any more. */
  fail(error: Error): void {
    this.#state = 'apart';
    this.#output = [];
    const requests = [...this.#outstanding.values(), ...this.#waiting.values()];
    this.#outstanding.clear();
    this.#waiting.clear();
    this.#withdrawn.clear();
    for (const request of requests) request.asker.failed(error);
  }

  /** Undefined for what only another version says: an answer fails its asker alone, and news is no news to us. */
  #take(frame: Frame<unknown>): Frame<PostmasterMessage> | undefined {
    try {
      return parsePostmasterMessage(frame);
    } catch (error) {
      if (!(error instanceof MessageError) || this.#state !== 'open') throw error;
      if (error.request !== null) this.#answer(error.request, (asker) => asker.failed(error));
      else if (!error.isUnknown || !this.#isOtherVersion) throw error;
      return undefined;
    }
  }

  #answer(number: number, answer: (asker: Asker) => void): void {
    const request = this.#withdrawn.get(number) ?? this.#outstanding.get(number);
    if (request === undefined) {
      // A withdrawn request so old that it was forgotten may still be answered; what was never asked may not.
      if (number <= this.#lastNumber) return;
      throw new MessageError('a reply to nobody', `request ${number} of ${this.#lastNumber}`);
    }
    this.#withdrawn.delete(number);
    this.#outstanding.delete(number);
    answer(request.asker);
    if (this.#state === 'open') this.#sendWaiting();
  }

  #sendWaiting(): void {
    if (this.#state !== 'open') return;
    for (const [number, request] of this.#waiting) {
      if (this.#outstanding.size >= MAX_OUTSTANDING_REQUESTS) return;
      this.#waiting.delete(number);
      this.#outstanding.set(number, request);
      this.#output.push(request.bytes);
    }
  }
}

function withdrawal(request: number): Buffer {
  return encodeFrame({ type: 'withdraw', request });
}
