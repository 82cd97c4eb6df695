/**
 * A place where several can sleep. Each has a stand there: the number of its member, which whoever wakes it takes out
 * first (as in sleeper.ts), and a ticket. Tickets tell who came first, and tell apart those who sleep in one process:
 * they have the same number.
 *
 * A dead sleeper is skipped, and its stand is taken when no other is free. One who was woken and died before it did
 * anything cannot pass that on; the news of its death makes everybody look again (member.ts).
 *
 * Model: the lists of condition_variable.c. Words: the high mark, the next ticket, then two for each stand.
 */
import { BgworkerError } from '../base/index.js';
import { HighMark } from './highMark.js';
import type { Part } from './layout.js';
import { wordPart } from './layout.js';
import type { Member } from './member.js';
import type { Words } from './words.js';

const TICKET = 1;
const FIRST_STAND = 2;
const WORDS_PER_STAND = 2;

/** For the picture of what has it. */
export function waitListParts(first: number, capacity: number): Part[] {
  return [
    wordPart(first, 'stands used', 'who takes one', 'how many were ever used; it only rises'),
    wordPart(first + TICKET, 'next ticket', 'who takes one', 'who came first has the lower one'),
    wordPart(
      first + FIRST_STAND,
      'stands',
      'sleeper and waker',
      'for each that waits: its member and its ticket',
      WORDS_PER_STAND * capacity,
    ),
  ];
}

export class WaitList {
  readonly member: Member;
  readonly #words: Words;
  readonly #first: number;
  readonly #capacity: number;
  readonly #mark: HighMark;

  static wordsFor(capacity: number): number {
    return FIRST_STAND + WORDS_PER_STAND * capacity;
  }

  constructor(words: Words, first: number, capacity: number, member: Member) {
    this.member = member;
    this.#words = words;
    this.#first = first;
    this.#capacity = capacity;
    this.#mark = new HighMark(words, first, capacity);
  }

  /** For one wait; nobody stands there yet. */
  stand(): Stand {
    return new Stand(this, this.#words);
  }

  nextTicket(): number {
    return this.#words.add(this.#first + TICKET, 1);
  }

  /** Takes a stand and gives the index of its number. Throws `ERR_TOO_MANY_WAITERS`. */
  take(ticket: number): number {
    for (const mayTake of [isNobody, (number: number) => this.member.isGone(number)]) {
      for (let entry = 0; entry < this.#capacity; entry++) {
        const index = this.#indexOf(entry);
        const number = this.#words.load(index);
        if (!mayTake(number)) continue;
        this.#mark.include(entry);
        if (this.#words.compareExchange(index, number, this.member.number) !== number) continue;
        // Until it is written somebody may be woken too early or too late, and nobody is forgotten.
        this.#words.store(index + 1, ticket);
        return index;
      }
    }
    throw new BgworkerError('ERR_TOO_MANY_WAITERS', 'too many wait for the same thing', {
      detail: `${this.#capacity} can`,
      hint: 'make it with a larger maxWaiters',
    });
  }

  /** Wakes the one that came first of those that live. False when there is none. */
  wakeOne(): boolean {
    for (;;) {
      const index = this.#oldest();
      if (index === undefined) return false;
      if (this.#wake(index)) return true;
    }
  }

  wakeAll(): void {
    const mark = this.#mark.value;
    for (let entry = 0; entry < mark; entry++) this.#wake(this.#indexOf(entry));
  }

  #oldest(): number | undefined {
    const mark = this.#mark.value;
    let oldest: { readonly index: number; readonly ticket: number } | undefined;
    for (let entry = 0; entry < mark; entry++) {
      const index = this.#indexOf(entry);
      if (this.#words.load(index) === 0) continue;
      const ticket = this.#words.load(index + 1);
      // Tickets run over: what counts is the difference.
      if (oldest === undefined || ((ticket - oldest.ticket) | 0) < 0) oldest = { index, ticket };
    }
    return oldest?.index;
  }

  #wake(index: number): boolean {
    if (this.#words.load(index) === 0) return false;
    const number = this.#words.exchange(index, 0);
    return number !== 0 && this.member.wake(number);
  }

  #indexOf(entry: number): number {
    return this.#first + FIRST_STAND + WORDS_PER_STAND * entry;
  }
}

/** Where one wait stands in a WaitList, as its own process sees it. */
export class Stand {
  readonly #list: WaitList;
  readonly #words: Words;
  #index: number | undefined;
  #ticket: number | undefined;

  constructor(list: WaitList, words: Words) {
    this.#list = list;
    this.#words = words;
  }

  /** Whether somebody has woken it since it last joined. */
  get isWoken(): boolean {
    return this.#index !== undefined && !this.#stands(this.#index);
  }

  /** Stands there. One that was woken comes after all who stand there: the next to be woken is another. */
  join(): void {
    if (this.#index !== undefined && this.#stands(this.#index)) return;
    this.#ticket = this.#list.nextTicket();
    this.#index = this.#list.take(this.#ticket);
  }

  /** False when it had been woken: then somebody believes that it has heard. */
  leave(): boolean {
    const index = this.#index;
    if (index === undefined) return true;
    this.#index = undefined;
    const { number } = this.#list.member;
    return this.#words.load(index + 1) === this.#ticket && this.#words.compareExchange(index, number, 0) === number;
  }

  #stands(index: number): boolean {
    return this.#words.load(index) === this.#list.member.number && this.#words.load(index + 1) === this.#ticket;
  }
}

function isNobody(number: number): boolean {
  return number === 0;
}
