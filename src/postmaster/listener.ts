/**
 * The postmaster's door: the socket, and one object for each client behind it. It turns bytes into facts for the core
 * and the core's answers into bytes; it decides nothing but whether somebody may speak at all.
 *
 * - Who does not begin with a hello of a version that fits, or says something that is no message, is told why with a
 *   goodbye and disconnected; nothing else happens to anybody.
 * - Whoever comes only to shut us down is let in for that, whatever its version: the command that mends a mismatch has to
 *   be the newer one's.
 * - A request that cannot be understood is answered with a refusal, since the client may be a version newer than we are.
 * - A client that does not read is not disconnected. When its socket is full the core is told, and keeps only what is
 *   newest for it; when even its answers pile up, it is not read any more either, so that it holds up only itself.
 */
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { BgworkerError, startLongTimer } from '../base/index.js';
import type { ClientId } from '../core/index.js';
import type { ClientMessage, Frame, GoodbyeDetail, GoodbyeReason, Introduction } from '../protocol/index.js';
import {
  encodeFrame,
  FrameReader,
  MessageError,
  parseClientMessage,
  whyNotServed,
  whyNotUnderstood,
} from '../protocol/index.js';
import { Outbox } from './outbox.js';
import { encodeRefusal } from './replies.js';

export interface ListenerEvents {
  connected(client: ClientId, hello: Extract<ClientMessage, { type: 'hello' }>): void;
  asked(client: ClientId, message: Exclude<ClientMessage, { type: 'hello' }>, attachments: readonly Uint8Array[]): void;
  gone(client: ClientId): void;
  blocked(client: ClientId): void;
  drained(client: ClientId): void;
  /** For the log. */
  expelled(client: ClientId, refusal: GoodbyeDetail): void;
}

/** What is needed of a socket. */
export interface ClientSocket {
  readonly writableLength: number;
  once(event: 'close', listener: () => void): unknown;
  on(event: 'error' | 'drain', listener: () => void): unknown;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  cork(): void;
  uncork(): void;
  write(bytes: Buffer): unknown;
  end(bytes: Buffer): unknown;
  pause(): unknown;
  resume(): unknown;
  destroy(): unknown;
}

export interface ListenerOptions {
  readonly socketPath: string;
  readonly epoch: string;
  readonly directory: string;
  readonly introduction: Introduction;
}

/** A socket that holds more than this is full, as far as notifications go. */
const BLOCKED_BYTES = 256 * 1024;
/** And one that holds more than this is not read any more. */
const DEAF_BYTES = 4 * 1024 * 1024;
/** So long the postmaster waits, at its end, for clients to take what was written for them. */
const FAREWELL_MS = 1_000;
/** So many may be connected without having said hello, which takes a client no time; then the oldest has to go. */
const MAX_STRANGERS = 128;

