/**
 * What a barrier does, apart from waiting: who takes part, and when the phase moves on. The same for all participants;
 * what is one's own, its seat and its arrival, is in barrier.ts.
 *
 * Nobody holds anything here. The state is one word (barrierState.ts), the seats are each their owner's
 * (barrierSeats.ts), and whoever sees that all have arrived moves the phase on, by one operation that fails when
 * somebody has joined since. So a death is at worst a seat that others clear.
 *
 * Model: barrier.c, which has a spinlock and counts.
 */
import { BgworkerError } from '../base/index.js';
import { BarrierSeats, seatParts } from './barrierSeats.js';
import { BarrierStateWord, nextPhase } from './barrierState.js';
import type { Chunk } from './chunk.js';
import { aligned, beginThing, finishThing, HEADER_PARTS, HEADER_WORDS } from './chunk.js';
import type { Part } from './layout.js';
import { longWordPart, wordPart } from './layout.js';
import type { Sleeper } from './sleeper.js';
import type { Words } from './words.js';

export const CAPACITY = HEADER_WORDS;
/** 0 for a dynamic party. */
const PARTIES = HEADER_WORDS + 1;
const STATE_LONG = (HEADER_WORDS + 2) / 2;
/** How many died that had joined a dynamic party. */
const LOST = HEADER_WORDS + 4;
/** Who has broken a static party; 0 for nobody. */
const BROKEN = HEADER_WORDS + 5;
const SEATS = HEADER_WORDS + 6;

/** For its picture. */
export function barrierParts(options: BarrierOptions): Part[] {
  return [
    ...HEADER_PARTS,
    wordPart(CAPACITY, 'capacity', 'its creator', 'how many seats there are'),
    wordPart(PARTIES, 'parties', 'its creator', 'of a static party; 0: a dynamic one'),
    longWordPart(STATE_LONG, 'state', 'who moves it on', 'the phase, two flags, a version: in one word'),
    wordPart(LOST, 'lost', 'who finds one dead', 'how many died in a dynamic party'),
    wordPart(BROKEN, 'broken', 'who finds one dead', 'who is missing in a static party; 0: nobody'),
    ...seatParts(SEATS, capacityOf(options)),
  ];
}

/** One of the two. */
export interface BarrierOptions {
  /** A static party of so many. */
  readonly parties?: number | undefined;
  /** A dynamic party of so many at most. Default: 64. */
  readonly maxParties?: number | undefined;
}

/** How many bytes it takes in a segment. */
export function barrierSize(options: BarrierOptions): number {
  return aligned((SEATS + BarrierSeats.wordsFor(capacityOf(options))) * 4);
}

/** In phase 0, with nobody in it. */
export function createBarrier(chunk: Chunk, options: BarrierOptions): void {
  const sizeBytes = barrierSize(options);
  beginThing(chunk, 'barrier', sizeBytes);
  for (let word = HEADER_WORDS; word < sizeBytes / 4; word++) chunk.words.store(word, 0);
  chunk.words.store(CAPACITY, capacityOf(options));
  chunk.words.store(PARTIES, options.parties ?? 0);
  new BarrierStateWord(chunk.longWords, STATE_LONG).clear();
  finishThing(chunk);
}

export class BarrierParty {
  /** How many make up a static party; 0 for a dynamic one. */
  readonly parties: number;
  readonly #words: Words;
  readonly #state: BarrierStateWord;
  readonly #seats: BarrierSeats;
  #blocker = 0;

  constructor({ words, longWords, member }: Chunk) {
    this.parties = words.load(PARTIES);
    this.#words = words;
    this.#state = new BarrierStateWord(longWords, STATE_LONG);
    this.#seats = new BarrierSeats(words, SEATS, words.load(CAPACITY), member);
  }

  get phase(): number {
    return this.#state.load().phase;
  }

  get participants(): number {
    return this.#seats.attendance(0, false).present;
  }

  get lost(): number {
    return this.#words.load(LOST);
  }

  /** Who has broken a static party; 0 for nobody. */
  get brokenBy(): number {
    return this.#words.load(BROKEN);
  }

  /** One that had not arrived when it was last looked; 0 for nobody. */
  get blocker(): number {
    return this.#blocker;
  }

