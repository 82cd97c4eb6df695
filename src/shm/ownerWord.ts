/**
 * Who holds a lock alone, and whether what it guards can be trusted: both in one word, so that they change together and
 * no death leaves one without the other.
 *
 *     0          free             n    member n has it
 *     BROKEN     free, broken    -n    member n has it, broken
 *
 * Broken means that somebody died who had it, and nobody has said since that all is well. The word is a dead member's
 * until another takes it over, in one operation, which breaks it.
 */
import type { Words } from './words.js';

const FREE = 0;
/** No member has so high a number. */
const BROKEN = -(2 ** 31);

export class OwnerWord {
  readonly #words: Words;
  readonly #index: number;
  /** Our own. */
  readonly #number: number;

  constructor(words: Words, index: number, number: number) {
    this.#words = words;
    this.#index = index;
    this.#number = number;
  }

  /** A member's number; 0 for nobody. */
  get owner(): number {
    const word = this.#words.load(this.#index);
    return word === BROKEN ? 0 : Math.abs(word);
  }

  get isOurs(): boolean {
    return this.owner === this.#number;
  }

  get isBroken(): boolean {
    return this.#words.load(this.#index) < 0;
  }

  /** False when somebody has it, be it ourselves. */
  take(): boolean {
    const before = this.#words.compareExchange(this.#index, FREE, this.#number);
    if (before === FREE) return true;
    return before === BROKEN && this.#change(BROKEN, -this.#number);
  }

  /** From one that is dead. False when another was faster. */
  takeOver(dead: number): boolean {
    return this.#change(dead, -this.#number) || this.#change(-dead, -this.#number);
  }

  /** False when we do not have it (any more). */
  giveBack(): boolean {
    return this.#change(this.#number, FREE) || this.#change(-this.#number, BROKEN);
  }

  /** As if we had died. */
  abandon(): boolean {
    return this.#change(this.#number, BROKEN) || this.#change(-this.#number, BROKEN);
  }

  /** By its owner: all is well. */
  mend(): void {
    this.#change(-this.#number, this.#number);
  }

  #change(from: number, to: number): boolean {
    return this.#words.compareExchange(this.#index, from, to) === from;
  }
}
