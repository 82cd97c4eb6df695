/**
 * What this process is to a postmaster: a backend. It owns the connection, knows every worker that is watched over it,
 * and gives what arrives to whom it concerns. client.ts and handle.ts are faces of it.
 *
 * A worker is put into the table while the reply that names it is read, so the notification behind that reply, in the
 * same chunk, finds it. It leaves the table with its last word. After a connection was lost and is there again, each
 * worker still in the table is asked after: what happened in between shows in the answer.
 */
import { randomBytes } from 'node:crypto';
import { unreachable } from '../base/index.js';
import type { BackgroundWorker, WorkerKey } from '../core/index.js';
import { formatHandle, formatKey } from '../core/index.js';
import type { AskOptions, ClientMessage, HelloMessage, Reply, WireStatus } from '../protocol/index.js';
import { decodeStatus, encodeFrame, encodeRegister, introduce, Latch } from '../protocol/index.js';
import type { Read } from './asking.js';
import { ask, askAside, unexpected } from './asking.js';
import { loadCarrier } from './carrier.js';
import type { WorkerChannel } from './channel.js';
import { ChannelTable } from './channelTable.js';
import type { ConnectionEnd, ConnectionOwner, Greeting, News } from './connection.js';
import { Connection, errorOfEnd } from './connection.js';
import { rememberDeath } from './deadPostmasters.js';
import { publishRegistration } from './diagnostics.js';
import type { EventBuffer } from './eventBuffer.js';
import { Memory } from './memory.js';
import type { MemoryLink } from './memoryLink.js';
import { linkToMemory } from './memoryLink.js';
import { Subscriptions } from './subscriptions.js';
import { WatchedWorker } from './watchedWorker.js';
import type { ToDate, Told } from './workerState.js';
import { calendarAt, toldAt } from './workerState.js';
import type { World } from './world.js';
import { theWorld } from './world.js';

export interface AttachOptions {
  readonly directory: string;
  /** The worker this process is, if it is one. */
  readonly worker: WorkerKey | null;
  /** As in hello. */
  readonly purpose?: HelloMessage['purpose'] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default: the real one. */
  readonly world?: World | undefined;
  /** As Lent.beginWait. Default: nobody is told. */
  readonly beginWait?: Backend['beginWait'] | undefined;
}

/** A worker, and the number of its deaths that whoever was given it has no question about. */
export interface Named {
  readonly watched: WatchedWorker;
  /** Taken from the reply itself: by the time its asker goes on, the worker may have died once more. */
  readonly deathsBefore: number;
}

export interface Registered extends Named {
  /** The name was taken, and this is the worker that has it. */
  readonly existing: boolean;
}

type Question = Extract<ClientMessage, { readonly request: number }>;
/** A question as its asker knows it, before it has a number. */
type Unnumbered<Q = Question> = Q extends Question ? Omit<Q, 'request'> : never;

interface AskSettings extends AskOptions {
  /** Gives up the answer, not what was asked for. */
  readonly signal?: AbortSignal | undefined;
}

