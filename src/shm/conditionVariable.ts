/**
 * A condition variable: where processes wait until something in shared memory is true, and whoever may have made it true
 * says so. What is true is the caller's: a function that looks, again after each signal, and after anything else that
 * wakes this process, so it may be called often.
 *
 * The two things that one gets wrong with these are inside. Who waits is on the list before it looks the last time, so
 * no signal falls in between. And who was signalled, and has no look any more to spend that on (it has found before that
 * it need not wait, its time is over, it is called off), passes the signal on. Dead sleepers are skipped; who dies when
 * it has just been signalled cannot pass that on, but the news of a death makes everybody look.
 *
 * Model: condition_variable.c, its prepare, sleep and cancel in one. Words: how many can wait, and the list.
 */
import { BgworkerError } from '../base/index.js';
import type { Chunk } from './chunk.js';
import { aligned, beginThing, checkThing, finishThing, HEADER_PARTS, HEADER_WORDS } from './chunk.js';
import type { Held } from './held.js';
import type { Part } from './layout.js';
import { wordPart } from './layout.js';
import type { SharedLock } from './lock.js';
import type { BlockingWaitOptions, Place, WaitOptions } from './member.js';
import type { Stand } from './waitList.js';
import { WaitList, waitListParts } from './waitList.js';

const MAX_WAITERS = HEADER_WORDS;
const LIST = HEADER_WORDS + 1;

/** For its picture. */
export function conditionVariableParts({ maxWaiters }: Record<keyof ConditionVariableOptions, number>): Part[] {
  return [
    ...HEADER_PARTS,
    wordPart(MAX_WAITERS, 'maxWaiters', 'its creator', 'how many stands there are'),
    ...waitListParts(LIST, maxWaiters),
  ];
}

/** How large it is. */
export interface ConditionVariableOptions {
  /** How many can wait. Default: 64. */
  readonly maxWaiters?: number | undefined;
}

/** What is released while one waits, and held again afterwards. */
export interface HeldLock {
  /** The lock. */
  readonly lock: SharedLock;
  /** What its `acquire` has given. */
  readonly held: Held;
}

/** One wait. */
interface Attempt {
  readonly stand: Stand;
  /** It was signalled, and has not looked since. */
  isLooking: boolean;
}

/** Where processes wait until something is true. PostgreSQL: a ConditionVariable. */
export class SharedConditionVariable {
  readonly #chunk: Chunk;
  readonly #list: WaitList;
  readonly #attempts = new Set<Attempt>();
  readonly #leaving = (): void => this.#leaveAll();

  /** How many bytes it takes in a segment. */
  static sizeFor({ maxWaiters = 64 }: ConditionVariableOptions = {}): number {
    if (!Number.isInteger(maxWaiters) || maxWaiters < 1 || maxWaiters > 2 ** 16) {
      throw new BgworkerError('ERR_INVALID_ARGUMENT', 'invalid maxWaiters', {
        detail: `maxWaiters is ${String(maxWaiters)}`,
        hint: 'give an integer from 1 to 65536',
      });
    }
    return aligned((LIST + WaitList.wordsFor(maxWaiters)) * 4);
  }

  /** Makes one that nobody waits for. PostgreSQL: ConditionVariableInit. */
  static create(chunk: Chunk, { maxWaiters = 64 }: ConditionVariableOptions = {}): SharedConditionVariable {
    const sizeBytes = SharedConditionVariable.sizeFor({ maxWaiters });
    beginThing(chunk, 'condition variable', sizeBytes);
    for (let word = HEADER_WORDS; word < sizeBytes / 4; word++) chunk.words.store(word, 0);
    chunk.words.store(MAX_WAITERS, maxWaiters);
    finishThing(chunk);
    return new SharedConditionVariable(chunk);
  }

  /** Throws `ERR_WRONG_MEMORY` when there is none. */
  static attach(chunk: Chunk): SharedConditionVariable {
    checkThing(chunk, 'condition variable', () =>
      SharedConditionVariable.sizeFor({ maxWaiters: chunk.words.load(MAX_WAITERS) }),
    );
    return new SharedConditionVariable(chunk);
  }

  private constructor(chunk: Chunk) {
    this.#chunk = chunk;
    this.#list = new WaitList(chunk.words, LIST, chunk.words.load(MAX_WAITERS), chunk.member);
  }

