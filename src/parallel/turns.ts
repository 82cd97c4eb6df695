/**
 * The event loop's turn. Rows that are there already, and plans that compute without waiting, would keep a process to
 * themselves for as long as they last: whoever goes through them gives everything else its turn now and then.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Nobody waits longer than this for a row's sake, but for rows that take longer to compute. */
const TURN_AFTER_MS = 5;
/** To read the clock costs as much as a tenth of a small row, so where rows come fast it is read for so many. */
const ROWS_PER_LOOK = 16;
const FAST_MS = 0.25;

export class Turns {
  #lastAt = performance.now();
  #lookedAt = this.#lastAt;
  #rowsPerLook = 1;
  #rowsToLook = 0;
  #isDue = false;

  /** Whether it is time for one, until it is taken. Asked for each row. */
  get isDue(): boolean {
    if (this.#isDue) return true;
    this.#rowsToLook -= 1;
    if (this.#rowsToLook > 0) return false;
    const now = performance.now();
    this.#rowsPerLook = now - this.#lookedAt > FAST_MS ? 1 : Math.min(ROWS_PER_LOOK, 2 * this.#rowsPerLook);
    this.#rowsToLook = this.#rowsPerLook;
    this.#lookedAt = now;
    this.#isDue = now - this.#lastAt >= TURN_AFTER_MS;
    return this.#isDue;
  }

  async take(): Promise<void> {
    await nextTurn();
    this.#isDue = false;
    this.#lastAt = performance.now();
  }
}
