/**
 * How a sleeper is woken: every member has a doorbell, a FIFO named by its number in the postmaster's directory. A byte
 * in it means "look again", and nothing more; whoever rings has changed the memory before. The only file that knows.
 *
 * A FIFO keeps what comes before its reader listens, crosses threads and containers, and tells the truth about death:
 * its owner holds it open for reading for as long as it lives, so whoever writes to a dead one is told (EPIPE), whoever
 * opens one is told (ENXIO, ENOENT), and poll(2) on it ends at once (POLLERR). No pid is asked, so none can have a new
 * owner. Signals would be as fast, but libuv's pipe of signals overflows, and then SIGTERM is lost.
 *
 * Nobody stays asleep because the one who is to wake him has no descriptor left: one is kept for that, and those of other
 * doorbells are given up for it.
 *
 * The event loop hears it while somebody listens. Code that cannot yield waits in poll(2), for its bell, for the death
 * of the peer it waits for, and for its line to the postmaster.
 */
import { closeSync, constants, existsSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { BgworkerError } from '../base/index.js';
import { FAILED, libC } from './libC.js';

const POLLIN = 0x001;
const POLLOUT = 0x004;
const POLLERR = 0x008;
const POLLHUP = 0x010;
/** What a doorbell that nobody reads may hold; more adds nothing. */
const READ_BYTES = 4_096;
/** Of those known to be gone, so many are remembered; the doorbells of all are removed. */
const MAX_GONE = 10_000;
/** Nobody tells of the end of those with whom one shares nothing any more: with so many open it is asked who lives. */
const MANY_PEERS = 32;
/** poll(2) takes 31 bits; who waits for longer asks again. */
const MAX_POLL_MS = 2 ** 31 - 1;

/** The sticky bit keeps it from those who tidy up what has not been touched for days (XDG Base Directory, systemd-tmpfiles). */
const MODE = 0o1600;

const BYTE = Buffer.from([1]);

/** What else ends a blocking wait. */
export interface PollLine {
  readonly descriptor: number;
  /** Also something to read, not only its end. */
  readonly input: boolean;
  /** Also room to write. */
  readonly output?: boolean;
}

export interface LineEvent {
  readonly line: PollLine;
  readonly hungUp: boolean;
  readonly canWrite: boolean;
}

export type BlockEvent = 'rung' | 'timeout' | 'peerGone' | 'signal' | LineEvent;

export class Doorbell {
  readonly number: number;
  readonly #directory: string;
  readonly #path: string;
  readonly #descriptor: number;
  /** Kept for the moment in which no other is left, since who cannot ring leaves others asleep. */
  #spare: number | undefined;
  readonly #heard: () => void;
  /** Descriptors for writing, by number. */
  readonly #peers = new Map<number, number>();
  readonly #gone = new Set<number>();
  /** With so many open it is time to ask. */
  #manyPeers = MANY_PEERS;
  readonly #scratch = Buffer.alloc(READ_BYTES);
  /** struct pollfd: the descriptor, then 16 bits of what to look for and 16 of what was found. */
  #pollees = new Int32Array(16);
  #events = new Int16Array(this.#pollees.buffer);
  #socket: Socket | undefined;
  #listeners = 0;
  #isClosed = false;

  /** `heard` is called by the event loop after a ring, while somebody listens. */
  constructor(directory: string, number: number, heard: () => void) {
    this.number = number;
    this.#directory = directory;
    this.#heard = heard;
    const path = join(directory, String(number));
    this.#path = path;
    if (libC().mkfifo(path, MODE) === FAILED) throw cannotRing(path, `mkfifo ${libC().lastError()}`);
    try {
      // For both, so that it never ends while nobody is about to ring.
      this.#spare = openSync('/dev/null', constants.O_RDONLY);
      this.#descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    } catch (error) {
      unlinkSync(path);
      this.#giveUpSpare();
      throw cannotRing(path, error instanceof Error ? error.message : String(error));
    }
  }

  /** False when its owner is dead. A bell that is full of rings has been rung. */
  ring(number: number): boolean {
    const descriptor = this.#peer(number);
    if (descriptor === undefined) return !this.#isDead(number);
    try {
      writeSync(descriptor, BYTE);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN' || code === 'EINTR') return true;
      this.markGone(number);
      return false;
    }
  }

  isGone(number: number): boolean {
    if (number === this.number) return this.#isClosed;
    const descriptor = this.#peer(number);
    if (descriptor === undefined) return this.#isDead(number);
    if (this.#poll([{ descriptor, events: 0 }], 0) <= 0 || !(this.#found(0) & POLLERR)) return false;
    this.markGone(number);
    return true;
  }

  /** From here on it is dead for us, whatever its process does. */
  markGone(number: number): void {
    if (number === this.number) return;
    const descriptor = this.#peers.get(number);
    if (descriptor !== undefined && this.#spare === undefined) {
      this.#spare = descriptor;
      this.#peers.delete(number);
    }
    this.#closePeer(number);
    this.#gone.add(number);
    for (const oldest of this.#gone) {
      if (this.#gone.size <= MAX_GONE) break;
      this.#gone.delete(oldest);
    }
  }

  /** Hears it from now on, and keeps no process alive for it. */
  attend(): void {
    if (this.#socket !== undefined || this.#isClosed) return;
    this.#socket = this.#openSocket();
    this.#socket.unref();
  }

  /** While anybody listens the process is kept alive. */
  listen(): void {
    this.#socket ??= this.#openSocket();
    this.#listeners += 1;
    if (this.#listeners === 1) this.#socket.ref();
  }

  unlisten(): void {
    this.#listeners -= 1;
    if (this.#listeners === 0) this.#socket?.unref();
  }

  /** Waits without the event loop. `peer`: whose death ends the wait; 0 for nobody's. */
  block(timeoutMs: number, peer: number, lines: readonly PollLine[]): BlockEvent {
    const other = peer === 0 || peer === this.number ? undefined : this.#peer(peer);
    if (peer !== 0 && peer !== this.number && other === undefined && this.#isDead(peer)) return 'peerGone';
    const pollees = [
      { descriptor: this.#descriptor, events: POLLIN },
      { descriptor: other ?? -1, events: 0 },
      ...lines.map(({ descriptor, input, output }) => {
        return { descriptor, events: (input ? POLLIN : 0) | (output === true ? POLLOUT : 0) };
      }),
    ];
    const found = this.#poll(pollees, Math.min(MAX_POLL_MS, Math.ceil(timeoutMs)));
    if (found === 0) return timeoutMs > MAX_POLL_MS ? 'rung' : 'timeout';
    if (found < 0) return 'signal';
    if (this.#found(0) !== 0) {
      this.drain();
      return 'rung';
    }
    if (this.#found(1) !== 0) {
      this.markGone(peer);
      return 'peerGone';
    }
    const at = lines.findIndex((_, index) => this.#found(2 + index) !== 0);
    const line = lines[at];
    if (line === undefined) return 'rung';
    const events = this.#found(2 + at);
    return { line, hungUp: (events & (POLLHUP | POLLERR)) !== 0, canWrite: (events & POLLOUT) !== 0 };
  }

  /** Forgets the rings so far: whoever looks after that has seen all there is. */
  drain(): void {
    try {
      while (readSync(this.#descriptor, this.#scratch) === READ_BYTES);
    } catch {
      // EAGAIN: there was none.
    }
  }

  /** Whoever rings from now on is told that its owner is dead. Safe to call twice. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const number of [...this.#peers.keys()]) this.#closePeer(number);
    this.#giveUpSpare();
    if (this.#socket === undefined) closeSync(this.#descriptor);
    else this.#socket.destroy();
    try {
      unlinkSync(this.#path);
    } catch {
      // The postmaster has done so.
    }
  }

  /**
   * Of one that has no doorbell. Where ours is not either, all are away, since somebody has tidied up there, and that says
   * nothing of anybody.
   */
  #isDead(number: number): boolean {
    return this.#isClosed || this.#gone.has(number) || existsSync(this.#path);
  }

  #peer(number: number): number | undefined {
    const known = this.#peers.get(number);
    if (known !== undefined) return known;
    if (this.#isClosed || this.#gone.has(number)) return undefined;
    if (this.#peers.size >= this.#manyPeers) this.#closeDeadPeers();
    for (;;) {
      try {
        const path = join(this.#directory, String(number));
        const descriptor = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
        this.#peers.set(number, descriptor);
        return descriptor;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENXIO' || code === 'ENOENT') return undefined;
        // Out of descriptors: no word about that one's life, and one of ours for it.
        if ((code !== 'EMFILE' && code !== 'ENFILE') || !this.#giveUpDescriptor()) throw error;
      }
    }
  }

  /** One that is opened again when it is needed. False when there is none. */
  #giveUpDescriptor(): boolean {
    if (this.#giveUpSpare()) return true;
    const [oldest] = this.#peers.keys();
    if (oldest === undefined) return false;
    this.#closePeer(oldest);
    return true;
  }

  #giveUpSpare(): boolean {
    if (this.#spare === undefined) return false;
    closeSync(this.#spare);
    this.#spare = undefined;
    return true;
  }

  #closePeer(number: number): void {
    const descriptor = this.#peers.get(number);
    if (descriptor === undefined) return;
    this.#peers.delete(number);
    closeSync(descriptor);
  }

  #closeDeadPeers(): void {
    const peers = [...this.#peers];
    const pollees = peers.map(([, descriptor]) => ({ descriptor, events: 0 }));
    if (this.#poll(pollees, 0) > 0) {
      peers.forEach(([number], index) => {
        if (this.#found(index) & POLLERR) this.markGone(number);
      });
    }
    this.#manyPeers = Math.max(MANY_PEERS, 2 * this.#peers.size);
  }

  #openSocket(): Socket {
    const socket = new Socket({
      fd: this.#descriptor,
      readable: true,
      writable: false,
      onread: {
        buffer: this.#scratch,
        callback: () => {
          this.#heard();
          return true;
        },
      },
    } as ConstructorParameters<typeof Socket>[0]);
    socket.on('error', () => {});
    return socket;
  }

  #poll(pollees: readonly { readonly descriptor: number; readonly events: number }[], timeoutMs: number): number {
    if (this.#pollees.length < pollees.length * 2) {
      this.#pollees = new Int32Array(pollees.length * 2);
      this.#events = new Int16Array(this.#pollees.buffer);
    }
    pollees.forEach(({ descriptor, events }, index) => {
      this.#pollees[2 * index] = descriptor;
      this.#events[4 * index + 2] = events;
      this.#events[4 * index + 3] = 0;
    });
    return libC().poll(this.#pollees, pollees.length, timeoutMs);
  }

  /** What the last poll has found there. */
  #found(index: number): number {
    return this.#events[4 * index + 3] ?? 0;
  }
}

function cannotRing(path: string, detail: string): BgworkerError {
  return new BgworkerError('ERR_NO_DOORBELL', 'the doorbell of this process cannot be made', {
    detail: `${path}: ${detail}`,
    hint: "the postmaster's directory must be on a local disk that can hold FIFOs",
  });
}