  /**
   * Resolves when `predicate` is true, at once if it is. Rejects with what it throws, with the signal's reason, and with
   * `ERR_TOO_MANY_WAITERS`.
   *
   * With a lock, the predicate is called only while that is held; it is released for the time of the sleep. When the
   * wait has ended, in whatever way, it is held again (which may take longer than the limit of time), unless this
   * process has lost its place in the memory meanwhile: `held.isHeld` tells.
   */
  wait(
    predicate: () => boolean,
    options?: { readonly signal?: AbortSignal | undefined; readonly with?: HeldLock | undefined },
  ): Promise<true>;
  wait(
    predicate: () => boolean,
    options: WaitOptions & { readonly with?: HeldLock | undefined },
  ): Promise<true | 'timeout'>;
  async wait(
    predicate: () => boolean,
    { with: lock, ...options }: WaitOptions & { readonly with?: HeldLock | undefined } = {},
  ): Promise<true | 'timeout'> {
    if (lock !== undefined) return this.#waitReleasing(predicate, lock, options);
    const attempt = this.#begin();
    try {
      return await this.#chunk.member.wait(this.#placeOf(predicate, attempt), options);
    } finally {
      this.#end(attempt);
    }
  }

  /**
   * As `wait`, but the event loop stands still. Throws `ERR_WAIT_INTERRUPTED` when that has something to do. It takes no
   * lock; the predicate may take one each time it looks.
   */
  waitBlocking(predicate: () => boolean): true;
  waitBlocking(predicate: () => boolean, options: BlockingWaitOptions): true | 'timeout';
  waitBlocking(predicate: () => boolean, options: BlockingWaitOptions = {}): true | 'timeout' {
    const attempt = this.#begin();
    try {
      return this.#chunk.member.waitBlocking(this.#placeOf(predicate, attempt), options);
    } finally {
      this.#end(attempt);
    }
  }

  /**
   * Wakes the one that has waited longest, if somebody waits. Call it after the change; it is not remembered.
   * PostgreSQL: ConditionVariableSignal.
   */
  signal(): void {
    if (this.#chunk.segment.isAttached) this.#list.wakeOne();
  }

  /** Wakes all that wait. Call it after the change. PostgreSQL: ConditionVariableBroadcast. */
  broadcast(): void {
    if (this.#chunk.segment.isAttached) this.#list.wakeAll();
  }

  #placeOf(predicate: () => boolean, attempt: Attempt): Place<true> {
    return {
      event: 'ConditionVariable',
      look: () => {
        this.#chunk.segment.checkAttached();
        return this.#look(predicate, attempt) ? true : undefined;
      },
      sleep: () => this.#join(attempt),
      rise: () => this.#leave(attempt),
    };
  }

  async #waitReleasing(
    predicate: () => boolean,
    { lock, held }: HeldLock,
    options: WaitOptions,
  ): Promise<true | 'timeout'> {
    const endAt = performance.now() + (options.timeoutMs ?? Infinity);
    const attempt = this.#begin();
    try {
      for (;;) {
        options.signal?.throwIfAborted();
        this.#chunk.segment.checkAttached();
        if (this.#look(predicate, attempt)) return true;
        const leftMs = Math.max(0, endAt - performance.now());
        if (leftMs === 0) return 'timeout';
        // Before others may change anything.
        this.#join(attempt);
        const holdAgain = lock.pause(held);
        try {
          await this.#chunk.member.wait(this.#placeAfterRing(attempt), { ...options, timeoutMs: leftMs });
        } finally {
          await holdAgain();
        }
      }
    } finally {
      this.#end(attempt);
    }
  }

  /** Anything that wakes us, be it the news of a death, is a reason to look; and that needs the lock. */
  #placeAfterRing({ stand }: Attempt): Place<'rung'> {
    let looksAsleep = -1;
    return {
      event: 'ConditionVariable',
      look: () => {
        this.#chunk.segment.checkAttached();
        if (looksAsleep >= 0) looksAsleep += 1;
        return stand.isWoken || looksAsleep > 1 ? 'rung' : undefined;
      },
      sleep: () => {
        looksAsleep = Math.max(looksAsleep, 0);
      },
      // It stays on the list until it has looked.
      rise: () => {},
    };
  }

  #begin(): Attempt {
    const attempt = { stand: this.#list.stand(), isLooking: false };
    this.#attempts.add(attempt);
    this.#chunk.segment.busy.add(this.#leaving);
    return attempt;
  }

  #end(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    if (this.#attempts.size === 0) this.#chunk.segment.busy.delete(this.#leaving);
    this.#leave(attempt);
  }

  /** A look spends the signals up to then. One that comes while we look is another, and goes to others first. */
  #look(predicate: () => boolean, attempt: Attempt): boolean {
    if (attempt.stand.isWoken) this.#join(attempt);
    const holds = predicate();
    attempt.isLooking = false;
    return holds;
  }

  #join(attempt: Attempt): void {
    attempt.isLooking ||= attempt.stand.isWoken;
    attempt.stand.join();
  }

  #leave(attempt: Attempt): void {
    const wasSignalled = !attempt.stand.leave() || attempt.isLooking;
    attempt.isLooking = false;
    if (wasSignalled) this.#list.wakeOne();
  }

  /** The segment is being detached: signals for us are for others, and who waits here fails. */
  #leaveAll(): void {
    for (const attempt of this.#attempts) this.#leave(attempt);
    if (this.#attempts.size > 0) this.#chunk.member.wake(this.#chunk.member.number);
  }
}
