/**
 * The leader's own share of a plan: a row at a time, pulled in the leader's process when it is its turn.
 *
 * A synchronous plan always has its answer at once. An asynchronous one may not: what it is awaiting goes on by itself, its
 * row is kept when it comes, and whoever waits for workers meanwhile is woken by it as by any of them. So the workers' rows
 * are never held up by a leader that waits for input.
 */
import type { OtherNews } from '../shm/index.js';
import { ColumnBatch } from './columns.js';
import type { PlanIterator, PlanRows } from './planRows.js';
import { iteratePlan } from './planRows.js';
import type { RowAnswer, RowSource } from './rowSources.js';

/** How far it is. */
type State<Row> =
  | { readonly state: 'unasked' }
  /** `next()` of an asynchronous plan was called and has not answered. */
  | { readonly state: 'asked' }
  | { readonly state: 'answered'; readonly answer: RowAnswer<Row> }
  | { readonly state: 'threw'; readonly error: unknown }
  | { readonly state: 'over' };

export class LeaderRows<Row> implements RowSource<Row>, OtherNews {
  readonly number: number;
  readonly #begin: () => PlanRows<Row>;
  #rows: PlanIterator<Row> | undefined;
  #state: State<Row> = { state: 'unasked' };
  /** What an asynchronous plan was asked for last. */
  #asked: Promise<unknown> | undefined;
  #look: (() => void) | undefined;
  #given = 0;

  /** `begin` is called when the first row is asked for. */
  constructor(number: number, begin: () => PlanRows<Row>) {
    this.number = number;
    this.#begin = begin;
  }

  /** Whether it is awaiting something. */
  get isAsked(): boolean {
    return this.#state.state === 'asked';
  }

  /** How many rows it gave; those of columns too. */
  get given(): number {
    return this.#given;
  }

  /** Whether an answer has come since it was asked in vain. */
  get isThere(): boolean {
    return this.#state.state === 'answered' || this.#state.state === 'threw';
  }

  listen(look: () => void): () => void {
    this.#look = look;
    return () => {
      this.#look = undefined;
    };
  }

  /** Throws what the plan throws. */
  tryNext(): RowAnswer<Row> | null {
    this.#rows ??= iteratePlan(this.#begin());
    if (this.#state.state === 'unasked') this.#ask(this.#rows);
    const state = this.#state;
    if (state.state === 'threw') {
      this.#state = { state: 'over' };
      throw state.error;
    }
    if (state.state !== 'answered') return null;
    this.#state = { state: state.answer.done ? 'over' : 'unasked' };
    if (!state.answer.done) this.#given += rowsIn(state.answer.value);
    return state.answer;
  }

  /** No more rows are wanted. Resolves when the plan has tidied up; throws what it throws meanwhile. */
  async end(): Promise<void> {
    const last = this.#state;
    this.#state = { state: 'over' };
    if (last.state === 'over') return;
    if (last.state === 'threw') throw last.error;
    if (last.state === 'asked') await this.#asked;
    await this.#rows?.iterator.return?.();
  }

  /** As `end`, but nobody waits for it, and what it throws is nobody's any more. */
  abandon(): void {
    this.end().catch(() => {});
  }

  #ask(rows: PlanIterator<Row>): void {
    // Should it throw: who has thrown is not asked to tidy up.
    this.#state = { state: 'over' };
    if (!rows.isAsync) {
      this.#state = { state: 'answered', answer: answerOf(rows.iterator.next()) };
      return;
    }
    // An iterator written by hand may give what is no promise.
    const asked = Promise.resolve(rows.iterator.next());
    this.#state = { state: 'asked' };
    this.#asked = asked;
    asked.then(
      (result) => this.#settle({ state: 'answered', answer: answerOf(result) }),
      (error: unknown) => this.#settle({ state: 'threw', error }),
    );
  }

  #settle(state: State<Row>): void {
    if (this.#state.state !== 'asked') return;
    this.#state = state;
    this.#look?.();
  }
}

/** How many rows a row stands for. */
export function rowsIn(row: unknown): number {
  return row instanceof ColumnBatch ? row.rows : 1;
}

function answerOf<Row>(result: IteratorResult<Row, unknown>): RowAnswer<Row> {
  return result.done === true ? { done: true } : { done: false, value: result.value };
}
