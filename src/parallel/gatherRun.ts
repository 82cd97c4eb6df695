/**
 * One run of a gather, as an iterator of its rows. Nothing happens before the first row is asked for; then the workers are
 * launched (R-GA-1), and rows are taken in the order of gather or gather merge until all participants are done, or until
 * somebody leaves the loop.
 *
 *     idle ──first next()──▶ open ──last row, return(), an error──▶ over
 *
 * However it ends: the tuple queues are detached first, so that whoever makes rows stops (R-GA-4); then it is waited until
 * all workers have finished, so that no error of theirs is lost (R-GA-5), or after an error until they are gone; and only
 * then the caller is told.
 */
import { BgworkerError } from '../base/index.js';
import type { OtherNews } from '../shm/index.js';
import { waitToReceiveAny } from '../shm/index.js';
import { kept } from './columns.js';
import type { Explanation, ParticipantReport, Progress } from './explain.js';
import type { GatherProgress } from './gatherProgress.js';
import type { LeaderRows } from './leaderRows.js';
import { rowsIn } from './leaderRows.js';
import type { RowAnswer, RowOrder } from './rowSources.js';
import { Turns } from './turns.js';
import { WorkerRows } from './workerRows.js';

/**
 * The rows of a run: `for await (const row of run)`, once, or `next()` by hand. Leaving the loop ends it, as `return()` does.
 * One that was begun with `next()` and not taken to its end must be ended by `return()`.
 */
export interface GatherRun<Row> extends AsyncIterable<Row>, AsyncDisposable {
  /**
   * The next row. Rejects, when all workers are gone, with what a worker or the leader threw, with `ParallelWorkerError`,
   * or with the reason of an aborted signal. One at a time: `ERR_ROWS_IN_USE`.
   */
  next(): Promise<IteratorResult<Row, undefined>>;
  /**
   * Wants no more rows. Resolves when every participant has stopped: one that computes notices with its next row or block,
   * and one that awaits something is told by `participant.signal`. Rejects with what they threw meanwhile. Safe to call again.
   */
  return(): Promise<IteratorResult<Row, undefined>>;
  /** All rows that are left, in an array. Not for ColumnBatch, which is valid until the next is asked for. */
  toArray(): Promise<Row[]>;
  /** What the run did: so far, or in all. */
  explain(): Explanation;
  /** How far it is; null when nothing is known. */
  readonly progress: Progress | null;
}

/** A run that is under way. */
export interface OpenRun<Row> {
  readonly order: RowOrder<Row>;
  readonly workers: readonly WorkerRows<Row>[];
  /** Null when it does not take part. */
  readonly leader: LeaderRows<Row> | null;
  readonly progress: GatherProgress;
  readonly whyFewer: string | null;
  /** Tells the leader's plan that it is wanted no more; resolves when it has stopped. Throws what it throws. */
  endLeader(): Promise<void>;
  /** As `endLeader`, but nobody waits for it. */
  abandonLeader(): void;
  /** The first failure of any worker, or the reason of an abort. */
  readonly failure: Error | undefined;
  onFailure(listener: () => void): () => void;
  /** It is over. */
  close(): void;
}

/** Whose run it is. */
export interface RunOwner<Row> {
  /** As in Explanation. */
  readonly node: string;
  readonly workersPlanned: number;
  /** Throws when it is not its turn: it stays as it is then, and nobody else is disturbed. */
  checkFree(): void;
  /** Launches the workers; throws what keeps it from that. */
  open(): Promise<OpenRun<Row>>;
  /** Resolves when all workers have finished, with their reports; throws what they threw. */
  finish(): Promise<readonly ParticipantReport[]>;
  /** Something has failed: resolves when all workers are gone. Gives what is to be thrown. */
  fail(error: unknown): Promise<unknown>;
}

/** Why a run ends. */
type Ending =
  /** All participants are done. */
  | { readonly why: 'done' }
  /** Nobody wants more rows. */
  | { readonly why: 'left' }
  | { readonly why: 'failed'; readonly error: unknown };

