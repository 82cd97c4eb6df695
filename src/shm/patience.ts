/**
 * How long it is worth looking before one goes to sleep. To be put to sleep and woken costs some ten microseconds and
 * more; who answers at once has answered before that. But who looks uses up a processor for nothing if the answer takes
 * longer, so the time is short, and learnt: it doubles when it was enough and halves when it was not. Who is not
 * answered quickly soon looks for a microsecond or so, and tries a longer time only now and then.
 *
 * With one processor there is nobody who could answer meanwhile.
 */
import { availableParallelism } from 'node:os';

const SHORTEST_MS = 0.001;
const FIRST_MS = 0.02;
/** Every so many waits that were in vain, the first time is tried again. */
const TRIED_AGAIN_AFTER = 64;
/** Looks between two looks at the clock. */
const LOOKS = 8;

export class Patience {
  readonly #longestMs: number;
  #limitMs = FIRST_MS;
  #inVain = 0;

  constructor(longestMs: number) {
    this.#longestMs = availableParallelism() > 1 ? longestMs : 0;
  }

  /** What the look gives, if it does so in time. What it throws is passed on. */
  look<T>(look: () => T | undefined): T | undefined {
    if (this.#longestMs === 0) return undefined;
    const endAt = performance.now() + this.#limitMs;
    do {
      for (let count = 0; count < LOOKS; count++) {
        const found = look();
        if (found === undefined) continue;
        this.#limitMs = Math.min(this.#longestMs, 2 * this.#limitMs);
        return found;
      }
    } while (performance.now() < endAt);
    this.#inVain += 1;
    const isTriedAgain = this.#inVain % TRIED_AGAIN_AFTER === 0;
    this.#limitMs = isTriedAgain ? FIRST_MS : Math.max(SHORTEST_MS, this.#limitMs / 2);
    return undefined;
  }
}