  /** Takes a seat. The phase does not change before it has arrived. Throws `ERR_BARRIER_FULL`. */
  join(): { readonly seat: number; readonly phase: number } {
    // A static party waits for all of its seats, whoever's they are.
    const seat = this.#seats.take(this.phase, this.parties === 0);
    for (;;) {
      const state = this.#state.load();
      if (this.#state.change(state, { isEmpty: false })) return { seat, phase: state.phase };
    }
  }

  /** Gives the phase. */
  arrive(seat: number): number {
    const { phase } = this;
    this.#seats.arrive(seat, phase);
    return phase;
  }

  sleeper(seat: number): Sleeper {
    return this.#seats.sleeper(seat);
  }

  /** Moves the phase on if all have arrived. `asks`: who has not may be dead. `needsElection`: by one that leaves. */
  advance(phase: number, asks: boolean, needsElection: boolean): boolean {
    for (;;) {
      const state = this.#state.load();
      if (state.phase !== phase) return false;
      const { present, missing, gone } = this.#seats.attendance(phase, asks);
      if (gone !== 0) {
        if (this.parties > 0) {
          this.break(gone);
          return false;
        }
        this.#removeDead();
        continue;
      }
      this.#blocker = missing;
      if (missing !== 0 || present < Math.max(1, this.parties)) return false;
      if (!this.#state.change(state, { phase: nextPhase(phase), needsElection })) continue;
      this.#seats.wakeAll();
      return true;
    }
  }

  /** Whether we are the first of those that ask in a phase that began because somebody left. */
  elect(phase: number): boolean {
    for (;;) {
      const state = this.#state.load();
      if (state.phase !== phase || !state.needsElection) return false;
      if (this.#state.change(state, { needsElection: false })) return true;
    }
  }

  /** Takes part no more. True for the last one out. */
  leave(seat: number, arrives: boolean): boolean {
    const { phase } = this;
    this.#seats.giveUp(seat);
    for (;;) {
      const state = this.#state.load();
      if (this.#countPresent(state.phase) > 0) {
        this.advance(phase, true, true);
        return false;
      }
      if (state.isEmpty) return false;
      const isOurs = arrives && state.phase === phase;
      if (this.#state.change(state, { isEmpty: true, phase: isOurs ? nextPhase(phase) : state.phase })) return true;
    }
  }

  /** Takes part no more, unless it is the last one: true. Then it has arrived. */
  leaveExceptLast(seat: number): boolean {
    const { phase } = this;
    // Two who see only each other would both leave; so each steps out first, and the state decides who stays.
    this.#seats.stepOut(seat);
    // When it steps in again nobody may take it for one that has arrived, and move the phase on.
    this.#seats.arrive(seat, phase - 1);
    for (;;) {
      const state = this.#state.load();
      const isOver = state.phase !== phase || state.isEmpty;
      if (isOver || this.#countPresent(phase) > 0) {
        this.#seats.giveUp(seat);
        this.advance(phase, true, true);
        return false;
      }
      this.#seats.stepIn(seat);
      if (this.#state.change(state, { phase: nextPhase(phase) })) return true;
      this.#seats.stepOut(seat);
    }
  }

  /** For good: that one's part of the work is missing. */
  break(number: number): void {
    this.#words.compareExchange(BROKEN, 0, number);
    this.#seats.wakeAll();
  }

  /** Without the dead. */
  #countPresent(phase: number): number {
    // Also one that has arrived may be dead.
    this.#removeDead();
    return this.#seats.attendance(phase, false).present;
  }

  #removeDead(): void {
    // One that dies between the two is counted itself, and those it has removed are not.
    const removed = this.#seats.removeDead();
    if (removed > 0) this.#words.add(LOST, removed);
  }
}

function capacityOf({ parties, maxParties = 64 }: BarrierOptions): number {
  const capacity = parties ?? maxParties;
  if (Number.isInteger(capacity) && capacity >= 1 && capacity <= 2 ** 16) return capacity;
  throw new BgworkerError('ERR_INVALID_ARGUMENT', 'invalid number of parties', {
    detail: String(capacity),
    hint: 'give an integer from 1 to 65536',
  });
}
