/**
 * In which order the participants of a gather are served, whatever their rows come from and however one waits for them.
 *
 * The present worker is asked for as long as it has rows, then the next. Only when none has any, after a full round, does
 * the leader compute one row itself, so that taking rows goes before making them; and only when it does not take part,
 * or is not ready either, must one wait. A worker that gives no more is dropped. The rows have no order (R-GA-9).
 *
 * PostgreSQL: gather_getnext and gather_readnext of nodeGather.c (R-GA-3, R-GA-4).
 */

/** What a participant answers: a row, that there are no more, or null for "not yet". */
export type RowAnswer<Row> = { readonly done: false; readonly value: Row } | { readonly done: true };

/** The rows of one participant. */
export interface RowSource<Row> {
  /** From 0; -1 is the leader. */
  readonly number: number;
  /** Never waits. Not asked again once it is done. */
  tryNext(): RowAnswer<Row> | null;
}

/** An order of service. */
export interface RowOrder<Row> {
  /** The next row of any of them; null when one must wait; done when all are. */
  tryNext(): RowAnswer<Row> | null;
  /** After null: for whom. One of them is enough to try again. */
  readonly awaited: readonly RowSource<Row>[];
}

/** The order of a Gather. */
export class ServiceOrder<Row> implements RowOrder<Row> {
  readonly #workers: RowSource<Row>[];
  /** Who is being drained. */
  #present = 0;
  #leader: RowSource<Row> | null;

  constructor(workers: readonly RowSource<Row>[], leader: RowSource<Row> | null) {
    this.#workers = [...workers];
    this.#leader = leader;
  }

  get awaited(): readonly RowSource<Row>[] {
    return this.#leader === null ? this.#workers : [...this.#workers, this.#leader];
  }

  tryNext(): RowAnswer<Row> | null {
    return this.#tryWorkers() ?? this.#tryLeader();
  }

  #tryWorkers(): RowAnswer<Row> | null {
    const workers = this.#workers;
    for (let visited = 0; visited < workers.length; ) {
      const answer = workers[this.#present]?.tryNext() ?? null;
      if (answer === null) {
        visited += 1;
        this.#present += 1;
      } else if (answer.done) {
        workers.splice(this.#present, 1);
      } else {
        return answer;
      }
      if (this.#present >= workers.length) this.#present = 0;
    }
    return null;
  }

  #tryLeader(): RowAnswer<Row> | null {
    if (this.#leader !== null) {
      const answer = this.#leader.tryNext();
      if (answer === null || !answer.done) return answer;
      this.#leader = null;
    }
    return this.#workers.length === 0 ? { done: true } : null;
  }
}
