/**
 * What a process is to the others in shared memory, and how it waits there. It has a number, which stands in the memory
 * as owner, sender or sleeper, and names its doorbell. A process has one for each of its connections.
 *
 * Every wait here is the same loop, and the loop is what closes the gap between looking and sleeping (R-LAT-12):
 *
 *     look; say that we sleep; look again; sleep until the doorbell rings; look …
 *
 * Whoever changes what is waited for does it in the other order: change, then see whether somebody sleeps, then ring.
 * So either the second look sees the change, or the change sees the sleeper. Nobody who is awake costs a system call.
 *
 * A wait ends also when the peer it depends on is dead, by its place's own `look`, which is asked again each time
 * somebody is known to be gone; and when this member has lost its place in shared memory (`lose`).
 */
import type { LongTimer } from '../base/index.js';
import { BgworkerError, checkTimeout, startLongTimer } from '../base/index.js';
import type { LineEvent, PollLine } from './doorbell.js';
import { Doorbell } from './doorbell.js';
import { NoDoorbell } from './noDoorbell.js';
import { Patience } from './patience.js';

/** One thing that can be waited for. */
export interface Place<T> {
  /** The wait event, as it is published: `MessageQueueReceive`. */
  readonly event: string;
  /** Undefined as long as it must be waited. May throw, which ends the wait. */
  look(): T | undefined;
  /** Publishes that we sleep; called again after each ring. May throw, which ends the wait. */
  sleep(): void;
  /** Takes that back. */
  rise(): void;
  /** Whose death ends a blocking wait; 0 for nobody's. */
  peer?(): number;
  /** One more line that ends a blocking wait, beside the member's own. */
  line?(): MemberLine | undefined;
  /** Other news that may end a wait on the event loop; gives back how to stop listening. */
  listen?(look: () => void): () => void;
}

/** How long to wait. */
export interface WaitOptions {
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** From 0, which only looks. Default: no limit. */
  readonly timeoutMs?: number | undefined;
}

/** How long to wait without yielding. */
export type BlockingWaitOptions = Pick<WaitOptions, 'timeoutMs'>;

/** The line to the postmaster, for blocking waits. */
export interface MemberLine extends PollLine {
  /** What is to be thrown when it has hung up; without it, the event loop has to find out. */
  hungUp?(): Error;
  /** Takes note of what was found there: then it is looked again, and nothing is thrown. */
  found?(event: LineEvent): void;
}

export interface MemberOptions {
  readonly number: number;
  /** Where the doorbells are; null where there is nobody else. */
  readonly doorbells: string | null;
  readonly lines?: () => readonly MemberLine[];
  /**
   * Tells what this process waits for, until what it gives is called. `isBlocking`: the event loop stands still, and has
   * done so for a while.
   */
  readonly beginWait?: (event: string, isBlocking: boolean) => () => void;
}

/** A blocking wait is told when it has lasted so long: nobody sees less, and short ones cost nothing. */
const TOLD_AFTER_MS = 50;

export class Member {
  readonly number: number;
  readonly #doorbell: Doorbell | NoDoorbell;
  readonly #lines: () => readonly MemberLine[];
  readonly #beginWait: (event: string, isBlocking: boolean) => () => void;
  readonly #waits = new Set<() => void>();
  readonly #watches = new Set<() => void>();
  readonly #patience = new Patience();
  readonly #patienceOnLoop = new Patience();
  #lost: Error | undefined;
  #willLook = false;

  constructor({ number, doorbells, lines = () => [], beginWait = () => () => {} }: MemberOptions) {
    this.number = number;
    this.#lines = lines;
    this.#beginWait = beginWait;
    this.#doorbell = doorbells === null ? new NoDoorbell() : new Doorbell(doorbells, number, () => this.#lookAll());
  }

  /** A member of private memory, in which there is nobody else. Needs no koffi. */
  static alone(): Member {
    return new Member({ number: 1, doorbells: null });
  }

  /** Why it takes part no more. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  /** Wakes whoever sleeps under this number. False when that one is dead. */
  wake(number: number): boolean {
    if (number !== this.number) return this.#doorbell.ring(number);
    this.#lookSoon();
    return this.#lost === undefined;
  }

