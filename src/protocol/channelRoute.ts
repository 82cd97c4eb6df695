/**
 * By which way the messages of a channel go: by the line, on which the postmaster passes them on, or through memory that
 * both ends share. A channel begins on the line. When it has carried much its client offers memory, and each direction
 * goes over by itself, in the middle of whatever is being said. Sans-IO, and the same class at both ends.
 *
 *     client                                  worker
 *       makes memory ──── channelOffer ────▶  attaches to it
 *       reads memory ◀─── channelMove ──────  writes memory
 *       writes memory ─── channelMove ─────▶  reads memory
 *
 * What must hold:
 * - `channelMove` is the last that a side says on the line, but for its end. So whoever has read it has read everything
 *   that was said before it, and what lies in memory comes behind: nothing is lost, doubled or overtaken.
 * - A side's end is said in memory, in its place, and then on the line too: the postmaster must know where one client's
 *   conversation ends. Who reads it there finds it in memory at once, or that memory is lost.
 * - Credit (channel.ts) is counted across the move, so one window's room in memory is never full.
 * - When the peer is gone, what it has left in memory is read, unless something on the line is missing before it.
 */
import { BgworkerError } from '../base/index.js';
import { fragmentCost } from './channel.js';
import type { ChannelContent, ChannelMessage } from './message.js';

/**
 * Who has carried so many messages, or bytes, both directions together, is offered memory: about as many as it takes until
 * the line has cost what the move does. That is 70 ms of a processor, most of them the worker's, which loads a client and
 * koffi for it; memory then spares 10 µs of each small message, 100 of each that is waited for, and 3 of each KiB.
 */
export const MOVES_AFTER_MESSAGES = 2_048;
export const MOVES_AFTER_BYTES = 8 * 1024 * 1024;

/** Memory that two ends share, as one of them sees it. */
export interface MemoryWire {
  /** False when there is no room, which credit rules out. Who is gone takes everything. */
  trySend(message: ChannelContent, bytes: Uint8Array | null): boolean;
  /** From now on gives what comes, in order, and keeps no process alive for it. `lost`: nothing comes any more, by our fault. */
  listen(take: (message: ChannelContent, bytes: Uint8Array | null) => void, lost: (error: Error) => void): void;
  /** Gives what is there to who listens, now. */
  drain(): void;
  /** Gives the memory back. Safe to call twice, and while something is taken. */
  close(): void;
}

export interface RouteOptions {
  /** Says it on the line. */
  readonly tell: (message: ChannelMessage, bytes: Uint8Array | null) => void;
  /** For the channel. Throws when the peer broke a rule. */
  readonly deliver: (message: ChannelContent, bytes: Uint8Array | null) => void;
  /** What was to come through memory will not come: the channel is over. */
  readonly failed: (error: Error) => void;
  /** At the client's end, once: it carries much. */
  readonly busy?: () => void;
  /** At the client's end: both directions go through memory (null), or the worker cannot, and why. */
  readonly settled?: (because: string | null) => void;
  /** At the worker's end: attach to that, and `move`, or `stay`. */
  readonly offered?: (segment: string) => void;
}

export class ChannelRoute {
  readonly #options: RouteOptions;
  #output: 'line' | 'memory' | 'nowhere' = 'line';
  #input: 'line' | 'memory' = 'line';
  #memory: MemoryWire | null = null;
  #hasSaidEnd = false;
  #hasHeardEnd = false;
  #isOver = false;
  #isBroken = false;
  #messages = 0;
  #bytes = 0;

  constructor(options: RouteOptions) {
    this.#options = options;
  }

