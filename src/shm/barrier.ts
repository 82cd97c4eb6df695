/**
 * A barrier: processes work in phases, and nobody begins the next before all have done with this one. The last to arrive
 * is elected, to do alone what is to be done between two phases.
 *
 * - **A static party** (`parties`) is a number that is known from the start. Each takes a seat by `join()` or by its
 *   first arrival, and keeps it. When one dies, or detaches the segment, its part of the work is missing: the barrier is
 *   broken, for good, and all who wait or come are told (`ERR_BARRIER_BROKEN`).
 * - **A dynamic party** has who is there: they `join()` and `leave()`. One that dies has left, and is counted in `lost`.
 *
 * A death is noticed only of one that has a seat: of a static party, join as soon as the process is there.
 *
 * Model: barrier.c, which has a spinlock and counts. Here nobody holds anything: the state is one word (barrierState.ts),
 * the seats are each their owner's (barrierSeats.ts), and whoever sees that all have arrived moves the phase on, by one
 * operation that fails when somebody has joined since. So a death is at worst a seat that others clear.
 */
import { BgworkerError } from '../base/index.js';
import { BarrierSeats, seatParts } from './barrierSeats.js';
import { BarrierStateWord, nextPhase } from './barrierState.js';
import type { Chunk } from './chunk.js';
import { aligned, beginThing, checkThing, finishThing, HEADER_PARTS, HEADER_WORDS } from './chunk.js';
import type { Part } from './layout.js';
import { longWordPart, wordPart } from './layout.js';
import type { BlockingWaitOptions, Place, WaitOptions } from './member.js';

const CAPACITY = HEADER_WORDS;
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
  readonly parties?: number;
  /** A dynamic party of so many at most. Default: 64. */
  readonly maxParties?: number;
}

/** What an arrival has led to. */
export interface BarrierResult {
  /**
   * True for exactly one of those that arrived: the last one as a rule, and any of them when the phase began because
   * somebody left or died.
   */
  readonly elected: boolean;
  /** The phase that has begun. */
  readonly phase: number;
  /** How many have died so far without leaving. 0 in a static party. */
  readonly lost: number;
}

/** Where processes wait for each other. One object is one participant. PostgreSQL: a Barrier. */
export class SharedBarrier {
  readonly #chunk: Chunk;
  readonly #state: BarrierStateWord;
  readonly #seats: BarrierSeats;
  readonly #parties: number;
  #seat: number | undefined;
  /** The phase in which we have arrived, until somebody has been told what came of it. */
  #arrivedIn: number | undefined;
  #isWaiting = false;
  #blocker = 0;

  /** How many bytes it takes in a segment. */
  static sizeFor(options: BarrierOptions): number {
    return aligned((SEATS + BarrierSeats.wordsFor(capacityOf(options))) * 4);
  }

  /** Makes one, in phase 0, with nobody in it. PostgreSQL: BarrierInit. */
  static create(chunk: Chunk, options: BarrierOptions): SharedBarrier {
    const sizeBytes = SharedBarrier.sizeFor(options);
    beginThing(chunk, 'barrier', sizeBytes);
    for (let word = HEADER_WORDS; word < sizeBytes / 4; word++) chunk.words.store(word, 0);
    chunk.words.store(CAPACITY, capacityOf(options));
    chunk.words.store(PARTIES, options.parties ?? 0);
    new BarrierStateWord(chunk.longWords, STATE_LONG).clear();
    finishThing(chunk);
    return new SharedBarrier(chunk);
  }

  /** A participant that has not joined. Throws `ERR_WRONG_MEMORY` when there is no barrier. */
  static attach(chunk: Chunk): SharedBarrier {
    checkThing(chunk, 'barrier');
    return new SharedBarrier(chunk);
  }