const NO_MORE = { done: true, value: undefined } as const;
/** An asynchronous plan that has its row ready needs so many turns of the queue of promises to give it. */
const PROMISE_TURNS = 4;

export class Run<Row> implements GatherRun<Row> {
  readonly #owner: RunOwner<Row>;
  readonly #turns = new Turns();
  #opening: Promise<OpenRun<Row>> | undefined;
  /** From when it is open on, also when it is over. */
  #run: OpenRun<Row> | undefined;
  /** There is one end, however many ask for it; whoever asks or waits is told how it went. */
  #ending: Promise<void> | undefined;
  #isOver = false;
  #isAsking = false;
  #hasIterator = false;
  /** Ends the wait under way. */
  #wake: (() => void) | undefined;
  #beganAt = 0;
  #endedAt: number | undefined;
  #rows = 0;
  #waitMs = 0;
  #reports: readonly ParticipantReport[] = [];

  constructor(owner: RunOwner<Row>) {
    this.#owner = owner;
  }

  get progress(): Progress | null {
    return this.#run?.progress.latest ?? null;
  }

  /** Whether it has begun and is not over. */
  get isOpen(): boolean {
    return this.#opening !== undefined && !this.#isOver;
  }

  [Symbol.asyncIterator](): Run<Row> {
    if (this.#hasIterator) throw inUse('somebody iterates over it already');
    this.#hasIterator = true;
    return this;
  }

  next(): Promise<IteratorResult<Row, undefined>> {
    if (this.#isAsking) return Promise.reject(inUse('the row before was asked for and has not come yet'));
    // Most rows are there already, and cost no more than a promise.
    if (this.#run !== undefined && this.#ending === undefined && !this.#turns.isDue) {
      try {
        const answer = this.#tryNext(this.#run);
        if (answer?.done === false) return Promise.resolve(answer);
      } catch (error) {
        void this.#end({ why: 'failed', error });
      }
    }
    this.#isAsking = true;
    return this.#nextInTime().finally(() => {
      this.#isAsking = false;
    });
  }

