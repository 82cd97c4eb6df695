/**
 * A lock in shared memory: one process alone, or several that only read. Nobody is asked for it but the memory itself,
 * so that an uncontended one costs a fraction of a microsecond.
 *
 * It outlives its holders (pthread's "robust" mutexes are the model for that): when one died that had it exclusively,
 * the next gets it and is told, `ownerDied`, and so is everybody until one has looked and says `markConsistent()`. One
 * that died while it read is just gone. Detaching the segment with a lock held counts as a death: nobody knows in what
 * state it left things.
 *
 * Tasks of one process are like processes to each other: `acquire` waits its turn also behind another task of its own,
 * so one that acquires it twice waits for itself. Waits without the event loop refuse that: nobody could end them.
 *
 * Model: lwlock.c. How it works is in lockWaits.ts. Words: two sizes, the drainer, the owner, the slots, the writers.
 */
import { BgworkerError } from '../base/index.js';
import type { Chunk } from './chunk.js';
import { aligned, beginThing, checkThing, finishThing, HEADER_PARTS, HEADER_WORDS } from './chunk.js';
import type { LockKeeper, LockMode } from './held.js';
import { Held } from './held.js';
import type { Part } from './layout.js';
import { wordPart } from './layout.js';
import type { LockParts, LockWait, Share } from './lockWaits.js';
import { ExclusiveWait, giveBackAlone, giveBackShare, SharedWait } from './lockWaits.js';
import type { BlockingWaitOptions, Place, WaitOptions } from './member.js';
import { OwnerWord } from './ownerWord.js';
import { SharedSlots, slotParts } from './sharedSlots.js';
import { Sleeper } from './sleeper.js';
import { WaitList, waitListParts } from './waitList.js';

const MAX_SHARED = HEADER_WORDS;
const MAX_WAITERS = HEADER_WORDS + 1;
const DRAINER = HEADER_WORDS + 2;
const OWNER = HEADER_WORDS + 3;
const SLOTS = HEADER_WORDS + 4;

/** For its picture. */
export function lockParts({ maxShared, maxWaiters }: Record<keyof SharedLockOptions, number>): Part[] {
  return [
    ...HEADER_PARTS,
    wordPart(MAX_SHARED, 'maxShared', 'its creator', 'how many slots there are'),
    wordPart(MAX_WAITERS, 'maxWaiters', 'its creator', 'how many stands there are'),
    wordPart(DRAINER, 'drainer', 'sleeper and waker', 'the owner, while it waits for the slots to be empty'),
    wordPart(OWNER, 'owner', 'who takes it', 'who has it alone; negative: an owner died'),
    ...slotParts(SLOTS, maxShared),
    ...waitListParts(SLOTS + SharedSlots.wordsFor(maxShared), maxWaiters),
  ];
}

/** How large it is. */
export interface SharedLockOptions {
  /** How many can hold it together, or wait to. Default: 64. */
  readonly maxShared?: number | undefined;
  /** How many can wait for it exclusively. Default: 64. */
  readonly maxWaiters?: number | undefined;
}

/** A lock between processes, exclusive or shared, that outlives its holders. PostgreSQL: an LWLock. */
export class SharedLock {
  readonly #parts: LockParts;
  readonly #keeper: LockKeeper;
  readonly #held = new Set<Held>();
  readonly #waits = new Set<LockWait>();
  readonly #leave = (): void => this.#abandon();

  /** How many bytes it takes in a segment. */
  static sizeFor({ maxShared = 64, maxWaiters = 64 }: SharedLockOptions = {}): number {
    checkCount('maxShared', maxShared);
    checkCount('maxWaiters', maxWaiters);
    return aligned((SLOTS + SharedSlots.wordsFor(maxShared) + WaitList.wordsFor(maxWaiters)) * 4);
  }