  /** What the channel says. */
  send(message: ChannelContent, bytes: Uint8Array | null): void {
    const isEnd = message.type === 'channelEnd';
    const isThrough = this.#output !== 'memory' || this.#memory?.trySend(message, bytes) !== false;
    if (this.#output === 'line' || isEnd) this.#options.tell(message, bytes);
    if (!isThrough) return this.#fail(violation('more came through shared memory than was granted'));
    if (isEnd) this.#hasSaidEnd = true;
    this.#giveBackWhenDone();
    this.#count(bytes);
  }

  /** What was said on the line. Throws when the peer broke a rule. */
  accept(message: ChannelMessage, bytes: Uint8Array | null): void {
    if (this.#isOver) return;
    switch (message.type) {
      case 'channelOffer':
        return this.#options.offered?.(message.segment);
      case 'channelMove':
        return this.#peerMoved();
      case 'channelStay':
        if (this.#output === 'line') this.#forgetOffer(message.because);
        return;
      case 'channelData':
      case 'channelCredit':
      case 'channelEnd':
        if (this.#input === 'memory') return this.#acceptBesideMemory(message);
        this.#deliver(message, bytes);
        return this.#count(bytes);
    }
  }

  /** The client's: memory that the worker can attach to by this text. */
  offer(segment: string, memory: MemoryWire): void {
    if (this.#isOver || (this.#hasSaidEnd && this.#hasHeardEnd)) return memory.close();
    this.#memory = memory;
    this.#options.tell({ type: 'channelOffer', segment }, null);
  }

  /** The worker's: it has attached to what it was offered. */
  move(memory: MemoryWire): void {
    if (this.#isOver || this.#memory !== null || (this.#hasSaidEnd && this.#hasHeardEnd)) return memory.close();
    this.#memory = memory;
    this.#move();
  }

  /** The worker's: it cannot attach. */
  stay(because: string): void {
    if (!this.#isOver) this.#options.tell({ type: 'channelStay', because }, null);
  }

  /** The peer is gone, or nobody here wants more. What is there is delivered first. Safe to call twice. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#input === 'memory') this.#memory?.drain();
    this.#giveBack();
  }

  #peerMoved(): void {
    // Without an offer it was meant for who had the channel before us, or all that there was to say has been said.
    if (this.#memory === null) return;
    if (this.#input === 'memory') throw violation('a second move');
    if (this.#output === 'line') this.#move();
    this.#input = 'memory';
    this.#options.settled?.(null);
    this.#memory.listen(
      (message, bytes) => this.#take(message, bytes),
      (error) => this.#fail(error),
    );
  }

  #move(): void {
    this.#options.tell({ type: 'channelMove' }, null);
    this.#output = 'memory';
  }

  #forgetOffer(because: string): void {
    if (this.#memory === null) return;
    this.#giveBack();
    this.#options.settled?.(because);
  }

  #acceptBesideMemory({ type }: ChannelContent): void {
    if (type !== 'channelEnd') throw violation('something on the line behind the move');
    if (!this.#hasHeardEnd) this.#memory?.drain();
    if (!this.#hasHeardEnd) this.#fail(violation('the other side has lost the shared memory'));
  }

  #take(message: ChannelContent, bytes: Uint8Array | null): void {
    if (this.#isBroken) return;
    try {
      this.#deliver(message, bytes);
    } catch (error) {
      if (!(error instanceof BgworkerError)) throw error;
      this.#fail(error);
    }
  }

  #deliver(message: ChannelContent, bytes: Uint8Array | null): void {
    this.#options.deliver(message, bytes);
    if (message.type !== 'channelEnd') return;
    this.#hasHeardEnd = true;
    this.#giveBackWhenDone();
  }

  #fail(error: Error): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    if (!this.#isOver) this.#options.failed(error);
  }

  #giveBackWhenDone(): void {
    if (this.#hasSaidEnd && this.#hasHeardEnd) this.#giveBack();
  }

  #giveBack(): void {
    if (this.#output === 'memory') this.#output = 'nowhere';
    const memory = this.#memory;
    this.#memory = null;
    memory?.close();
  }

  #count(bytes: Uint8Array | null): void {
    if (bytes === null || this.#options.busy === undefined || this.#hasCarriedMuch) return;
    this.#messages += 1;
    this.#bytes += fragmentCost(bytes);
    if (this.#hasCarriedMuch) this.#options.busy();
  }

  get #hasCarriedMuch(): boolean {
    return this.#messages >= MOVES_AFTER_MESSAGES || this.#bytes >= MOVES_AFTER_BYTES;
  }
}

function violation(what: string): BgworkerError {
  return new BgworkerError('ERR_CHANNEL_VIOLATION', what, {
    hint: 'both sides must be bgworker, of versions that fit',
  });
}
