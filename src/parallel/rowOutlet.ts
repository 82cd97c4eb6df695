/**
 * Where a worker's rows go: a tuple queue, and all that has to happen beside it. Rows are flushed when it is time, and when
 * the plan turns out to be awaiting something, so that none lies here meanwhile; the event loop has its turn, or the
 * worker would hear no orders; and that the leader wants no more is noticed at each flush, and while the plan awaits.
 *
 * PostgreSQL: tqueueReceiveSlot of tqueue.c, which ends the plan when the queue was detached.
 */
import { BgworkerError } from '../base/index.js';
import type { MessageSender } from '../shm/index.js';
import type { ParticipantCounts } from './participant.js';
import type { Flushed } from './tupleQueue.js';
import { TupleSender } from './tupleQueue.js';
import { Turns } from './turns.js';

export class RowOutlet {
  /** Called now and then, between two rows. */
  onTurn: () => void = () => {};
  readonly #sender: MessageSender;
  readonly #tuples: TupleSender;
  readonly #turns = new Turns();
  readonly #stop = new AbortController();
  /** The plan has been asked and has not answered. */
  #isAwaiting = false;
  #isTurnOrdered = false;
  /** Begun while the plan was awaiting something. */
  #flushing: Promise<Flushed> | undefined;
  #unwatch: (() => void) | undefined;

  constructor(sender: MessageSender) {
    this.#sender = sender;
    this.#tuples = new TupleSender(sender);
  }

  /** Whether rows are wanted, as far as the leader has said. */
  get isWanted(): boolean {
    return this.#sender.isWanted;
  }

  /** Aborts when rows are wanted no more. */
  get notWanted(): AbortSignal {
    return this.#stop.signal;
  }

  get counts(): ParticipantCounts {
    const { rows, bytes, waitMs } = this.#tuples;
    return { rows, bytes, waitMs };
  }

  /** True: flush now. */
  push(row: unknown): boolean {
    return this.#tuples.push(row);
  }

  async flush(): Promise<Flushed> {
    const flushed = await this.#flushTuples();
    if (flushed === 'detached') this.#end();
    else if (this.#turns.isDue) {
      this.onTurn();
      await this.#turns.take();
    }
    return flushed;
  }

  /** Until the plan answers. The rows before that go meanwhile, and it is told when they are wanted no more. */
  async awaitAnswer<T>(asked: Promise<T>): Promise<T> {
    this.#isAwaiting = true;
    this.#orderTurn();
    try {
      return await asked;
    } finally {
      this.#isAwaiting = false;
      this.#unwatch?.();
      this.#unwatch = undefined;
      if (this.#flushing !== undefined) await this.#flushing;
      this.#flushing = undefined;
    }
  }

  /** Sends the rest: there are no more. */
  async end(): Promise<void> {
    const flushed = await this.#flushTuples();
    if (flushed === 'detached') this.#end();
  }

  /** Sends nothing more, also not what was not flushed. Safe to call twice. */
  close(): void {
    this.onTurn();
    this.#sender.detach();
  }

  /** A leader that has died wants no rows either. */
  async #flushTuples(): Promise<Flushed> {
    try {
      return await this.#tuples.flush();
    } catch (error) {
      if (error instanceof BgworkerError && error.code === 'ERR_PEER_DIED') return 'detached';
      throw error;
    }
  }

  /** What is still awaited then is not ready at once. One order for all rows until then. */
  #orderTurn(): void {
    if (this.#isTurnOrdered) return;
    this.#isTurnOrdered = true;
    setImmediate(() => {
      this.#isTurnOrdered = false;
      if (!this.#isAwaiting) return;
      this.onTurn();
      this.#flushing ??= this.#flushTuples();
      // It is awaited when the plan has answered: until then nobody else hears of it.
      this.#flushing.catch(() => {});
      this.#unwatch ??= this.#sender.watchEnd(() => this.#end());
    });
  }

  #end(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(rowsNotWanted());
  }
}

/** Why a plan's signal aborts when nothing else is wrong. */
export function rowsNotWanted(): BgworkerError {
  return new BgworkerError('ERR_ROWS_NOT_WANTED', 'the rows of this plan are wanted no more', {
    hint: 'nothing is wrong: whoever gathered them has left the loop',
  });
}
