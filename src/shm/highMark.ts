/**
 * How much of a table in shared memory was ever used, so that nobody walks through what was not. It only rises.
 *
 * Whoever takes an entry raises the mark first, writes the entry then, and then looks at what others may have changed;
 * whoever changes something reads the mark after that. So either the entry is seen, or the change is. One who dies in
 * between leaves a mark that is too high, which costs a look.
 */
import type { Words } from './words.js';

export class HighMark {
  readonly #words: Words;
  readonly #index: number;
  readonly #capacity: number;

  constructor(words: Words, index: number, capacity: number) {
    this.#words = words;
    this.#index = index;
    this.#capacity = capacity;
  }

  /** The entries below it may be in use. Never more than there are, whatever stands there. */
  get value(): number {
    return Math.min(this.#words.load(this.#index), this.#capacity);
  }

  /** The entry is about to be used. */
  include(entry: number): void {
    for (let mark = this.value; mark <= entry; mark = this.value)
      this.#words.compareExchange(this.#index, mark, entry + 1);
  }
}
