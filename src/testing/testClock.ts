/**
 * The clock in the test's hand. Nothing but `advance` moves it, and it stops at every instant at which something is due
 * on the way: what follows from one instant has happened before the next one comes.
 *
 * It is the postmaster's clock, the calendar of its clients, and the time of `ctx.sleep`, `ctx.every` and latches.
 */
import { BgworkerError } from '../base/index.js';
import type { Alarm, Clock } from '../postmaster/index.js';
import type { Time } from '../worker/withoutProcess.js';
import { Quiet } from './quiet.js';

interface Timer {
  readonly at: number;
  readonly ring: () => void;
}

/** A clock that nothing but `advance` moves. Made by `createTestClock`, and every fake has one. */
export class TestClock implements Clock, Time {
  readonly #quiet: Quiet;
  readonly #startDate: number;
  readonly #timers = new Set<Timer>();
  #now = 0;
  #advancing: Promise<void> = Promise.resolve();

  /** @internal Clocks are made by `createTestClock`, and every fake has one. */
  constructor(startDate: Date, quiet: Quiet) {
    this.#startDate = startDate.getTime();
    this.#quiet = quiet;
  }

  /** Milliseconds since the clock was made. */
  now(): number {
    return this.#now;
  }

  /** What the calendar says: the date it began with, and what it was advanced by since. */
  get date(): Date {
    return new Date(this.#startDate + this.#now);
  }

  /**
   * Moves the clock, in milliseconds from 0. Resolves when everything has happened that is due until then, and has
   * arrived where it goes; what waits for something outside the test's process is not waited for. Calls follow each
   * other. Throws `ERR_INVALID_ARGUMENT`, and `ERR_NOT_AT_REST` when something goes on and on in no time.
   */
  advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) {
      throw new BgworkerError('ERR_INVALID_ARGUMENT', 'the clock cannot be moved so', {
        detail: `by ${String(ms)} milliseconds`,
        hint: 'give milliseconds, from 0',
      });
    }
    const advanced = this.#advancing.then(() => this.#advance(ms));
    this.#advancing = advanced.catch(() => {});
    return advanced;
  }

  /** Resolves when everything has followed that follows without the clock moving. */
  settled(): Promise<void> {
    return this.#quiet.whenQuiet();
  }

  /** Rings when so many milliseconds are over. Gives what stops it. */
  start(ms: number, ring: () => void): () => void {
    if (ms <= 0) return this.#quiet.soon(ring);
    const timer: Timer = { at: this.#now + ms, ring };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** An alarm that can be set again and again. */
  alarm(ring: () => void): Alarm {
    let stop = (): void => {};
    return {
      set: (at) => {
        stop();
        if (at === Number.POSITIVE_INFINITY) stop = () => {};
        else stop = this.start(at - this.#now, ring);
      },
      clear: () => stop(),
    };
  }

  async #advance(ms: number): Promise<void> {
    await this.#quiet.whenQuiet();
    const end = this.#now + ms;
    for (let next = this.#earliest(); next !== undefined && next.at <= end; next = this.#earliest()) {
      this.#now = Math.max(this.#now, next.at);
      this.#timers.delete(next);
      this.#quiet.moved();
      next.ring();
      await this.#quiet.whenQuiet();
    }
    this.#now = end;
  }

  /** Of those due at one instant, the one that was set first. */
  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) if (earliest === undefined || timer.at < earliest.at) earliest = timer;
    return earliest;
  }
}

/** A clock that stands. `startDate`: what its calendar says then. Default: today. */
export function createTestClock({ startDate = new Date() }: { readonly startDate?: Date | undefined } = {}): TestClock {
  return new TestClock(startDate, new Quiet());
}
