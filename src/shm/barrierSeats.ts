/**
 * Who takes part in a barrier: a table of seats, each with a member's number, the phase in which it arrived last, and
 * its sleeper. There is no count of those that have arrived: whoever needs to know looks through the seats, so a death
 * cannot leave the count wrong.
 *
 *     0   a free seat         n   member n takes part         -n   member n keeps the seat and does not take part
 *
 * Only its member writes into a seat, and whoever finds that the member is dead takes its number out. One seat is for
 * one object of one process; two tasks of a process can have a seat each.
 */
import { BgworkerError } from '../base/index.js';
import { HighMark } from './highMark.js';
import type { Part } from './layout.js';
import { wordPart } from './layout.js';
import type { Member } from './member.js';
import { Sleeper } from './sleeper.js';
import type { Words } from './words.js';

const NUMBER = 0;
const ARRIVED = 1;
const SLEEPER = 2;
const WORDS_PER_SEAT = 3;

/** For the picture of a barrier. */
export function seatParts(first: number, capacity: number): Part[] {
  return [
    wordPart(first, 'seats used', 'who takes one', 'how many were ever used; it only rises'),
    ...Array.from({ length: capacity }, (_, seat) => {
      const at = first + 1 + WORDS_PER_SEAT * seat;
      return [
        wordPart(
          at + NUMBER,
          `seat ${seat + 1}: member`,
          'its member',
          'n takes part; −n keeps the seat only; 0: free',
        ),
        wordPart(at + ARRIVED, `seat ${seat + 1}: arrived`, 'its member', 'the phase in which it arrived last'),
        wordPart(
          at + SLEEPER,
          `seat ${seat + 1}: sleeper`,
          'sleeper and waker',
          'the member to ring for; 0: it is awake',
        ),
      ];
    }).flat(),
  ];
}

/** What a look through the seats has found. */
export interface Attendance {
  /** How many take part. */
  readonly present: number;
  /** One that has not arrived in the phase; 0 when all have. */
  readonly missing: number;
  /** One that has not arrived, or only keeps its seat, and is dead; 0 for none. */
  readonly gone: number;
}

export class BarrierSeats {
  readonly #words: Words;
  readonly #first: number;
  readonly #capacity: number;
  readonly #member: Member;
  readonly #mark: HighMark;

  static wordsFor(capacity: number): number {
    return 1 + WORDS_PER_SEAT * capacity;
  }

  constructor(words: Words, first: number, capacity: number, member: Member) {
    this.#words = words;
    this.#first = first + 1;
    this.#capacity = capacity;
    this.#member = member;
    this.#mark = new HighMark(words, first, capacity);
  }

  get #number(): number {
    return this.#member.number;
  }

  /**
   * Takes a seat, as one who has not arrived in the phase. Throws `ERR_BARRIER_FULL`. With `takesDead`, seats of the
   * dead are free too.
   */
  take(phase: number, takesDead: boolean): number {
    for (const mayTake of takesDead ? [isNobody, this.#isDead] : [isNobody]) {
      for (let seat = 0; seat < this.#capacity; seat++) {
        const number = this.#load(seat, NUMBER);
        if (!mayTake(number)) continue;
        this.#mark.include(seat);
        if (!this.#change(seat, number, -this.#number)) continue;
        // Nobody counts us before that is written.
        this.#words.store(this.#indexOf(seat, ARRIVED), (phase - 1) | 0);
        this.#words.store(this.#indexOf(seat, SLEEPER), 0);
        this.#change(seat, -this.#number, this.#number);
        return seat;
      }
    }
    throw new BgworkerError('ERR_BARRIER_FULL', 'too many take part in this barrier', {
      detail: `${this.#capacity} can`,
      hint: 'make it with more parties, or a larger maxParties',
    });
  }

  arrive(seat: number, phase: number): void {
    this.#words.store(this.#indexOf(seat, ARRIVED), phase | 0);
  }

  /** Keeps the seat, and takes part no more. */
  stepOut(seat: number): void {
    this.#change(seat, this.#number, -this.#number);
  }

  stepIn(seat: number): void {
    this.#change(seat, -this.#number, this.#number);
  }

  giveUp(seat: number): void {
    if (!this.#change(seat, this.#number, 0)) this.#change(seat, -this.#number, 0);
  }

  /**
   * Looks through all seats. With `asks` it is asked of all that have not arrived whether they are alive, which costs a
   * system call each.
   */
  attendance(phase: number, asks: boolean): Attendance {
    const mark = this.#mark.value;
    let present = 0;
    let missing = 0;
    let gone = 0;
    for (let seat = 0; seat < mark; seat++) {
      const number = this.#load(seat, NUMBER);
      // Who died while it took the seat would keep it for ever.
      if (number < 0 && asks && this.#isDead(number)) gone ||= -number;
      if (number <= 0) continue;
      present += 1;
      if (this.#load(seat, ARRIVED) === (phase | 0)) continue;
      if (asks && this.#member.isGone(number)) gone ||= number;
      else missing ||= number;
    }
    return { present, missing, gone };
  }

  /** The dead take part no more. Gives how many they were. */
  removeDead(): number {
    const mark = this.#mark.value;
    let removed = 0;
    for (let seat = 0; seat < mark; seat++) {
      const number = this.#load(seat, NUMBER);
      if (this.#isDead(number) && this.#change(seat, number, 0) && number > 0) removed += 1;
    }
    return removed;
  }

  sleeper(seat: number): Sleeper {
    return new Sleeper(this.#words, this.#indexOf(seat, SLEEPER), this.#member);
  }

  wakeAll(): void {
    const mark = this.#mark.value;
    for (let seat = 0; seat < mark; seat++) this.sleeper(seat).wake();
  }

  readonly #isDead = (number: number): boolean => this.#member.isGone(Math.abs(number));

  #load(seat: number, what: number): number {
    return this.#words.load(this.#indexOf(seat, what));
  }

  #change(seat: number, from: number, to: number): boolean {
    const index = this.#indexOf(seat, NUMBER);
    return this.#words.compareExchange(index, from, to) === from;
  }

  #indexOf(seat: number, what: number): number {
    return this.#first + WORDS_PER_SEAT * seat + what;
  }
}

function isNobody(number: number): boolean {
  return number === 0;
}
