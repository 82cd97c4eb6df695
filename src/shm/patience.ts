/**
 * Whether it is worth looking for a moment before one goes to sleep. To be put to sleep and woken costs some fifteen
 * microseconds; who answers at once has answered before that. But who looks in vain has used up a processor, perhaps
 * the very one on which the answer was to be made. So it is learnt: after a look in vain the next waits go to sleep at
 * once, four times as many each time; after one that was not in vain it is half as many. It pays from two in three on,
 * and who is never answered quickly looks once in sixty waits.
 *
 * With one processor there is nobody who could answer meanwhile.
 */
import { availableParallelism } from 'node:os';

/** About as long as it takes to be woken. */
const LOOK_MS = 0.02;
const MOST_WITHOUT = 63;
/** Looks between two looks at the clock. */
const LOOKS = 8;

export class Patience {
  readonly #hasOthers = availableParallelism() > 1;
  /** So many waits go to sleep at once; and so many of them are still to come. */
  #without = 0;
  #left = 0;

  /** What the look gives, if it does so in time. What it throws is passed on. */
  look<T>(look: () => T | undefined): T | undefined {
    if (!this.#hasOthers) return undefined;
    if (this.#left > 0) {
      this.#left -= 1;
      return undefined;
    }
    const endAt = performance.now() + LOOK_MS;
    do {
      for (let count = 0; count < LOOKS; count++) {
        const found = look();
        if (found === undefined) continue;
        this.#without >>= 1;
        this.#left = this.#without;
        return found;
      }
    } while (performance.now() < endAt);
    this.#without = Math.min(MOST_WITHOUT, 4 * this.#without + 3);
    this.#left = this.#without;
    return undefined;
  }
}
