/**
 * Which of several sorted sources has the next row: a binary heap with at most one row of each (PostgreSQL: binaryheap.c,
 * as Gather Merge uses it). Computes and nothing else.
 *
 * The order is whole: rows that compare as equal come in the order of their sources' numbers, and those of one source in
 * its own order. So what comes out is what a stable sort would make of all sources, one behind the other (PostgreSQL
 * promises nothing about equal rows, R-GM-3), and does not depend on which source was quicker.
 */
import { assert } from '../base/index.js';

/** Negative when `a` comes first, positive when `b` does; like the one of `Array.sort`. */
export type CompareRows<Row> = (a: Row, b: Row) => number;

export class MergeHeap<Row> {
  readonly #compare: CompareRows<Row>;
  /** A parent, at `n`, comes before its children, at `2n + 1` and `2n + 2`. */
  readonly #rows: Row[] = [];
  /** The source of each row, at the same place. */
  readonly #sources: number[] = [];

  constructor(compare: CompareRows<Row>) {
    this.#compare = compare;
  }

  /** How many sources have a row here. */
  get size(): number {
    return this.#rows.length;
  }

  /** The row that is next. There must be one, as for all that follows. */
  get top(): Row {
    assert(this.#rows.length > 0, 'the heap is empty');
    return this.#rows[0] as Row;
  }

  /** Whose row is next. */
  get topSource(): number {
    assert(this.#rows.length > 0, 'the heap is empty');
    return this.#sources[0] as number;
  }

  /** Adds the first row of a source that has none here. The lower its number, the earlier among equals. */
  push(row: Row, source: number): void {
    let at = this.#rows.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(row, source, parent)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#rows[at] = row;
    this.#sources[at] = source;
  }

  /** The top is taken, and this is the next row of the same source. */
  replaceTop(row: Row): void {
    this.#sink(row, this.topSource);
  }

  /** The top is taken, and its source has no more. */
  pop(): void {
    assert(this.#rows.length > 0, 'the heap is empty');
    const row = this.#rows.pop() as Row;
    const source = this.#sources.pop() as number;
    if (this.#rows.length > 0) this.#sink(row, source);
  }

  /** From the top down to where it belongs; what was at the top is gone. */
  #sink(row: Row, source: number): void {
    const { length } = this.#rows;
    let at = 0;
    for (let child = 1; child < length; child = 2 * at + 1) {
      const right = child + 1;
      const isRight = right < length && this.#isBefore(this.#rows[right] as Row, this.#sources[right] as number, child);
      const first = isRight ? right : child;
      if (this.#isBefore(row, source, first)) break;
      this.#move(first, at);
      at = first;
    }
    this.#rows[at] = row;
    this.#sources[at] = source;
  }

  #isBefore(row: Row, source: number, other: number): boolean {
    const order = this.#compare(row, this.#rows[other] as Row);
    // What is no number orders nothing, as in a sort.
    return order < 0 || (!(order > 0) && source < (this.#sources[other] as number));
  }

  #move(from: number, to: number): void {
    this.#rows[to] = this.#rows[from] as Row;
    this.#sources[to] = this.#sources[from] as number;
  }
}
