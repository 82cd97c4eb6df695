/**
 * A latch: a flag that one can wait for. Whoever has something to tell changes its state first and sets the latch
 * then; whoever waits resets the latch first and looks then. So nothing is lost between looking and waiting:
 *
 *     for (;;) {
 *       latch.reset();
 *       if (isThereWork()) doIt();
 *       else await latch.wait({ signal });
 *     }
 *
 * A latch that is set ends every wait at once, also one that begins later, until it is reset. Setting it twice is as
 * good as once. One latch may be set for many reasons, so a wake-up may be for somebody else's: look again.
 *
 * This one lives in one process (R-LAT-1, a local latch). It keeps no process alive by itself; its owner asks
 * `isWaitedFor`. Model: latch.h and latch.c; the rules are R-LAT-2 to R-LAT-9.
 */
import type { LongTimer } from '../base/index.js';
import { checkTimeout, startLongTimer } from '../base/index.js';

/** How long to wait for a latch. */
export interface LatchWaitOptions {
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal;
  /** From 0, which only looks. Default: no limit. */
  readonly timeoutMs?: number;
}

/** What ended a wait for a latch. */
export type LatchEvent = 'latchSet' | 'timeout';

export class Latch {
  readonly #startTimer: (ms: number, ring: () => void) => LongTimer;
  #isSet = false;
  readonly #waiters = new Set<() => void>();

  /** With the clock of the process, or another. */
  constructor(startTimer: (ms: number, ring: () => void) => LongTimer = startLongTimer) {
    this.#startTimer = startTimer;
  }

  get isSet(): boolean {
    return this.#isSet;
  }

  get isWaitedFor(): boolean {
    return this.#waiters.size > 0;
  }

  set(): void {
    this.#isSet = true;
    for (const wake of this.#waiters) wake();
  }

  reset(): void {
    this.#isSet = false;
  }

  /** Rejects with the signal's reason when that aborts, and before anything else when it has. */
  async wait({ signal, timeoutMs = Infinity }: LatchWaitOptions = {}): Promise<LatchEvent> {
    checkTimeout(timeoutMs);
    signal?.throwIfAborted();
    // The latch goes before the clock (R-LAT-7).
    if (this.#isSet) return 'latchSet';
    if (timeoutMs === 0) return 'timeout';
    return new Promise((resolve, reject) => {
      let timer: LongTimer | undefined;
      const end = (): void => {
        this.#waiters.delete(wake);
        timer?.stop();
        signal?.removeEventListener('abort', abort);
      };
      const wake = (): void => {
        end();
        resolve('latchSet');
      };
      const abort = (): void => {
        end();
        reject(signal?.reason);
      };
      this.#waiters.add(wake);
      signal?.addEventListener('abort', abort);
      if (timeoutMs !== Infinity) {
        timer = this.#startTimer(timeoutMs, () => {
          end();
          resolve('timeout');
        });
      }
    });
  }
}
