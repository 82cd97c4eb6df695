/**
 * Who holds a lock together with others, or waits to: a table of words, one for each. There is no count, which a death
 * could leave wrong; whoever needs to know looks through the table.
 *
 *     0   nobody         n   member n holds it, or is about to look whether it may         -n   member n waits
 *
 * Only member n changes its own word, with two exceptions: who has the lock alone makes -n into n, which gives member n
 * its share, and anybody takes out the number of one that died.
 *
 * Before the slots stand two words: how many were ever used, and whether somebody who waits may be asleep. Who falls
 * asleep says so each time, and who wakes them takes it back first, so nobody walks through the table for nothing.
 */
import { BgworkerError } from '../base/index.js';
import { HighMark } from './highMark.js';
import type { Part } from './layout.js';
import { wordPart } from './layout.js';
import type { Member } from './member.js';
import type { Words } from './words.js';

const ASLEEP = 1;
const FIRST_SLOT = 2;

/** For the picture of what has it. */
export function slotParts(first: number, capacity: number): Part[] {
  return [
    wordPart(first, 'slots used', 'who takes one', 'how many were ever used; it only rises'),
    wordPart(first + ASLEEP, 'some sleep', 'sleeper and waker', '1: one that waits in a slot may be asleep'),
    wordPart(first + FIRST_SLOT, 'slots', 'each by its member', 'n: member n shares the lock; −n: it waits', capacity),
  ];
}

export class SharedSlots {
  readonly #words: Words;
  readonly #first: number;
  readonly #asleep: number;
  readonly #capacity: number;
  readonly #member: Member;
  readonly #mark: HighMark;
  /** The one that we had last: mostly it is free, and near to us. */
  #last = 0;

  static wordsFor(capacity: number): number {
    return FIRST_SLOT + capacity;
  }

  constructor(words: Words, first: number, capacity: number, member: Member) {
    this.#words = words;
    this.#first = first + FIRST_SLOT;
    this.#asleep = first + ASLEEP;
    this.#capacity = capacity;
    this.#member = member;
    this.#mark = new HighMark(words, first, capacity);
  }

  /** Takes one as if we held the lock, and gives its number. Throws `ERR_TOO_MANY_HOLDERS`. */
  take(): number {
    if (this.#tryTake(this.#last, 0)) return this.#last;
    for (const mayTake of [isNobody, (number: number) => this.#member.isGone(Math.abs(number))]) {
      for (let slot = 0; slot < this.#capacity; slot++) {
        const word = this.#load(slot);
        if (mayTake(word) && this.#tryTake(slot, word)) {
          this.#last = slot;
          return slot;
        }
      }
    }
    throw new BgworkerError('ERR_TOO_MANY_HOLDERS', 'too many hold this lock together, or wait to', {
      detail: `${this.#capacity} can`,
      hint: 'make it with a larger maxShared',
    });
  }

  /** Waits, from holding. */
  withdraw(slot: number): void {
    this.#change(slot, this.#member.number, -this.#member.number);
  }

  /** Holds, from waiting. False when it has been given its share meanwhile. */
  tryAgain(slot: number): boolean {
    return this.#change(slot, -this.#member.number, this.#member.number);
  }

  isWaiting(slot: number): boolean {
    return this.#load(slot) === -this.#member.number;
  }

  /** Call it before the last look. */
  sleep(): void {
    this.#words.store(this.#asleep, 1);
  }

  /** Neither holds nor waits. False when others had thought us dead. */
  leave(slot: number): boolean {
    const { number } = this.#member;
    // Who waits may be given its share at any moment; who holds is left alone.
    return this.#change(slot, number, 0) || this.#change(slot, -number, 0) || this.#change(slot, number, 0);
  }

  /** One that holds, 0 for none. With `asks`, those that died are taken out; it costs a system call for each. */
  holder(asks: boolean): number {
    const mark = this.#mark.value;
    for (let slot = 0; slot < mark; slot++) {
      const word = this.#load(slot);
      if (word <= 0) continue;
      if (!asks || !this.#member.isGone(word)) return word;
      this.#change(slot, word, 0);
    }
    return 0;
  }

  /** By who has the lock alone and is about to give it back: all that wait get their share, if one is asleep. */
  giveShares(): void {
    if (!this.#maySleep()) return;
    const mark = this.#mark.value;
    for (let slot = 0; slot < mark; slot++) {
      const word = this.#load(slot);
      if (word >= 0 || !this.#change(slot, word, -word)) continue;
      if (!this.#member.wake(-word)) this.#change(slot, -word, 0);
    }
  }

  /** The lock is free: those that began to wait too late for giveShares() look again. */
  wakeAll(): void {
    if (!this.#maySleep()) return;
    const mark = this.#mark.value;
    for (let slot = 0; slot < mark; slot++) {
      const word = this.#load(slot);
      if (word < 0 && !this.#member.wake(-word)) this.#change(slot, word, 0);
    }
  }

  #maySleep(): boolean {
    return this.#words.load(this.#asleep) !== 0 && this.#words.exchange(this.#asleep, 0) !== 0;
  }

  #tryTake(slot: number, from: number): boolean {
    this.#mark.include(slot);
    return this.#change(slot, from, this.#member.number);
  }

  #load(slot: number): number {
    return this.#words.load(this.#first + slot);
  }

  #change(slot: number, from: number, to: number): boolean {
    return this.#words.compareExchange(this.#first + slot, from, to) === from;
  }
}

function isNobody(number: number): boolean {
  return number === 0;
}