  async return(): Promise<IteratorResult<Row, undefined>> {
    if (!this.#isOver) await this.#end({ why: 'left' });
    return NO_MORE;
  }

  /** It cannot go on. Resolves when it is over. */
  async abandon(error: unknown): Promise<void> {
    if (!this.#isOver) await this.#end({ why: 'failed', error }).catch(() => {});
  }

  async toArray(): Promise<Row[]> {
    const rows: Row[] = [];
    for await (const row of this) rows.push(kept(row));
    return rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  explain(): Explanation {
    const run = this.#run;
    const elapsedMs = this.#beganAt === 0 ? 0 : (this.#endedAt ?? performance.now()) - this.#beganAt;
    return {
      node: this.#owner.node,
      workersPlanned: this.#owner.workersPlanned,
      workersLaunched: run?.workers.length ?? 0,
      whyFewer: run?.whyFewer ?? null,
      elapsedMs,
      rows: this.#rows,
      participants: run === undefined ? [] : this.#participants(run, elapsedMs),
    };
  }

  #participants({ leader, workers }: OpenRun<Row>, runMs: number): ParticipantReport[] {
    const ofWorkers = workers.map(({ number, worker, tuples: { rows, bytes } }) => {
      const report = this.#reports.find((candidate) => candidate.number === number);
      return report ?? { number, pid: worker.pid, rows, runMs, waitMs: 0, bytes };
    });
    if (leader === null) return ofWorkers;
    const { number, given } = leader;
    return [{ number, pid: process.pid, rows: given, runMs, waitMs: this.#waitMs, bytes: 0 }, ...ofWorkers];
  }

  async #nextInTime(): Promise<IteratorResult<Row, undefined>> {
    if (this.#isOver) return NO_MORE;
    if (this.#opening === undefined && this.#ending === undefined) this.#owner.checkFree();
    try {
      while (this.#ending === undefined) {
        const run = this.#run ?? (await this.#open());
        if (this.#turns.isDue) {
          lookHowFar(run);
          await this.#turns.take();
          continue;
        }
        const answer = this.#tryNext(run);
        if (answer === null) await this.#wait(run);
        else if (answer.done) void this.#end({ why: 'done' });
        else return answer;
      }
    } catch (error) {
      void this.#end({ why: 'failed', error });
    }
    await this.#ending;
    return NO_MORE;
  }

  async #open(): Promise<OpenRun<Row>> {
    this.#beganAt = performance.now();
    this.#opening = this.#owner.open();
    this.#run = await this.#opening;
    return this.#run;
  }

  #tryNext(run: OpenRun<Row>): RowAnswer<Row> | null {
    if (run.failure !== undefined) throw run.failure;
    const answer = run.order.tryNext();
    if (answer?.done === false) this.#rows += rowsIn(answer.value);
    return answer;
  }

  /** Until there is something to look at again. */
  async #wait(run: OpenRun<Row>): Promise<void> {
    for (let turn = 0; run.leader?.isAsked === true && turn < PROMISE_TURNS; turn++) await null;
    if (run.leader?.isThere === true) return;
    const receivers = run.order.awaited.flatMap((source) => (source instanceof WorkerRows ? source.receiver : []));
    const news = this.#news(run);
    const beganAt = performance.now();
    lookHowFar(run);
    if (receivers.length > 0) await waitToReceiveAny(receivers, { news });
    else await waitForNews(news);
    this.#waitMs += performance.now() - beganAt;
  }

  /** What else may happen while one waits for workers. */
  #news(run: OpenRun<Row>): OtherNews {
    const isThere = (): boolean => {
      return run.leader?.isThere === true || run.failure !== undefined || this.#ending !== undefined;
    };
    return {
      get isThere() {
        return isThere();
      },
      listen: (look) => {
        this.#wake = look;
        const stops = [run.leader?.listen(look), run.onFailure(look)];
        return () => {
          this.#wake = undefined;
          for (const stop of stops) stop?.();
        };
      },
    };
  }

  #end(ending: Ending): Promise<void> {
    if (this.#ending === undefined) {
      this.#ending = this.#goToEnd(ending);
      // Whoever asks for a row or for the end awaits it.
      this.#ending.catch(() => {});
      this.#wake?.();
    }
    return this.#ending;
  }

  async #goToEnd(ending: Ending): Promise<void> {
    try {
      const run = await this.#opening;
      if (ending.why === 'failed') throw ending.error;
      if (run === undefined) return;
      for (const { tuples } of run.workers) tuples.detach();
      if (ending.why === 'left') await unlessFailed(run, run.endLeader());
      lookHowFar(run);
      this.#reports = await this.#owner.finish();
    } catch (error) {
      this.#run?.abandonLeader();
      throw await this.#owner.fail(error);
    } finally {
      this.#run?.close();
      this.#isOver = true;
      this.#endedAt = performance.now();
    }
  }
}

/** After a failure there may be nothing to look at: the memory goes with the context. */
function lookHowFar({ failure, progress }: OpenRun<unknown>): void {
  if (failure === undefined) progress.look();
}

function waitForNews(news: OtherNews): Promise<void> {
  return new Promise((resolve) => {
    const unlisten = news.listen(() => {
      if (!news.isThere) return;
      unlisten();
      resolve();
    });
    if (!news.isThere) return;
    unlisten();
    resolve();
  });
}

/** Rejects as soon as there is a failure, whatever becomes of the promise. */
async function unlessFailed(run: OpenRun<unknown>, promise: Promise<void>): Promise<void> {
  let unlisten = (): void => {};
  const failed = new Promise<never>((_resolve, reject) => {
    if (run.failure !== undefined) reject(run.failure);
    unlisten = run.onFailure(() => reject(run.failure));
  });
  await Promise.race([promise, failed]).finally(unlisten);
}

function inUse(detail: string): BgworkerError {
  return new BgworkerError('ERR_ROWS_IN_USE', 'the rows of a run are given once, one after the other', {
    detail,
    hint: 'use one loop for a run and await each next(); for the rows once more, make another run',
  });
}
