/**
 * The order of a gather merge: each participant gives its rows sorted, and the least of those that are next is next. So a row
 * is known of each participant, or that it is done, before the first one is given; and after one was taken, it is the same
 * participant's turn to say what comes after it, even if others have rows (R-GM-2, R-GM-3).
 *
 * That a participant's rows are sorted is checked, each against the one before it: out of an input that is not sorted would
 * come an order that looks right and is not. PostgreSQL trusts its planner. Model: nodeGatherMerge.c.
 */
import { BgworkerError } from '../base/index.js';
import { kept } from './columns.js';
import type { CompareRows } from './mergeHeap.js';
import { MergeHeap } from './mergeHeap.js';
import { LEADER_NUMBER } from './participant.js';
import type { RowAnswer, RowOrder, RowSource } from './rowSources.js';

export class MergeOrder<Row> implements RowOrder<Row> {
  readonly #compare: CompareRows<Row>;
  readonly #heap: MergeHeap<Row>;
  readonly #sources = new Map<number, RowSource<Row>>();
  /** Those of whom no row is known. At first all; then none but the one whose row was given last. */
  #unknown: readonly RowSource<Row>[];
  /** Its row is at the top of the heap, and was given. */
  #given: RowSource<Row> | undefined;

  constructor(compare: CompareRows<Row>, workers: readonly RowSource<Row>[], leader: RowSource<Row> | null) {
    this.#compare = compare;
    this.#heap = new MergeHeap(compare);
    this.#unknown = leader === null ? workers : [leader, ...workers];
    for (const source of this.#unknown) this.#sources.set(source.number, source);
  }

  get awaited(): readonly RowSource<Row>[] {
    return this.#given === undefined ? this.#unknown : [this.#given];
  }

  /** Throws `ERR_NOT_SORTED`. */
  tryNext(): RowAnswer<Row> | null {
    if (this.#given !== undefined) {
      if (!this.#replaceGiven(this.#given)) return null;
    } else if (this.#unknown.length > 0) {
      // All of them are asked, so that each begins at once.
      this.#unknown = this.#unknown.filter((source) => !this.#askFirst(source));
      if (this.#unknown.length > 0) return null;
    }
    if (this.#heap.size === 0) return { done: true };
    this.#given = this.#sources.get(this.#heap.topSource);
    return { done: false, value: this.#heap.top };
  }

  /** False: not yet. */
  #askFirst(source: RowSource<Row>): boolean {
    const answer = source.tryNext();
    if (answer?.done === false) this.#heap.push(kept(answer.value), source.number);
    return answer !== null;
  }

  /** False: not yet. */
  #replaceGiven(source: RowSource<Row>): boolean {
    const answer = source.tryNext();
    if (answer === null) return false;
    this.#given = undefined;
    if (answer.done) {
      this.#heap.pop();
      return true;
    }
    // It is compared once more when the one after it has come.
    const row = kept(answer.value);
    if (this.#compare(this.#heap.top, row) > 0) throw notSorted(source.number);
    this.#heap.replaceTop(row);
    return true;
  }
}

function notSorted(number: number): BgworkerError {
  const who = number === LEADER_NUMBER ? 'the leader' : `worker ${number}`;
  return new BgworkerError('ERR_NOT_SORTED', 'the rows of a participant are not sorted', {
    detail: `${who} gave a row that compares as less than the one before it`,
    hint: 'a plan of gatherMerge gives its rows sorted by `compare`, in each participant; for rows in no order use gather',
  });
}
