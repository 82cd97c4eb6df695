/**
 * Who sleeps, as the others see it: a word that holds the number of a sleeping member, or 0. Whoever wakes a sleeper
 * takes its number out of the word first, by an exchange, so each sleep is ended by one ring at most, and nobody is
 * rung who is awake. Where several can sleep is in waitList.ts.
 *
 * A sleeper that died leaves its number behind. That is no harm: whoever takes it out finds that its doorbell is dead.
 */
import type { Member } from './member.js';
import type { Words } from './words.js';

/** A place where only one can sleep. */
export class Sleeper {
  readonly #words: Words;
  readonly #index: number;
  readonly #member: Member;

  constructor(words: Words, index: number, member: Member) {
    this.#words = words;
    this.#index = index;
    this.#member = member;
  }

  sleep(): void {
    this.#words.store(this.#index, this.#member.number);
  }

  rise(): void {
    this.#words.compareExchange(this.#index, this.#member.number, 0);
  }

  /** Call it after what is waited for was changed. One look at memory when nobody sleeps. */
  wake(): void {
    if (this.#words.load(this.#index) === 0) return;
    const number = this.#words.exchange(this.#index, 0);
    if (number === 0) return;
    try {
      this.#member.wake(number);
    } catch (error) {
      // No descriptor is left to ring with: whoever comes next shall try again.
      this.#words.compareExchange(this.#index, 0, number);
      throw error;
    }
  }
}