export class Listener {
  readonly #options: ListenerOptions;
  #server: Server | undefined;
  readonly #connections = new Map<ClientId, Connection>();
  readonly #outbox = new Outbox();
  #nextClient: ClientId = 1;
  /** Those who have not said hello, oldest first. */
  readonly #strangers = new Set<Connection>();
  #isOpenToNewcomers = true;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** From now on clients are let in. */
  open(events: ListenerEvents): Promise<void> {
    const server = createServer((socket) => this.accept(socket, events));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path: this.#options.socketPath }, () => {
        server.off('error', reject);
        // EMFILE and the like: the one who came is refused by the system, and those who are here are not harmed.
        server.on('error', () => {});
        resolve();
      });
    });
  }

  get clients(): number {
    return this.#connections.size;
  }

  /** Written at once, or with what else there is for this client when the batch under way is over. */
  send(client: ClientId, frame: Buffer): void {
    this.#connections.get(client)?.write(frame);
  }

  /**
   * What is sent from inside is written when it is over, in one piece for each client: a write takes the time of many
   * messages, and wakes the reader, who would then be in the way of the worker that has just been given its job.
   */
  batch<Result>(act: () => Result): Result {
    return this.#outbox.batch(act);
  }

  /** Writes what waits for the end of a batch now: something that takes long comes next. */
  flush(): void {
    this.#outbox.flush();
  }

  /** Tells a client why, and disconnects it when it has read that. */
  expel(client: ClientId, reason: GoodbyeReason, detail: GoodbyeDetail): void {
    this.#connections.get(client)?.sayGoodbye(reason, detail);
  }

  /**
   * From now on only workers that are still there are let in, since they may have to speak to us in order to end, and who
   * wants a shutdown that does not wait as long as this one. Everybody else is told that it has begun.
   */
  refuseNewcomers(): void {
    this.#isOpenToNewcomers = false;
  }

  /** Nobody can connect any more, and the socket's name is gone: from now on it may be another one's. */
  stopListening(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /**
   * Says goodbye to all, and resolves when every client that reads has had what was written for it. One that does not,
   * being stopped or busy, holds up nobody: what its socket took it finds there when it goes on.
   */
  async close(reason: GoodbyeReason, detail: GoodbyeDetail): Promise<void> {
    const connections = [...this.#connections.values()];
    for (const connection of connections) connection.sayGoodbye(reason, detail);
    this.stopListening();
    const farewell = startLongTimer(FAREWELL_MS, () => {
      for (const connection of connections) connection.leave();
    });
    await Promise.all(connections.map((connection) => connection.emptied));
    farewell.stop();
  }

  /** Also for one that did not come through the socket (`bgworker/testing`). */
  accept(socket: ClientSocket, events: ListenerEvents): void {
    const id = this.#nextClient;
    this.#nextClient += 1;
    const connection = new Connection(id, socket, this.#options, events, this.#outbox, {
      admits: ({ worker, purpose }) => this.#isOpenToNewcomers || worker !== null || purpose === 'shutdown',
      isKnown: () => this.#strangers.delete(connection),
      forget: () => {
        this.#strangers.delete(connection);
        this.#connections.delete(id);
      },
    });
    this.#strangers.add(connection);
    const [oldest] = this.#strangers;
    if (this.#strangers.size > MAX_STRANGERS && oldest !== undefined) {
      this.#strangers.delete(oldest);
      oldest.sayGoodbye('protocolViolation', TOO_MANY_STRANGERS);
    }
    this.#connections.set(id, connection);
  }
}

type Hello = Extract<ClientMessage, { type: 'hello' }>;

/** What a connection needs of its listener. */
interface Door {
  admits(hello: Hello): boolean;
  isKnown(): void;
  forget(): void;
}

class Connection {
  /** Resolves when all that was written is on its way, or nobody is there to read it. */
  readonly emptied: Promise<void>;
  readonly #id: ClientId;
  readonly #socket: ClientSocket;
  readonly #options: ListenerOptions;
  readonly #events: ListenerEvents;
  readonly #outbox: Outbox;
  readonly #door: Door;
  #pending: Buffer[] = [];
  readonly #reader = new FrameReader();
  #state: 'there' | 'leaving' = 'there';
  /** What it said at first, once it was welcomed. */
  #client: Hello | null = null;
  /** It may only shut us down. */
  #mismatch: GoodbyeDetail | undefined;
  #isBlocked = false;

