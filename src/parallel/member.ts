/**
 * One that takes part in a run over batches, a process or the leader itself: what is under way there, whether it may have
 * more, and what it has done so far.
 */
import { assert } from '../base/index.js';
import type { Part } from './batch.js';
import type { ParticipantReport } from './explain.js';
import type { Answer, PoolProcess } from './poolProcess.js';

export class Member {
  /** Null: the leader. */
  readonly process: PoolProcess | null;
  readonly underWay: Part[] = [];
  readonly #number: number;
  /** Of the time before it left and came back. */
  #earlierMs = 0;
  #since = performance.now();
  #until: number | undefined;
  #rows = 0;
  #workMs = 0;
  #bytes = 0;

  constructor(number: number, process: PoolProcess | null) {
    this.#number = number;
    this.process = process;
  }

  /** A part; undefined: something new. `most`: so many may be under way in a process. */
  mayTake(part: Part | undefined, most: number): boolean {
    const [present] = this.underWay;
    const isSuspected = part !== undefined && part.suspectedOf !== null;
    if (present === undefined) return !isSuspected || this.process !== null;
    if (isSuspected || present.suspectedOf !== null || this.process === null) return false;
    return this.underWay.length < most;
  }

  give(part: Part): void {
    this.underWay.push(part);
  }

  /** It is no longer under way here. */
  drop(part: Part): void {
    const at = this.underWay.indexOf(part);
    assert(at !== -1, 'a part that comes back was under way');
    this.underWay.splice(at, 1);
  }

  /** `done`: of its items, those that were not given back. */
  answered(part: Part, done: number, { ms, bytes }: Answer): void {
    this.drop(part);
    this.#rows += done;
    this.#workMs += ms;
    this.#bytes += bytes;
  }

  /** It takes part again, if it had left. */
  join(): void {
    if (this.#until === undefined) return;
    this.#earlierMs += this.#until - this.#since;
    this.#since = performance.now();
    this.#until = undefined;
  }

  /** It takes part no more. */
  leave(): void {
    this.#until ??= performance.now();
  }

  get report(): ParticipantReport {
    const runMs = this.#earlierMs + (this.#until ?? performance.now()) - this.#since;
    return {
      number: this.#number,
      pid: this.process === null ? process.pid : this.process.handle.pid,
      rows: this.#rows,
      runMs,
      waitMs: Math.max(0, runMs - this.#workMs),
      bytes: this.#bytes,
    };
  }
}