  /** Makes one that is free. The sizes are those of `sizeFor`. PostgreSQL: LWLockInitialize. */
  static create(chunk: Chunk, { maxShared = 64, maxWaiters = 64 }: SharedLockOptions = {}): SharedLock {
    const sizeBytes = SharedLock.sizeFor({ maxShared, maxWaiters });
    beginThing(chunk, 'lock', sizeBytes);
    for (let word = HEADER_WORDS; word < sizeBytes / 4; word++) chunk.words.store(word, 0);
    chunk.words.store(MAX_SHARED, maxShared);
    chunk.words.store(MAX_WAITERS, maxWaiters);
    finishThing(chunk);
    return new SharedLock(chunk);
  }

  /** Throws `ERR_WRONG_MEMORY` when there is none. */
  static attach(chunk: Chunk): SharedLock {
    checkThing(chunk, 'lock', () => {
      const { words } = chunk;
      return SharedLock.sizeFor({ maxShared: words.load(MAX_SHARED), maxWaiters: words.load(MAX_WAITERS) });
    });
    return new SharedLock(chunk);
  }

  private constructor(chunk: Chunk) {
    const { words, member } = chunk;
    const maxShared = words.load(MAX_SHARED);
    const writers = SLOTS + SharedSlots.wordsFor(maxShared);
    this.#parts = {
      chunk,
      owner: new OwnerWord(words, OWNER, member.number),
      slots: new SharedSlots(words, SLOTS, maxShared, member),
      writers: new WaitList(words, writers, words.load(MAX_WAITERS), member),
      drainer: new Sleeper(words, DRAINER, member),
    };
    this.#keeper = {
      giveBack: (held, share) => {
        this.#held.delete(held);
        this.#rest();
        return share === 'alone' ? giveBackAlone(this.#parts) : giveBackShare(this.#parts, share);
      },
      mend: () => this.#parts.owner.mend(),
    };
  }

  /** Whether a process died that held it, and nobody has put that right. */
  get ownerDied(): boolean {
    return this.#parts.owner.isBroken;
  }

  /**
   * Resolves when it is held. Without a limit of time the answer is always a `Held`; with one it may be `timeout`.
   * Rejects with the signal's reason, and with `ERR_TOO_MANY_HOLDERS` and `ERR_TOO_MANY_WAITERS` (which no other
   * process notices). Then nothing is held. PostgreSQL: LWLockAcquire.
   */
  acquire(mode?: LockMode, options?: { readonly signal?: AbortSignal | undefined }): Promise<Held>;
  acquire(mode: LockMode | undefined, options: WaitOptions): Promise<Held | 'timeout'>;
  async acquire(mode: LockMode = 'exclusive', options: WaitOptions = {}): Promise<Held | 'timeout'> {
    options.signal?.throwIfAborted();
    const wait = this.#attempt(mode, false, options);
    const share = lookOrGiveBack(wait);
    if (share !== undefined) return this.#hold(share);
    this.#begin(wait);
    try {
      return await this.#parts.chunk.member.wait(this.#placeOf(wait), options);
    } finally {
      this.#end(wait);
    }
  }

  /**
   * As `acquire`, but the event loop stands still. Throws `ERR_WAIT_INTERRUPTED` when that has something to do, and
   * `ERR_LOCK_HELD` when this very process is in the way.
   */
  acquireBlocking(mode?: LockMode): Held;
  acquireBlocking(mode: LockMode | undefined, options: BlockingWaitOptions): Held | 'timeout';
  acquireBlocking(mode: LockMode = 'exclusive', options: BlockingWaitOptions = {}): Held | 'timeout' {
    const wait = this.#attempt(mode, true, options);
    const share = lookOrGiveBack(wait);
    if (share !== undefined) return this.#hold(share);
    this.#begin(wait);
    try {
      return this.#parts.chunk.member.waitBlocking(this.#placeOf(wait), options);
    } finally {
      this.#end(wait);
    }
  }

  /** Undefined when it would have to wait. PostgreSQL: LWLockConditionalAcquire. */
  tryAcquire(mode: LockMode = 'exclusive'): Held | undefined {
    const wait = this.#attempt(mode, false);
    let share = lookOrGiveBack(wait);
    if (share === undefined) {
      // Whoever is in the way may be dead.
      wait.lookCloser();
      share = lookOrGiveBack(wait);
    }
    if (share !== undefined) return this.#hold(share);
    wait.rise();
    return undefined;
  }

  /** Releases it, and gives back how to hold it again, which waits as long as it takes. @internal */
  pause(held: Held): () => Promise<void> {
    if (!this.#held.has(held)) {
      throw new BgworkerError('ERR_LOCK_NOT_HELD', 'this lock is not held', {
        hint: 'give what acquire() of the same object has given, before it is released',
      });
    }
    held[Symbol.dispose]();
    return async () => {
      const again = await this.acquire(held.mode);
      this.#held.delete(again);
      const share = again.take();
      if (share === undefined) return;
      held.retake(share, again.ownerDied);
      this.#held.add(held);
    };
  }

  #attempt(mode: LockMode, isBlocking: boolean, { timeoutMs }: BlockingWaitOptions = {}): LockWait {
    checkMode(mode);
    const wait =
      mode === 'exclusive' ? new ExclusiveWait(this.#parts, isBlocking) : new SharedWait(this.#parts, isBlocking);
    // Who does not sleep would not see who is dead.
    if (timeoutMs === 0) wait.lookCloser();
    return wait;
  }

  #begin(wait: LockWait): void {
    this.#parts.chunk.segment.busy.add(this.#leave);
    this.#waits.add(wait);
  }

  #end(wait: LockWait): void {
    this.#waits.delete(wait);
    wait.rise();
    this.#rest();
  }

  #rest(): void {
    if (this.#held.size + this.#waits.size === 0) this.#parts.chunk.segment.busy.delete(this.#leave);
  }

  /** What it finds is held from that moment on, and not only when the one that waits hears of it. */
  #placeOf(wait: LockWait): Place<Held> {
    return {
      event: 'SharedLock',
      look: () => {
        const share = wait.look();
        return share === undefined ? undefined : this.#hold(share);
      },
      sleep: () => wait.sleep(),
      rise: () => wait.rise(),
      peer: () => wait.peer(),
    };
  }

  #hold(share: Share): Held {
    this.#parts.chunk.segment.busy.add(this.#leave);
    const held = new Held(this.#keeper, share, this.#parts.owner.isBroken);
    this.#held.add(held);
    return held;
  }

  /** The segment is being detached: what we have goes back, broken, and who waits here fails. */
  #abandon(): void {
    for (const held of this.#held) {
      const share = held.take();
      if (share === 'alone') giveBackAlone(this.#parts, true);
      else if (share !== undefined) giveBackShare(this.#parts, share);
    }
    this.#held.clear();
    for (const wait of this.#waits) wait.rise();
    // They look when the segment is gone.
    if (this.#waits.size > 0) this.#parts.chunk.member.wake(this.#parts.chunk.member.number);
  }
}

/** What was got so far is given back if it throws. */
function lookOrGiveBack(wait: LockWait): Share | undefined {
  try {
    return wait.look();
  } catch (error) {
    wait.rise();
    throw error;
  }
}

/** Without types, options in its place are soon written, and would be a lock that is shared. */
function checkMode(mode: unknown): void {
  if (mode === 'exclusive' || mode === 'shared') return;
  throw new BgworkerError('ERR_INVALID_ARGUMENT', 'invalid mode of a lock', {
    detail: `it is ${typeof mode === 'string' ? JSON.stringify(mode) : `of type ${typeof mode}`}`,
    hint: "give 'exclusive' or 'shared'; options come behind it",
  });
}

function checkCount(name: string, count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= 2 ** 16) return;
  throw new BgworkerError('ERR_INVALID_ARGUMENT', `invalid ${name}`, {
    detail: `${name} is ${String(count)}`,
    hint: 'give an integer from 1 to 65536',
  });
}