  constructor(
    id: ClientId,
    socket: ClientSocket,
    options: ListenerOptions,
    events: ListenerEvents,
    outbox: Outbox,
    door: Door,
  ) {
    this.#id = id;
    this.#socket = socket;
    this.#options = options;
    this.#events = events;
    this.#outbox = outbox;
    this.#door = door;
    this.emptied = new Promise((resolve) => {
      socket.once('close', () => {
        door.forget();
        resolve();
        if (this.#client !== null) events.gone(id);
      });
    });
    // ECONNRESET, EPIPE: 'close' follows.
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => outbox.batch(() => this.#read(chunk)));
    socket.on('drain', () => this.#drained());
  }

  write(frame: Buffer): void {
    if (this.#state === 'leaving') return;
    this.#pending.push(frame);
    this.#outbox.add(this);
  }

  flush(): void {
    const frames = this.#pending;
    if (frames.length === 0) return;
    this.#pending = [];
    this.#socket.cork();
    for (const frame of frames) this.#socket.write(frame);
    this.#socket.uncork();
    if (this.#socket.writableLength > BLOCKED_BYTES && !this.#isBlocked) {
      this.#isBlocked = true;
      this.#events.blocked(this.#id);
    }
    if (this.#socket.writableLength > DEAF_BYTES) this.#socket.pause();
  }

  sayGoodbye(reason: GoodbyeReason, refusal: GoodbyeDetail, postmaster?: Introduction): void {
    if (this.#state === 'leaving') return;
    this.flush();
    this.#state = 'leaving';
    this.#socket.end(encodeFrame({ type: 'goodbye', reason, refusal, ...(postmaster && { postmaster }) }));
    // What it goes on saying is not heard, but must be read for its end to be seen.
    this.#socket.resume();
  }

  /** Without waiting for the client any longer. */
  leave(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#state === 'leaving') return;
    try {
      this.#reader.push(chunk);
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
        this.#take(frame);
        if (this.#isLeaving()) return;
      }
    } catch (error) {
      // Anything else is our own fault, and no client's.
      if (!(error instanceof BgworkerError)) throw error;
      const { code, message, detail, hint } = error;
      const refusal: GoodbyeDetail = {
        code,
        message,
        ...(detail === undefined ? {} : { detail }),
        ...(hint === undefined ? {} : { hint }),
      };
      this.#events.expelled(this.#id, refusal);
      this.sayGoodbye('protocolViolation', refusal);
    }
  }

  #take(frame: Frame<unknown>): void {
    let taken: Frame<ClientMessage>;
    try {
      taken = parseClientMessage(frame);
    } catch (error) {
      if (!(error instanceof MessageError) || !this.#passesOver(error)) throw error;
      return;
    }
    this.#understand(taken.message, taken.attachments);
  }

  /** A client of another version may say what we do not know. Whoever asks is told so; what is only told is not heard. */
  #passesOver(error: MessageError): boolean {
    if (this.#client === null) return false;
    const { introduction, directory } = this.#options;
    if (error.request === null) return error.isUnknown && this.#client.package !== introduction.package;
    this.write(encodeRefusal(error.request, whyNotUnderstood(introduction, this.#client, directory, error)));
    return true;
  }

  #understand(message: ClientMessage, attachments: readonly Uint8Array[]): void {
    if (message.type === 'hello') return this.#greet(message);
    if (this.#client === null) throw violation('the first message must be hello', `it was ${message.type}`);
    if (this.#mismatch === undefined || message.type === 'shutdown')
      return this.#events.asked(this.#id, message, attachments);
    if ('request' in message) this.write(encodeRefusal(message.request, this.#mismatch));
  }

  #greet(hello: Hello): void {
    if (this.#client !== null) throw violation('hello was said before', 'a connection has one');
    const { introduction, epoch, directory } = this.#options;
    const mismatch = whyNotServed(introduction, hello, directory);
    if (mismatch !== undefined && hello.purpose !== 'shutdown') {
      this.#events.expelled(this.#id, mismatch);
      return this.sayGoodbye('protocolMismatch', mismatch, introduction);
    }
    if (!this.#door.admits(hello)) return this.sayGoodbye('shuttingDown', SHUTTING_DOWN);
    this.#door.isKnown();
    this.#client = hello;
    this.#mismatch = mismatch;
    this.write(encodeFrame({ type: 'welcome', epoch, directory, ...introduction }));
    this.#events.connected(this.#id, hello);
  }

  #drained(): void {
    this.#socket.resume();
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    if (this.#state !== 'leaving') this.#events.drained(this.#id);
  }

  #isLeaving(): boolean {
    return this.#state === 'leaving';
  }
}

const TOO_MANY_STRANGERS: GoodbyeDetail = {
  code: 'ERR_BAD_MESSAGE',
  message: 'too many connections said nothing, and this was the oldest',
  detail: `${MAX_STRANGERS} may wait with their hello`,
  hint: 'use the client library, which says hello at once',
};

const SHUTTING_DOWN: GoodbyeDetail = {
  code: 'ERR_SHUTTING_DOWN',
  message: 'the postmaster is shutting down',
  hint: 'connect to the next one',
};

function violation(message: string, detail: string): BgworkerError {
  return new BgworkerError('ERR_BAD_MESSAGE', message, { detail, hint: 'use the client library' });
}