export class Backend implements ConnectionOwner {
  readonly world: World;
  /** A wait of the worker that this is. */
  readonly beginWait: (event: string) => () => void;
  readonly #connection: Connection;
  readonly #session: string;
  #registrations = 0;
  /** Those of which more may be told. */
  readonly #workers = new Map<string, WatchedWorker>();
  readonly #subscriptions = new Subscriptions((key) => this.#idOf(key));
  readonly #channels = new ChannelTable({
    tell: (bytes) => this.#connection.tell(bytes),
    open: ({ slot, generation }) => this.ask({ type: 'channelOpen', slot, generation }, () => {}),
    holdWhile: (promise) => this.holdWhile(promise),
    offerMemory: async () => {
      if (!this.world.hasProcesses) return undefined;
      const carrier = await loadCarrier();
      return carrier.offer({ [linkToMemory]: () => this.memory });
    },
  });
  readonly #latch = new Latch();
  readonly #memory = new Memory({
    greeting: () => this.greeting,
    ask: (question, read, options) =>
      ask(this.#connection, {
        ...options,
        make: (request) => encodeFrame({ ...question, request } as Question),
        read,
        givenUp: (request) => void this.#connection.withdraw(request),
      }),
    tell: (bytes) => this.#connection.tell(bytes),
    descriptor: () => {
      const { wire } = this.#connection;
      return wire === null ? -1 : this.world.descriptorOf(wire);
    },
  });
  readonly #endListeners = new Set<(end: ConnectionEnd) => void>();

  private constructor({ directory, worker, purpose, world = theWorld, beginWait }: AttachOptions) {
    this.world = world;
    this.beginWait = beginWait ?? (() => () => {});
    this.#session = randomBytes(12).toString('base64url');
    const hello = { ...introduce(), session: this.#session, worker, ...(purpose !== undefined && { purpose }) };
    this.#connection = new Connection({ directory, hello, owner: this, dial: world.dial });
  }

  /** Rejects if no postmaster is there, if it is another version, and with the signal's reason. */
  static async attach(options: AttachOptions): Promise<Backend> {
    const backend = new Backend(options);
    await backend.#connection.open(options.signal);
    return backend;
  }

  get greeting(): Greeting {
    return this.#connection.greeting;
  }

  get end(): ConnectionEnd | null {
    return this.#connection.end;
  }

  get latch(): Latch {
    return this.#latch;
  }

  /** From the postmaster's clock to our calendar, as a message lets us know it that says `now`. */
  calendarAt(now: number): ToDate {
    return calendarAt(now, this.world.now());
  }

  /** As Connection.hold. */
  hold(): () => void {
    return this.#connection.hold();
  }

  /** Keeps the process alive until the promise is settled. */
  holdWhile<T>(promise: Promise<T>): Promise<T> {
    return promise.finally(this.hold());
  }

  /** Waits until the connection has ended for good, and says how. */
  waitForEnd(signal: AbortSignal | undefined): Promise<ConnectionEnd['how']> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      if (this.end !== null) return resolve(this.end.how);
      const release = this.hold();
      const settled = (): void => {
        release();
        this.#endListeners.delete(ended);
        signal?.removeEventListener('abort', aborted);
      };
      const ended = ({ how }: ConnectionEnd): void => {
        settled();
        resolve(how);
      };
      const aborted = (): void => {
        settled();
        reject(signal?.reason);
      };
      this.#endListeners.add(ended);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  close(): void {
    this.#connection.close();
  }

  /** Asks; `read` makes the answer while the bytes are read. A refusal rejects. */
  ask<T>(question: Unnumbered, read: Read<T>, settings: AskSettings = {}): Promise<T> {
    const make = (request: number): Buffer => encodeFrame({ ...question, request } as Question);
    return ask(this.#connection, { make, read, ...settings });
  }

  /**
   * Registers. An abort withdraws the request; if the worker is registered nevertheless, since the answer was under
   * way, it is terminated.
   */
  register(worker: BackgroundWorker, waitForSlot: boolean, signal: AbortSignal | undefined): Promise<Registered> {
    this.#registrations += 1;
    const key = `${this.#session}.${this.#registrations}`;
    let isWithdrawn = false;
    return ask(this.#connection, {
      make: (request) => encodeRegister({ type: 'register', request, key, worker, waitForSlot }),
      read: (reply, attachments) => {
        if (reply.type !== 'registered') throw unexpected(reply);
        const watched = this.#watched(reply, attachments);
        const { existing } = reply;
        if (!existing) publishRegistration(watched.id, worker);
        if (isWithdrawn && !existing) this.#terminateUnwanted(watched.key);
        // Of a worker that is his own the registrant has missed nothing, however late the reply is read.
        return { watched, existing, deathsBefore: existing ? deathsOf(watched) : 0 };
      },
      signal,
      givenUp: (request) => {
        isWithdrawn = true;
        this.#connection.withdraw(request);
      },
    });
  }

  /** The worker a key names, watched from now on. Rejects with `ERR_UNKNOWN_WORKER` if there was never one. */
  async find({ slot, generation }: WorkerKey, signal: AbortSignal | undefined): Promise<Named> {
    const known = this.#workers.get(formatKey({ slot, generation }));
    if (known !== undefined) return { watched: known, deathsBefore: deathsOf(known) };
    const question = { type: 'watch', slot, generation } as const;
    const read: Read<Named> = (reply, attachments) => {
      const watched = this.#watched(reply, attachments);
      return { watched, deathsBefore: deathsOf(watched) };
    };
    return this.ask(question, read, { signal });
  }

  /** Asks something about a worker that is answered with its status; the status is told before the promise resolves. */
  askAbout(
    watched: WatchedWorker,
    question: Extract<Unnumbered, { readonly type: 'status' | 'watch' | 'terminate' | 'restart' }>,
    settings?: AskSettings,
  ): Promise<void> {
    return this.ask(question, (reply, attachments) => this.#tell(watched, reply, attachments), settings);
  }

  /** Gives every event of every worker to the buffer. */
  subscribe(buffer: EventBuffer): void {
    const { end } = this;
    if (end !== null) this.#subscriptions.endOne(buffer, end);
    else if (this.#subscriptions.add(buffer)) this.#watchAll();
  }

  unsubscribe(buffer: EventBuffer): void {
    if (this.#subscriptions.remove(buffer)) this.#connection.tell(encodeFrame({ type: 'unwatchAll' }));
  }

  channelOf(watched: WatchedWorker): WorkerChannel {
    return this.#channels.of(watched);
  }

  get memory(): MemoryLink {
    return this.#memory.link;
  }

  // --- what the connection tells ---

  received(news: News, attachments: readonly Uint8Array[]): void {
    switch (news.type) {
      case 'notify':
        this.#notify(this.#toldIn(news, attachments));
        return;
      case 'progress':
        this.#workers.get(formatKey(news))?.tellProgress({ done: news.done, total: news.total });
        return;
      case 'memberGone':
        return this.#memory.memberGone(news.member);
      case 'channelData':
      case 'channelCredit':
      case 'channelEnd':
      case 'channelOffer':
      case 'channelMove':
      case 'channelStay':
      case 'channelClosed':
        this.#channels.received(news, attachments);
        return;
      default:
        unreachable(news);
    }
  }

  lost(): void {
    this.#channels.lost();
    this.#memory.connectionLost();
  }

  stayedLost(): void {
    this.#memory.tellLoss();
  }

  resumed(): void {
    this.#memory.tellLoss();
    for (const { key } of this.#workers.values()) this.#askAgain({ type: 'watch', ...key });
    if (!this.#subscriptions.isActive) return;
    this.#watchAll();
    for (const key of this.#subscriptions.seen) {
      if (!this.#workers.has(formatKey(key))) this.#askAgain({ type: 'status', ...key });
    }
  }

  ended(end: ConnectionEnd): void {
    if (end.how === 'postmasterDied' || end.how === 'shutdown') rememberDeath(this.greeting.epoch);
    for (const watched of this.#workers.values()) watched.connectionEnded(end);
    this.#workers.clear();
    this.#subscriptions.connectionEnded(end);
    this.#memory.tellLoss(errorOfEnd(end));
    // Whoever waits for the latch looks again and sees it.
    this.#latch.set();
    for (const listener of [...this.#endListeners]) listener(end);
  }

  /** After a lost connection: nobody waits for the answer, it is news. */
  #askAgain(question: Extract<Unnumbered, { readonly type: 'watch' | 'status' }>): void {
    const make = (request: number): Buffer => encodeFrame({ ...question, request });
    askAside(this.#connection, make, (reply, attachments) => {
      if (reply.type === 'status') this.#notify(this.#toldIn(reply, attachments));
    });
  }

  #watchAll(): void {
    askAside(this.#connection, (request) => encodeFrame({ type: 'watchAll', request }));
  }

  /** Repeated over another connection if need be: it must not stay. */
  #terminateUnwanted({ slot, generation }: WorkerKey): void {
    this.ask({ type: 'terminate', slot, generation, timeoutMs: null }, () => {}).catch(() => {});
  }

  #notify(told: Told): void {
    this.#tellWatched(told);
    this.#subscriptions.tell(told);
    this.#latch.set();
  }

  /** The worker a reply is about, in the table if more can be told of it. */
  #watched(reply: Reply, attachments: readonly Uint8Array[]): WatchedWorker {
    if (reply.type !== 'registered' && reply.type !== 'status') throw unexpected(reply);
    const told = this.#toldIn(reply, attachments);
    const name = formatKey(told.status);
    const known = this.#workers.get(name);
    if (known !== undefined) {
      this.#tellWatched(told);
      return known;
    }
    const watched = new WatchedWorker(this.#idOf(told.status), told.status, told);
    if (!watched.isOver) this.#workers.set(name, watched);
    return watched;
  }

  #tell(watched: WatchedWorker, reply: Reply, attachments: readonly Uint8Array[]): void {
    if (reply.type !== 'status') throw unexpected(reply);
    watched.tell(this.#toldIn(reply, attachments));
    if (watched.isOver) this.#forget(watched);
  }

  #tellWatched(told: Told): void {
    const watched = this.#workers.get(formatKey(told.status));
    if (watched === undefined) return;
    watched.tell(told);
    if (watched.isOver) this.#forget(watched);
  }

  #forget({ key }: WatchedWorker): void {
    this.#workers.delete(formatKey(key));
    this.#channels.workerEnded(key);
  }

  #toldIn({ status, now }: { status: WireStatus; now: number }, attachments: readonly Uint8Array[]): Told {
    return toldAt(decodeStatus(status, attachments), now, this.calendarAt(now));
  }

  #idOf({ slot, generation }: WorkerKey): string {
    return formatHandle({ epoch: this.greeting.epoch, slot, generation });
  }
}

function deathsOf({ told }: WatchedWorker): number {
  return told?.status.deaths ?? 0;
}
