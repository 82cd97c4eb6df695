/**
 * A lock that one holds: what `acquire` of a lock gives. It is given back once; letting a block end that has it by
 * `using` gives it back, whatever happened there.
 *
 * Whether its last owner died in the middle was read when it was got, and is told until somebody has said that what the
 * lock guards is well again: everybody who gets it in between is told, readers too.
 */
import { BgworkerError } from '../base/index.js';
import type { Share } from './lockWaits.js';

/** Alone, or together with others that only read. */
export type LockMode = 'exclusive' | 'shared';

/** What it is held of. */
export interface LockKeeper {
  /** False when we did not have it any more. */
  giveBack(held: Held, share: Share): boolean;
  mend(): void;
}

/** A lock that this process holds. Dispose of it, or call `release()`. */
export class Held {
  /** As it was asked for. */
  readonly mode: LockMode;
  readonly #keeper: LockKeeper;
  #share: Share | undefined;
  #ownerDied: boolean;

  /** @internal */
  constructor(keeper: LockKeeper, share: Share, ownerDied: boolean) {
    this.mode = share === 'alone' ? 'exclusive' : 'shared';
    this.#keeper = keeper;
    this.#share = share;
    this.#ownerDied = ownerDied;
  }

  /** False after the release, and after the segment was detached. */
  get isHeld(): boolean {
    return this.#share !== undefined;
  }

  /**
   * Whether a process died while it held the lock exclusively, or was just getting it or giving it back: what it guards
   * may be half written. Stays true for everybody until `markConsistent()`.
   */
  get ownerDied(): boolean {
    return this.#ownerDied;
  }

  /** What the lock guards has been looked through and is well. Throws `ERR_LOCK_NOT_HELD` unless held exclusively. */
  markConsistent(): void {
    if (this.#share !== 'alone') throw notHeld('only one that holds it exclusively can put right what it guards');
    this.#keeper.mend();
    this.#ownerDied = false;
  }

  /** Throws `ERR_LOCK_NOT_HELD` when it was released already, or taken from us because we were thought dead. */
  release(): void {
    if (this.#share === undefined) throw notHeld('it was released, or its segment was detached');
    if (!this.#giveBack()) throw notHeld('others were told that this process is gone');
  }

  /** Releases it if it is held. Safe to call again. */
  [Symbol.dispose](): void {
    if (this.#share !== undefined) this.#giveBack();
  }

  /** What it has, if anything; it has it no more. @internal */
  take(): Share | undefined {
    const share = this.#share;
    this.#share = undefined;
    return share;
  }

  /** Has what was released again. @internal */
  retake(share: Share, ownerDied: boolean): void {
    this.#share = share;
    this.#ownerDied = ownerDied;
  }

  #giveBack(): boolean {
    const share = this.take();
    return share !== undefined && this.#keeper.giveBack(this, share);
  }
}

function notHeld(detail: string): BgworkerError {
  return new BgworkerError('ERR_LOCK_NOT_HELD', 'this lock is not held', {
    detail,
    hint: 'what is written by `using held = …` is released once, at the end of its block',
  });
}
