/**
 * In which order results are given out, and how far the source may be ahead of whoever takes them. Works on batches:
 * each gets a number when it is read (`open`), is `settle`d once, in any order, and is taken once.
 *
 * The source is read only while `mayOpen`:
 * - Of batches that could be taken at once, so many may lie here as there are under way. Somebody slow thereby stops
 *   the source, and for somebody quick there is always one more.
 * - Of batches that wait behind an earlier one, only their bytes count, within reason: it is not the taker who is slow,
 *   so the other processes go on while one of them is busy with an item that takes long. However long they are, there may
 *   be as many as of the others.
 *
 * Whatever is open settles without the taker's doing, and whatever could be taken needs nobody but the taker. So the two
 * can never wait for each other.
 */
import { assert } from '../base/index.js';

/** As the items come from the source, or as they are done. */
export type Order = 'input' | 'completed';

/** Of what waits behind an earlier batch, items and results: in serialised bytes, which in memory are some times as many. */
export const MAX_BLOCKED_BYTES = 16 * 1024 * 1024;
/** And in number, where results are next to nothing. */
export const MAX_BLOCKED_BATCHES = 4_096;

interface Settled<Result> {
  readonly result: Result;
  readonly bytes: number;
}

export class Arrangement<Result> {
  readonly #order: Order;
  readonly #maxReady: number;
  /** Of those that wait behind an earlier one, by their number. */
  readonly #blocked = new Map<number, Settled<Result>>();
  #blockedBytes = 0;
  /** Those that can be taken, in the order in which they are. */
  readonly #ready: Result[] = [];
  #opened = 0;
  #settled = 0;
  /** The one that everything else waits for, in the order of the source. */
  #head = 0;

  /** `maxReady`: how many that could be taken may lie here before the source has to wait. */
  constructor(order: Order, maxReady: number) {
    this.#order = order;
    this.#maxReady = Math.max(1, maxReady);
  }

  get mayOpen(): boolean {
    if (this.#ready.length >= this.#maxReady) return false;
    if (this.#blocked.size < this.#maxReady) return true;
    return this.#blocked.size < MAX_BLOCKED_BATCHES && this.#blockedBytes < MAX_BLOCKED_BYTES;
  }

  /** A batch was read from the source. Gives its number. */
  open(): number {
    this.#opened += 1;
    return this.#opened - 1;
  }

  settle(number: number, result: Result, bytes: number): void {
    this.#settled += 1;
    if (this.#order === 'completed') {
      this.#ready.push(result);
      return;
    }
    assert(number >= this.#head && number < this.#opened && !this.#blocked.has(number), 'a batch is settled once');
    this.#blocked.set(number, { result, bytes });
    this.#blockedBytes += bytes;
    for (let next = this.#blocked.get(this.#head); next !== undefined; next = this.#blocked.get(this.#head)) {
      this.#blocked.delete(this.#head);
      this.#blockedBytes -= next.bytes;
      this.#head += 1;
      this.#ready.push(next.result);
    }
  }

  /** The next one; undefined while there is none. */
  take(): Result | undefined {
    return this.#ready.shift();
  }

  /** Nothing is open and nothing lies here. */
  get isEmpty(): boolean {
    return this.#settled === this.#opened && this.#ready.length === 0;
  }
}
