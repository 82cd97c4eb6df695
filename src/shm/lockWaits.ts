/**
 * How one gets a lock: the two waits, and what giving back does. Who holds it is in ownerWord.ts and sharedSlots.ts.
 *
 * - **Alone**: take the owner's word, then wait until nobody holds it in a slot ("drain"). Whoever comes from then on
 *   finds the word taken, so readers cannot starve a writer.
 * - **Together**: hold in a slot, then look at the word. When it is taken, hold no more and wait. Either the writer sees
 *   the slot or the reader sees the word: each writes its own before it looks at the other's.
 * - **Giving back** what one had alone: those that wait in slots get their share, so writers cannot starve readers; then
 *   the word is free, and all who wait for it try. There is no order among writers. None is chosen, for it may be busy,
 *   or dead, and the others would sleep beside a free lock.
 *
 * Death breaks nothing off that others cannot finish: who died with the word loses it to whoever looks next, writer or
 * reader, who gives it back broken; who died in a slot is taken out by whoever drains. One that waits without the loop
 * hears of the death of the one it waits for; all hear of all by the postmaster (memberGone).
 */
import { BgworkerError } from '../base/index.js';
import type { Chunk } from './chunk.js';
import type { OwnerWord } from './ownerWord.js';
import type { SharedSlots } from './sharedSlots.js';
import type { Sleeper } from './sleeper.js';
import type { Stand, WaitList } from './waitList.js';

/** What stands in the memory. */
export interface LockParts {
  readonly chunk: Chunk;
  readonly owner: OwnerWord;
  readonly slots: SharedSlots;
  /** Who waits for the owner's word. */
  readonly writers: WaitList;
  /** Who has the owner's word, and waits until the slots are empty. */
  readonly drainer: Sleeper;
}

/** What one has got: its slot, or that it is alone. */
export type Share = number | 'alone';

/** One attempt to get it; the functions are those of a Place (member.ts). */
export interface LockWait {
  look(): Share | undefined;
  /** From now on, look also who is dead. As after `sleep`. */
  lookCloser(): void;
  sleep(): void;
  /** Ends it: what was not got is left as it was found. Safe to call again. */
  rise(): void;
  peer(): number;
}

/** Gives back what we have alone. False when we do not have it. */
export function giveBackAlone({ owner, slots, writers }: LockParts, isTorn = false): boolean {
  if (!owner.isOurs) return false;
  slots.giveShares();
  if (!(isTorn ? owner.abandon() : owner.giveBack())) return false;
  slots.wakeAll();
  writers.wakeAll();
  return true;
}

/** Gives back a share. False when we do not have it. */
export function giveBackShare({ slots, drainer }: LockParts, slot: number): boolean {
  const hadIt = slots.leave(slot);
  drainer.wake();
  return hadIt;
}

/** Takes the word from an owner that is dead. */
function takeOver({ owner, chunk }: LockParts, number: number): boolean {
  return number !== 0 && chunk.member.isGone(number) && owner.takeOver(number);
}

/** Without the event loop nobody else in this process can give back what it has. */
function checkOther({ chunk }: LockParts, number: number, isBlocking: boolean): void {
  if (!isBlocking || number !== chunk.member.number) return;
  throw new BgworkerError('ERR_LOCK_HELD', 'this process holds the lock already', {
    detail: `${chunk.segment.name}, offset ${chunk.offsetBytes}`,
    hint: 'release it first; a lock is not taken twice, and a shared one does not become an exclusive one',
  });
}

export class ExclusiveWait implements LockWait {
  readonly #parts: LockParts;
  readonly #isBlocking: boolean;
  readonly #stand: Stand;
  #state: 'outside' | 'draining' | 'done' = 'outside';
  #isThorough = false;
  #sleepsAsDrainer = false;
  #blocker = 0;

  constructor(parts: LockParts, isBlocking: boolean) {
    this.#parts = parts;
    this.#isBlocking = isBlocking;
    this.#stand = parts.writers.stand();
  }

