/**
 * The clock of a postmaster and its one timer. Monotonic: a step of the calendar moves no restart (R-PM-44 is a fault of
 * C's). The timer is armed after each event for the instant the core derives from its state, so it is never stale.
 */
import type { LongTimer } from '../base/index.js';
import { startLongTimer } from '../base/index.js';

/** Milliseconds since this process began; never steps back. */
function monotonicNow(): number {
  return performance.now();
}

export interface Alarm {
  /** Rings at this instant, and at none that was set before. What is due already rings when other events were served. */
  set(at: number): void;
  clear(): void;
}

export interface Clock {
  now(): number;
  alarm(ring: () => void): Alarm;
}

export const monotonicClock: Clock = { now: monotonicNow, alarm: (ring) => new TimerAlarm(ring) };

class TimerAlarm implements Alarm {
  readonly #ring: () => void;
  #armedFor = Number.POSITIVE_INFINITY;
  #timer: LongTimer | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  set(at: number): void {
    if (at === this.#armedFor) return;
    this.clear();
    this.#armedFor = at;
    if (at === Number.POSITIVE_INFINITY) return;
    const delayMs = at - monotonicNow();
    if (delayMs <= 0) this.#immediate = setImmediate(() => this.#due());
    else this.#timer = startLongTimer(delayMs, () => this.#due());
  }

  clear(): void {
    this.#timer?.stop();
    clearImmediate(this.#immediate);
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #due(): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    this.#ring();
  }
}