  /** Whoever waits here looks once more, and says again that it sleeps. Nothing where nobody waits. */
  lookAgain(): void {
    if (this.#waits.size + this.#watches.size > 0) this.#lookSoon();
  }

  /** A system call unless it is known; 0 is nobody, who is not gone. */
  isGone(number: number): boolean {
    if (number === 0) return false;
    return this.#doorbell.isGone(number);
  }

  /** Somebody knows that it is dead. */
  tellGone(number: number): void {
    this.#doorbell.markGone(number);
    this.#lookAll();
  }

  /**
   * This member takes part no more: every wait, present and future, fails with the error. It can still wake others,
   * which who lets go of something has to do, until it is closed. Safe to call twice.
   */
  lose(error: Error): void {
    this.#lost ??= error;
    this.#lookAll();
  }

  /** The end of its doorbell, by which others see that it is gone. Safe to call twice. */
  close(): void {
    this.#doorbell.close();
  }

  /** Waits on the event loop; the process is kept alive meanwhile. `timeout` only where there is one. */
  async wait<T>(place: Place<T>, { signal, timeoutMs = Infinity }: WaitOptions = {}): Promise<T | 'timeout'> {
    checkTimeout(timeoutMs);
    signal?.throwIfAborted();
    this.#checkThere();
    const first = place.look();
    if (first !== undefined) return first;
    if (timeoutMs === 0) return 'timeout';
    const soon = this.#patienceOnLoop.look(() => place.look());
    if (soon !== undefined) return soon;
    return this.#sleep(place, signal, timeoutMs);
  }

  /**
   * Waits without yielding: the event loop of this process stands still. Throws `ERR_WAIT_INTERRUPTED` when it has
   * something to do that may end the wait: a signal, or a word of the postmaster.
   */
  waitBlocking<T>(place: Place<T>, { timeoutMs = Infinity }: BlockingWaitOptions = {}): T | 'timeout' {
    checkTimeout(timeoutMs);
    this.#checkThere();
    const first = place.look();
    if (first !== undefined) return first;
    if (timeoutMs === 0) return 'timeout';
    const soon = this.#patience.look(() => place.look());
    if (soon !== undefined) return soon;
    const beganAt = performance.now();
    let endWait: (() => void) | undefined;
    try {
      for (;;) {
        place.sleep();
        const found = place.look();
        if (found !== undefined) return found;
        const lastedMs = performance.now() - beganAt;
        if (lastedMs >= timeoutMs) return 'timeout';
        if (lastedMs >= TOLD_AFTER_MS) endWait ??= this.#beginWait(place.event, true);
        const untilMs = endWait === undefined ? Math.min(TOLD_AFTER_MS, timeoutMs) : timeoutMs;
        this.#block(untilMs - lastedMs, place.peer?.() ?? 0, place.line?.());
      }
    } finally {
      place.rise();
      endWait?.();
    }
  }

  #sleep<T>(place: Place<T>, signal: AbortSignal | undefined, timeoutMs: number): Promise<T | 'timeout'> {
    return new Promise((resolve, reject) => {
      let timer: LongTimer | undefined;
      let unlisten: (() => void) | undefined;
      const endWait = this.#beginWait(place.event, false);
      const end = (): void => {
        if (!this.#waits.delete(look)) return;
        this.#doorbell.unlisten();
        unlisten?.();
        timer?.stop();
        signal?.removeEventListener('abort', aborted);
        place.rise();
        endWait();
      };
      const aborted = (): void => {
        end();
        reject(signal?.reason);
      };
      const look = (): void => {
        // One of those who looked before it may have called it off.
        if (!this.#waits.has(look)) return;
        try {
          this.#checkThere();
          const found = place.look() ?? this.#lookAsleep(place);
          if (found === undefined) return;
          end();
          resolve(found);
        } catch (error) {
          end();
          reject(error);
        }
      };
      this.#doorbell.listen();
      this.#waits.add(look);
      try {
        unlisten = place.listen?.(look);
      } catch (error) {
        end();
        throw error;
      }
      signal?.addEventListener('abort', aborted, { once: true });
      if (timeoutMs !== Infinity) {
        timer = startLongTimer(timeoutMs, () => {
          end();
          resolve('timeout');
        });
      }
      look();
    });
  }

  /**
   * Gives everything that `look` finds, now and later, and keeps no process alive for it. It ends by what is given back,
   * when `found` gives false, or when `look` throws, which is told. `found` must not throw.
   */
  watch<T>(place: Place<T>, found: (value: T) => boolean, failed: (error: unknown) => void): () => void {
    let isWatching = true;
    const stop = (): void => {
      if (!isWatching) return;
      isWatching = false;
      this.#watches.delete(look);
      place.rise();
    };
    const look = (): void => {
      for (let value = tryLook(); value !== undefined; value = tryLook()) if (!found(value)) stop();
    };
    const tryLook = (): T | undefined => {
      if (!isWatching) return undefined;
      try {
        this.#checkThere();
        const value = place.look();
        if (value !== undefined) return value;
        const late = this.#lookAsleep(place);
        if (late !== undefined) place.rise();
        return late;
      } catch (error) {
        stop();
        failed(error);
        return undefined;
      }
    };
    this.#watches.add(look);
    this.#doorbell.attend();
    look();
    return stop;
  }

  #lookAsleep<T>(place: Place<T>): T | undefined {
    place.sleep();
    return place.look();
  }

  #block(timeoutMs: number, peer: number, line: MemberLine | undefined): void {
    const lines = line === undefined ? this.#lines() : [...this.#lines(), line];
    const event = this.#doorbell.block(timeoutMs, peer, lines);
    if (event === 'timeout' || event === 'peerGone') return;
    if (event === 'rung') {
      // Some of the rings may have been for those who wait on the event loop.
      this.lookAgain();
      return;
    }
    if (event !== 'signal') {
      const speaker = event.line as MemberLine;
      if (speaker.found !== undefined) return speaker.found(event);
      const end = event.hungUp ? speaker.hungUp?.() : undefined;
      if (end !== undefined) throw end;
    }
    throw new BgworkerError('ERR_WAIT_INTERRUPTED', 'a blocking wait was interrupted', {
      detail: event === 'signal' ? 'by a signal' : 'the postmaster has said something',
      hint: 'let the event loop run, for example by await setImmediate() of node:timers/promises, then wait again; nothing is lost',
    });
  }

  #lookAll(): void {
    for (const look of [...this.#waits, ...this.#watches]) look();
  }

  #lookSoon(): void {
    if (this.#willLook) return;
    this.#willLook = true;
    setImmediate(() => {
      this.#willLook = false;
      this.#lookAll();
    });
  }

  #checkThere(): void {
    if (this.#lost !== undefined) throw this.#lost;
  }
}