  lookCloser(): void {
    this.#isThorough = true;
  }

  look(): Share | undefined {
    this.#parts.chunk.segment.checkAttached();
    if (this.#state === 'outside') {
      if (!this.#take()) return undefined;
      this.#state = 'draining';
      // Who is about to sleep has said so where the lock is waited for, and not yet here.
      if (this.#isThorough) this.#sleepAsDrainer();
    }
    this.#blocker = this.#parts.slots.holder(this.#isThorough);
    checkOther(this.#parts, this.#blocker, this.#isBlocking);
    if (this.#blocker !== 0) return undefined;
    this.#state = 'done';
    return 'alone';
  }

  sleep(): void {
    this.#isThorough = true;
    if (this.#state === 'draining') this.#sleepAsDrainer();
    else this.#stand.join();
  }

  rise(): void {
    this.#stand.leave();
    // Another task of this process may be the one that drains, under the same number.
    if (this.#sleepsAsDrainer) this.#parts.drainer.rise();
    this.#sleepsAsDrainer = false;
    if (this.#state === 'draining') giveBackAlone(this.#parts);
    this.#state = 'done';
  }

  peer(): number {
    return this.#blocker;
  }

  #sleepAsDrainer(): void {
    this.#sleepsAsDrainer = true;
    this.#parts.drainer.sleep();
  }

  #take(): boolean {
    const { owner } = this.#parts;
    if (owner.take()) return true;
    this.#blocker = owner.owner;
    if (this.#isThorough && takeOver(this.#parts, this.#blocker)) return true;
    checkOther(this.#parts, this.#blocker, this.#isBlocking);
    return false;
  }
}

export class SharedWait implements LockWait {
  readonly #parts: LockParts;
  readonly #isBlocking: boolean;
  #slot: number | undefined;
  #isWaiting = false;
  #isDone = false;
  #isThorough = false;
  #blocker = 0;

  constructor(parts: LockParts, isBlocking: boolean) {
    this.#parts = parts;
    this.#isBlocking = isBlocking;
  }

  lookCloser(): void {
    this.#isThorough = true;
  }

  look(): Share | undefined {
    this.#parts.chunk.segment.checkAttached();
    const { slots, owner, drainer } = this.#parts;
    const slot = this.#slot ?? slots.take();
    this.#slot = slot;
    while (!this.#isWaiting || this.#mayTryAgain(slot)) {
      if (!this.#isWaiting) {
        this.#blocker = owner.owner;
        if (this.#blocker === 0) return this.#done(slot);
        slots.withdraw(slot);
        drainer.wake();
        this.#isWaiting = true;
        // Who gives the lock back just now may have passed over us, and believe that nobody is asleep.
        if (this.#isThorough) slots.sleep();
      } else if (slots.tryAgain(slot)) {
        this.#isWaiting = false;
      } else {
        return this.#done(slot);
      }
    }
    checkOther(this.#parts, this.#blocker, this.#isBlocking);
    return undefined;
  }

  /** Whoever gives the lock back reads that, and then in the slot that we wait. */
  sleep(): void {
    this.#isThorough = true;
    this.#parts.slots.sleep();
  }

  rise(): void {
    if (this.#isDone || this.#slot === undefined) return;
    giveBackShare(this.#parts, this.#slot);
    this.#slot = undefined;
    this.#isWaiting = false;
  }

  peer(): number {
    return this.#blocker;
  }

  /** Either nobody has it alone now, or we have been given our share. */
  #mayTryAgain(slot: number): boolean {
    const { slots, owner } = this.#parts;
    if (!slots.isWaiting(slot)) return true;
    this.#blocker = owner.owner;
    if (this.#blocker === 0) return true;
    return this.#isThorough && takeOver(this.#parts, this.#blocker) && giveBackAlone(this.#parts);
  }

  #done(slot: number): Share {
    this.#isDone = true;
    return slot;
  }
}