  private constructor(chunk: Chunk) {
    const { words, member, segment } = chunk;
    this.#chunk = chunk;
    this.#state = new BarrierStateWord(chunk.longWords, STATE_LONG);
    this.#seats = new BarrierSeats(words, SEATS, words.load(CAPACITY), member);
    this.#parties = words.load(PARTIES);
    segment.onDetach(() => this.#abandon());
  }

  /** From 0. It runs over after 2^32. PostgreSQL: BarrierPhase. */
  get phase(): number {
    return this.#state.load().phase;
  }

  /** How many take part now. PostgreSQL: BarrierParticipants. */
  get participants(): number {
    return this.#seats.attendance(0, false).present;
  }

  /** How many have died that had joined a dynamic party. */
  get lost(): number {
    return this.#chunk.words.load(LOST);
  }

  /**
   * Takes part from now on, and gives the phase, which cannot change before we have arrived. Throws `ERR_BARRIER_FULL`,
   * `ERR_BARRIER_JOINED` when this object has joined already, and `ERR_BARRIER_BROKEN`. PostgreSQL: BarrierAttach.
   */
  join(): number {
    this.#check();
    if (this.#seat !== undefined) throw joined();
    // A static party waits for all of its seats, whoever's they are.
    this.#seat = this.#seats.take(this.#state.load().phase, !this.#isStatic);
    for (;;) {
      const state = this.#state.load();
      if (this.#state.change(state, { isEmpty: false })) return state.phase;
    }
  }

  /**
   * Arrives, and resolves when all have. Joins a static party if that was not done. Rejects with the signal's reason and
   * with `ERR_BARRIER_BROKEN`. One that waits no more, for whatever reason, has arrived all the same; called again it
   * waits for what has become of that. PostgreSQL: BarrierArriveAndWait.
   */
  arriveAndWait(options?: { readonly signal?: AbortSignal | undefined }): Promise<BarrierResult>;
  arriveAndWait(options: WaitOptions): Promise<BarrierResult | 'timeout'>;
  async arriveAndWait(options: WaitOptions = {}): Promise<BarrierResult | 'timeout'> {
    options.signal?.throwIfAborted();
    const place = this.#arrive();
    try {
      return await this.#chunk.member.wait(place, options);
    } finally {
      this.#isWaiting = false;
    }
  }

  /** As `arriveAndWait`, but the event loop stands still. Throws `ERR_WAIT_INTERRUPTED` when it has something to do. */
  arriveAndWaitBlocking(): BarrierResult;
  arriveAndWaitBlocking(options: BlockingWaitOptions): BarrierResult | 'timeout';
  arriveAndWaitBlocking(options: BlockingWaitOptions = {}): BarrierResult | 'timeout' {
    const place = this.#arrive();
    try {
      return this.#chunk.member.waitBlocking(place, options);
    } finally {
      this.#isWaiting = false;
    }
  }

  /** Takes part no more; the others may go on. True for the last one out. PostgreSQL: BarrierDetach. */
  leave(): boolean {
    return this.#depart(this.#seatToLeave(), false);
  }

  /**
   * Arrives without waiting, and takes part no more. True for the last one out, who has moved the phase on.
   * PostgreSQL: BarrierArriveAndDetach.
   */
  arriveAndLeave(): boolean {
    return this.#depart(this.#seatToLeave(), true);
  }

  /**
   * All but the last take part no more (false); the last one stays, and the phase has moved on (true).
   * PostgreSQL: BarrierArriveAndDetachExceptLast.
   */
  arriveAndLeaveExceptLast(): boolean {
    const seat = this.#seatToLeave();
    const { phase } = this.#state.load();
    // Two who see only each other would both leave; so each steps out first, and the state decides who stays.
    this.#seats.stepOut(seat);
    // When it steps in again nobody may take it for one that has arrived, and move the phase on.
    this.#seats.arrive(seat, phase - 1);
    for (;;) {
      const state = this.#state.load();
      const isOver = state.phase !== phase || state.isEmpty;
      if (isOver || this.#countPresent(phase) > 0) {
        this.#giveUp(seat);
        this.#advance(phase, true, true);
        return false;
      }
      this.#seats.stepIn(seat);
      if (this.#state.change(state, { phase: nextPhase(phase) })) return true;
      this.#seats.stepOut(seat);
    }
  }

  get #isStatic(): boolean {
    return this.#parties > 0;
  }

  /** Publishes the arrival, unless that was done by a call whose wait was broken off. */
  #arrive(): Place<BarrierResult> {
    this.#chunk.segment.checkAttached();
    if (this.#isWaiting) throw inUse();
    const phase = this.#arrivedIn ?? this.#arriveNow();
    const seat = this.#seat;
    if (seat === undefined) throw notJoined();
    this.#isWaiting = true;
    const sleeper = this.#seats.sleeper(seat);
    let state: 'arriving' | 'awake' | 'asleep' = 'arriving';
    return {
      event: 'Barrier',
      look: () => {
        const found = this.#look(phase, state);
        if (state === 'arriving') state = 'awake';
        return found;
      },
      sleep: () => {
        state = 'asleep';
        sleeper.sleep();
      },
      rise: () => sleeper.rise(),
      peer: () => this.#blocker,
    };
  }

  #arriveNow(): number {
    this.#check();
    if (this.#seat === undefined) {
      if (!this.#isStatic) throw notJoined();
      this.join();
    }
    const { phase } = this.#state.load();
    this.#seats.arrive(this.#seat ?? 0, phase);
    this.#arrivedIn = phase;
    return phase;
  }

  /**
   * One that has just arrived moves the phase on if it is the last. One that is awake leaves that to the last. One that
   * is about to sleep does what one that died may have left undone.
   */
  #look(phase: number, state: 'arriving' | 'awake' | 'asleep'): BarrierResult | undefined {
    this.#chunk.segment.checkAttached();
    if (this.#state.load().phase !== phase) return this.#goOn(this.#elect(nextPhase(phase)));
    if (state !== 'awake' && this.#advance(phase, state === 'asleep', false)) return this.#goOn(true);
    if (this.#state.load().phase === phase) this.#check();
    return undefined;
  }

  #goOn(elected: boolean): BarrierResult {
    const phase = nextPhase(this.#arrivedIn ?? 0);
    this.#arrivedIn = undefined;
    return { elected, phase, lost: this.lost };
  }

  /** Whether we are the first of those that ask in a phase that began because somebody left. */
  #elect(phase: number): boolean {
    for (;;) {
      const state = this.#state.load();
      if (state.phase !== phase || !state.needsElection) return false;
      if (this.#state.change(state, { needsElection: false })) return true;
    }
  }

  /** Moves the phase on if all have arrived. `asks`: who has not may be dead. */
  #advance(phase: number, asks: boolean, needsElection: boolean): boolean {
    for (;;) {
      const state = this.#state.load();
      if (state.phase !== phase) return false;
      const { present, missing, gone } = this.#seats.attendance(phase, asks);
      if (gone !== 0) {
        if (this.#isStatic) {
          this.#break(gone);
          return false;
        }
        this.#removeDead();
        continue;
      }
      this.#blocker = missing;
      if (missing !== 0 || present < Math.max(1, this.#parties)) return false;
      if (!this.#state.change(state, { phase: nextPhase(phase), needsElection })) continue;
      this.#seats.wakeAll();
      return true;
    }
  }

  #depart(seat: number, arrives: boolean): boolean {
    const { phase } = this.#state.load();
    this.#giveUp(seat);
    for (;;) {
      const state = this.#state.load();
      if (this.#countPresent(state.phase) > 0) {
        this.#advance(phase, true, true);
        return false;
      }
      if (state.isEmpty) return false;
      const isOurs = arrives && state.phase === phase;
      if (this.#state.change(state, { isEmpty: true, phase: isOurs ? nextPhase(phase) : state.phase })) return true;
    }
  }

  #giveUp(seat: number): void {
    this.#seats.giveUp(seat);
    this.#seat = undefined;
    this.#arrivedIn = undefined;
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
    if (removed > 0) this.#chunk.words.add(LOST, removed);
  }

  #seatToLeave(): number {
    this.#chunk.segment.checkAttached();
    if (this.#isStatic) {
      throw new BgworkerError('ERR_BARRIER_STATIC', 'nobody leaves a static party', {
        detail: `it has ${this.#parties} parties`,
        hint: 'make the barrier without parties, and join() and leave() it',
      });
    }
    if (this.#isWaiting) throw inUse();
    if (this.#seat === undefined) throw notJoined();
    return this.#seat;
  }

  #check(): void {
    this.#chunk.segment.checkAttached();
    const number = this.#chunk.words.load(BROKEN);
    if (number === 0) return;
    throw new BgworkerError('ERR_BARRIER_BROKEN', 'one of the parties of this barrier is gone', {
      detail: `member ${number} died, or detached the segment`,
      hint: 'its part of the work is missing: begin again with a new barrier, or use a dynamic party',
    });
  }

  #break(number: number): void {
    this.#chunk.words.compareExchange(BROKEN, 0, number);
    this.#seats.wakeAll();
  }

  /** The segment is being detached. */
  #abandon(): void {
    const seat = this.#seat;
    if (seat === undefined) return;
    if (this.#isStatic) this.#break(this.#chunk.member.number);
    else this.#depart(seat, false);
    if (this.#isWaiting) this.#chunk.member.wake(this.#chunk.member.number);
  }
}

function capacityOf({ parties = 0, maxParties = 64 }: BarrierOptions): number {
  const capacity = parties === 0 ? maxParties : parties;
  if (Number.isInteger(capacity) && capacity >= 1 && capacity <= 2 ** 16) return capacity;
  throw new BgworkerError('ERR_INVALID_ARGUMENT', 'invalid number of parties', {
    detail: String(capacity),
    hint: 'give an integer from 1 to 65536',
  });
}

function joined(): BgworkerError {
  return new BgworkerError('ERR_BARRIER_JOINED', 'this participant has joined the barrier already', {
    hint: 'a second participant in this process attaches an object of its own',
  });
}

function notJoined(): BgworkerError {
  return new BgworkerError('ERR_BARRIER_NOT_JOINED', 'this participant has not joined the barrier', {
    hint: 'call join() first, and look at the phase that it gives',
  });
}

function inUse(): BgworkerError {
  return new BgworkerError('ERR_BARRIER_IN_USE', 'this participant waits at the barrier', {
    hint: 'one object is one participant: attach another for another task of this process',
  });
}
