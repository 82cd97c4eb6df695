/**
 * Who sleeps, as the others see it: words that hold the number of a sleeping member, or 0. Whoever wakes a sleeper
 * takes its number out of the word first, by an exchange, so each sleep is ended by one ring at most, and nobody is
 * rung who is awake.
 *
 * A sleeper that died leaves its number behind. That is no harm: whoever takes it out finds that its doorbell is dead,
 * and goes on to the next.
 */
import { BgworkerError } from '../base/index.js';
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

/** A place where several can sleep: `capacity` words in a row. */
export class WaitList {
  readonly #words: Words;
  readonly #first: number;
  readonly #capacity: number;
  readonly #member: Member;

  constructor(words: Words, first: number, capacity: number, member: Member) {
    this.#words = words;
    this.#first = first;
    this.#capacity = capacity;
    this.#member = member;
  }

  /** Takes a word and gives its index. Throws `ERR_TOO_MANY_WAITERS`. */
  join(): number {
    // A dead sleeper's word is taken when no other is free.
    for (const mayTake of [isNobody, (number: number) => this.#member.isGone(number)]) {
      for (let index = this.#first; index < this.#first + this.#capacity; index++) {
        const number = this.#words.load(index);
        if (mayTake(number) && this.#words.compareExchange(index, number, this.#member.number) === number) return index;
      }
    }
    throw new BgworkerError('ERR_TOO_MANY_WAITERS', 'too many wait for the same thing', {
      detail: `${this.#capacity} can`,
      hint: 'make it with a larger maxWaiters',
    });
  }

  /** Whether we still stand there: no longer means that we were woken. */
  isIn(index: number): boolean {
    return this.#words.load(index) === this.#member.number;
  }

  /** False when we had been woken already. */
  leave(index: number): boolean {
    return this.#words.compareExchange(index, this.#member.number, 0) === this.#member.number;
  }

  /** Wakes one that is alive, if there is one. */
  wakeOne(): boolean {
    for (let index = this.#first; index < this.#first + this.#capacity; index++) {
      if (this.#wake(index)) return true;
    }
    return false;
  }

  wakeAll(): void {
    for (let index = this.#first; index < this.#first + this.#capacity; index++) this.#wake(index);
  }

  #wake(index: number): boolean {
    if (this.#words.load(index) === 0) return false;
    const number = this.#words.exchange(index, 0);
    return number !== 0 && this.#member.wake(number);
  }
}

function isNobody(number: number): boolean {
  return number === 0;
}
