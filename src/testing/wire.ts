/**
 * Two ends of a wire in memory, in the place of a socket: what is written at one is read at the other, in order, when
 * the writer is done, and never while he writes. Who does not read is not written to without bound: `writableLength`
 * tells what he has not taken.
 *
 * It opens no descriptor and wants nothing of the event loop: a wait that nothing in the test will ever end keeps no
 * process alive.
 */
import type { Wire } from '../client/index.js';
import type { ClientSocket } from '../postmaster/index.js';
import type { Quiet } from './quiet.js';

type Listener = (value: never) => void;
type WireEvent = 'connect' | 'data' | 'drain' | 'error' | 'close';

/** From here on a writer is told when he may go on. */
const FULL_BYTES = 16 * 1024;

export class WireEnd implements Wire, ClientSocket {
  readonly #quiet: Quiet;
  readonly #listeners = new Map<WireEvent, Set<Listener>>();
  /** Itself, where nobody is at the other side. */
  #peer: WireEnd = this;
  /** What the peer has written and this end has not read. */
  readonly #unread: Buffer[] = [];
  #unreadBytes = 0;
  #corked: Buffer[] | undefined;
  #awaitsDrain = false;
  #isPaused = false;
  #state: 'open' | 'ended' | 'closed' = 'open';

  constructor(quiet: Quiet) {
    this.#quiet = quiet;
  }

  /** Both ends; the first has heard `connect` when its owner has had time to listen. */
  static pair(quiet: Quiet): readonly [client: WireEnd, server: WireEnd] {
    const client = new WireEnd(quiet);
    const server = new WireEnd(quiet);
    client.#join(server);
    server.#join(client);
    client.#later(() => client.#emit('connect', undefined));
    return [client, server];
  }

  /** An end that nobody is at the other side of. */
  static refused(quiet: Quiet): WireEnd {
    const end = new WireEnd(quiet);
    end.#later(() => {
      end.#emit('error', Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
      end.#close();
    });
    return end;
  }

  get writableLength(): number {
    const corked = this.#corked?.reduce((sum, bytes) => sum + bytes.length, 0) ?? 0;
    return corked + this.#peer.#unreadBytes;
  }

  on(event: WireEvent, listener: Listener): this {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return this;
  }

  /** A wire closes once. */
  once(event: 'close', listener: () => void): this {
    return this.on(event, listener);
  }

  cork(): void {
    this.#corked ??= [];
  }

  uncork(): void {
    const frames = this.#corked ?? [];
    this.#corked = undefined;
    if (frames.length > 0) this.write(Buffer.concat(frames));
  }

  write(bytes: Buffer): boolean {
    if (this.#state !== 'open') return false;
    if (this.#corked === undefined) this.#peer.#take(bytes);
    else this.#corked.push(bytes);
    this.#awaitsDrain ||= this.writableLength >= FULL_BYTES;
    return !this.#awaitsDrain;
  }

  end(bytes: Buffer): void {
    this.write(bytes);
    this.destroySoon();
  }

  destroySoon(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    this.#peer.#read();
  }

  destroy(): void {
    this.destroySoon();
    this.#unread.length = 0;
    this.#unreadBytes = 0;
    this.#isPaused = true;
    this.#later(() => this.#close());
  }

  /** Its process is gone: the other end finds that out, and nobody is left at this one to be told anything. */
  vanish(): void {
    this.#listeners.clear();
    this.destroy();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused || this.#state === 'closed') return;
    this.#isPaused = false;
    this.#read();
  }

  ref(): void {}

  unref(): void {}

  #join(peer: WireEnd): void {
    this.#peer = peer;
  }

  #take(bytes: Buffer): void {
    this.#unread.push(bytes);
    this.#unreadBytes += bytes.length;
    this.#read();
  }

  /** Reads what there is, and then whether the peer has ended. */
  #read(): void {
    this.#later(() => {
      for (let bytes = this.#nextUnread(); bytes !== undefined; bytes = this.#nextUnread()) this.#emit('data', bytes);
      const peer = this.#peer;
      if (this.#unread.length > 0) return;
      peer.#drained();
      if (peer.#state === 'open') return;
      this.#close();
      if (peer.#state === 'ended') peer.#close();
    });
  }

  #nextUnread(): Buffer | undefined {
    const bytes = this.#isPaused ? undefined : this.#unread.shift();
    this.#unreadBytes -= bytes?.length ?? 0;
    return bytes;
  }

  #drained(): void {
    if (!this.#awaitsDrain) return;
    this.#awaitsDrain = false;
    this.#emit('drain', undefined);
  }

  #close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#emit('close', undefined);
    this.#listeners.clear();
  }

  #emit(event: WireEvent, value: unknown): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(value as never);
  }

  #later(act: () => void): void {
    void Promise.resolve().then(() => {
      this.#quiet.moved();
      act();
    });
  }
}
