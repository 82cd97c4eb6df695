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
 * Model: barrier.c. When the phase moves on is in barrierParty.ts.
 */
import { BgworkerError } from '../base/index.js';
import type { BarrierOptions } from './barrierParty.js';
import { BarrierParty, barrierSize, CAPACITY, createBarrier } from './barrierParty.js';
import { nextPhase } from './barrierState.js';
import type { Chunk } from './chunk.js';
import { checkThing } from './chunk.js';
import type { BlockingWaitOptions, Place, WaitOptions } from './member.js';

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
  readonly #party: BarrierParty;
  #seat: number | undefined;
  /** The phase in which we have arrived, until somebody has been told what came of it. */
  #arrivedIn: number | undefined;
  readonly #leaving = (isFailure: boolean): void => this.#abandon(isFailure);
  #isWaiting = false;

  /** How many bytes it takes in a segment. */
  static sizeFor(options: BarrierOptions): number {
    return barrierSize(options);
  }

  /** Makes one, in phase 0, with nobody in it. PostgreSQL: BarrierInit. */
  static create(chunk: Chunk, options: BarrierOptions): SharedBarrier {
    createBarrier(chunk, options);
    return new SharedBarrier(chunk);
  }

  /** A participant that has not joined. Throws `ERR_WRONG_MEMORY` when there is no barrier. */
  static attach(chunk: Chunk): SharedBarrier {
    checkThing(chunk, 'barrier', () => SharedBarrier.sizeFor({ maxParties: chunk.words.load(CAPACITY) }));
    return new SharedBarrier(chunk);
  }

  private constructor(chunk: Chunk) {
    this.#chunk = chunk;
    this.#party = new BarrierParty(chunk);
  }

  /** From 0. It runs over after 2^32. PostgreSQL: BarrierPhase. */
  get phase(): number {
    return this.#party.phase;
  }

  /** How many take part now. PostgreSQL: BarrierParticipants. */
  get participants(): number {
    return this.#party.participants;
  }

  /** How many have died that had joined a dynamic party. */
  get lost(): number {
    return this.#party.lost;
  }

  /**
   * Takes part from now on, and gives the phase, which cannot change before we have arrived. Throws `ERR_BARRIER_FULL`,
   * `ERR_BARRIER_JOINED` when this object has joined already, and `ERR_BARRIER_BROKEN`. PostgreSQL: BarrierAttach.
   */
  join(): number {
    this.#check();
    if (this.#seat !== undefined) throw joined();
    const { seat, phase } = this.#party.join();
    this.#seat = seat;
    this.#chunk.segment.busy.add(this.#leaving);
    return phase;
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
    return this.#party.leave(this.#giveUpSeat(), false);
  }

  /**
   * Arrives without waiting, and takes part no more. True for the last one out, who has moved the phase on.
   * PostgreSQL: BarrierArriveAndDetach.
   */
  arriveAndLeave(): boolean {
    return this.#party.leave(this.#giveUpSeat(), true);
  }

  /**
   * All but the last take part no more (false); the last one stays, and the phase has moved on (true).
   * PostgreSQL: BarrierArriveAndDetachExceptLast.
   */
  arriveAndLeaveExceptLast(): boolean {
    const seat = this.#giveUpSeat();
    const stays = this.#party.leaveExceptLast(seat);
    if (!stays) return false;
    this.#seat = seat;
    this.#chunk.segment.busy.add(this.#leaving);
    return true;
  }

  get #isStatic(): boolean {
    return this.#party.parties > 0;
  }

  /** Publishes the arrival, unless that was done by a call whose wait was broken off. */
  #arrive(): Place<BarrierResult> {
    this.#chunk.segment.checkAttached();
    if (this.#isWaiting) throw inUse();
    const phase = this.#arrivedIn ?? this.#arriveNow();
    const seat = this.#seat;
    if (seat === undefined) throw notJoined();
    this.#isWaiting = true;
    const sleeper = this.#party.sleeper(seat);
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
      peer: () => this.#party.blocker,
    };
  }

  #arriveNow(): number {
    this.#check();
    if (this.#seat === undefined && this.#isStatic) this.join();
    if (this.#seat === undefined) throw notJoined();
    const phase = this.#party.arrive(this.#seat);
    this.#arrivedIn = phase;
    return phase;
  }

  /**
   * One that has just arrived moves the phase on if it is the last. One that is awake leaves that to the last. One that
   * is about to sleep does what one that died may have left undone.
   */
  #look(phase: number, state: 'arriving' | 'awake' | 'asleep'): BarrierResult | undefined {
    this.#chunk.segment.checkAttached();
    if (this.#party.phase !== phase) return this.#goOn(this.#party.elect(nextPhase(phase)));
    if (state !== 'awake' && this.#party.advance(phase, state === 'asleep', false)) return this.#goOn(true);
    if (this.#party.phase === phase) this.#check();
    return undefined;
  }

  #goOn(elected: boolean): BarrierResult {
    const phase = nextPhase(this.#arrivedIn ?? 0);
    this.#arrivedIn = undefined;
    return { elected, phase, lost: this.lost };
  }

  /** Gives the seat that was ours. */
  #giveUpSeat(): number {
    this.#chunk.segment.checkAttached();
    if (this.#isStatic) {
      throw new BgworkerError('ERR_BARRIER_STATIC', 'nobody leaves a static party', {
        detail: `it has ${this.#party.parties} parties`,
        hint: 'make the barrier without parties, and join() and leave() it',
      });
    }
    if (this.#isWaiting) throw inUse();
    const seat = this.#seat;
    if (seat === undefined) throw notJoined();
    this.#seat = undefined;
    this.#arrivedIn = undefined;
    this.#chunk.segment.busy.delete(this.#leaving);
    return seat;
  }

  #check(): void {
    this.#chunk.segment.checkAttached();
    const number = this.#party.brokenBy;
    if (number === 0) return;
    throw new BgworkerError('ERR_BARRIER_BROKEN', 'one of the parties of this barrier is gone', {
      detail: `member ${number} died, or detached the segment`,
      hint: 'its part of the work is missing: begin again with a new barrier, or use a dynamic party',
    });
  }

  /** The segment is being detached. */
  /** Of a failure the others learn as of any other death. */
  #abandon(isFailure: boolean): void {
    const seat = this.#seat;
    if (seat === undefined || isFailure) return;
    if (this.#isStatic) this.#party.break(this.#chunk.member.number);
    else this.#party.leave(seat, false);
    if (this.#isWaiting) this.#chunk.member.wake(this.#chunk.member.number);
  }
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
