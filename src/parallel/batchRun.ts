/**
 * A run over batches: reads the source, gives parts to whoever takes part, puts answers where they belong, and ends.
 * What comes of it is taken batch by batch (`next`), in the arrangement's order; map.ts and reduce.ts make of that what
 * their users see.
 *
 * What must hold:
 * - Nothing is read or started before the first `next`. One step (`#advance`) follows every fact, be it an answer, a
 *   death, a new item or a batch that was taken, and leaves everybody with as much to do as there is and may be.
 * - Each item has one result, whatever died on the way (verdict.ts).
 * - Whichever way it ends, the processes are gone, or back in their pool, before anybody is told of it.
 */
import { WorkerError, WorkerStartError } from '../client/index.js';
import type { Order } from './arrangement.js';
import { Arrangement } from './arrangement.js';
import type { Part, PartResult } from './batch.js';
import { Batch, comparePlaces, cut, halves } from './batch.js';
import { BatchSize } from './batching.js';
import type { Explanation, Progress } from './explain.js';
import type { Member } from './member.js';
import { Participants } from './participants.js';
import type { Answer, Concerned, PoolProcess } from './poolProcess.js';
import type { Processes } from './poolProcesses.js';
import { RunProgress } from './runProgress.js';
import type { Items } from './source.js';
import { Source } from './source.js';
import type { Verdict } from './verdict.js';
import { hasNoRoom, isOfModule, isQueueFull, judgeDeath } from './verdict.js';

/** How a part is done. */
export interface PartWork {
  /** Before anything is read. Rejects with what ends the run. */
  prepare(): Promise<void>;
  /** Rejects only with what ends the run. */
  inLeader(part: Part, signal: AbortSignal): Promise<Answer>;
  /** Gives how many bytes it sends. Throws what ends the run. */
  inProcess(process: PoolProcess, part: Part, progress: Progress, concerned: Concerned): number;
}

export interface BatchRunOptions {
  readonly items: Items<unknown>;
  readonly work: PartWork;
  /** Asked once, when the run begins. */
  readonly processes: () => Processes;
  readonly planned: number;
  /** With so many processes launched. */
  readonly leaderTakesPart: (launched: number) => boolean;
  readonly order: Order;
  /** Behind the first error of a batch nobody wants anything. */
  readonly stopAtError: boolean;
  /** The items of a batch need not stay together. */
  readonly isDivisible: boolean;
  readonly batchItems: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

/** In a row, without one that began with anything: then it is not what they are given that ends them. */
const MAX_IDLE_DEATHS = 3;

export class BatchRun {
  readonly #options: BatchRunOptions;
  readonly #source: Source<unknown>;
  readonly #participants: Participants;
  readonly #size: BatchSize;
  readonly #arrangement: Arrangement<Batch>;
  readonly #progress: RunProgress;
  /** To be done before anything new is read, in the order of the source. */
  #queue: Part[] = [];
  #itemsRead = 0;
  #idleDeaths = 0;
  #hasTriedForSuspects = false;
  /** An item has failed behind which nobody wants anything: nothing more is read. */
  #hasEnough = false;
  #isAdvancing = false;
  #hasChanged = false;
  #failure: { readonly error: unknown } | undefined;
  #state: 'new' | 'preparing' | 'running' = 'new';
  #ending: Promise<void> | undefined;
  readonly #leaving = new AbortController();
  #wake = (): void => {};
  #startedAt: number | undefined;
  #endedAt: number | undefined;
  readonly #abort = (): void => this.#fail(this.#options.signal?.reason);

  /** Throws `ERR_INVALID_ARGUMENT`. */
  constructor(options: BatchRunOptions) {
    const { items, planned, order, batchItems, onProgress } = options;
    this.#options = options;
    this.#source = new Source(items, () => this.#advance());
    this.#participants = new Participants(planned);
    const participants = Math.max(1, planned);
    this.#size = new BatchSize({ participants, fixed: batchItems });
    this.#arrangement = new Arrangement(order, 2 * participants);
    this.#progress = new RunProgress(
      () => this.#total,
      onProgress,
      (error) => this.#fail(error),
    );
  }

  /** The next batch of results; undefined when there are no more. Rejects with what ended the run. One call at a time. */
  async next(): Promise<Batch | undefined> {
    if (this.#state === 'new' && this.#ending === undefined) this.#begin();
    for (;;) {
      const batch = this.tryNext();
      if (batch !== undefined) return batch;
      if (this.#ending !== undefined || this.#isDone) return this.#last();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Undefined where there is none at the moment. */
  tryNext(): Batch | undefined {
    if (this.#ending !== undefined) return undefined;
    const batch = this.#arrangement.take();
    if (batch !== undefined) this.#advance();
    return batch;
  }

  /** Ends it here. Resolves when the processes are gone, or back in their pool. Safe to repeat. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  /** Null before it has begun. */
  get progress(): Progress | null {
    return this.#state === 'new' ? null : this.#progress.now;
  }

  /** `rows`: what the caller was given. */
  explain(node: string, rows: number): Explanation {
    const { planned, launched, whyFewer, reports } = this.#participants;
    const startedAt = this.#startedAt ?? performance.now();
    return {
      node,
      workersPlanned: planned,
      workersLaunched: launched,
      whyFewer: this.#state === 'new' ? null : whyFewer,
      elapsedMs: (this.#endedAt ?? performance.now()) - startedAt,
      rows,
      participants: reports,
    };
  }

  #begin(): void {
    this.#state = 'preparing';
    this.#startedAt = performance.now();
    const { signal } = this.#options;
    if (signal?.aborted === true) return this.#abort();
    signal?.addEventListener('abort', this.#abort, { once: true });
    void this.#prepare();
  }

  /** A pool that is being closed waits for a run that has its door open, so that comes first. Never rejects. */
  async #prepare(): Promise<void> {
    try {
      this.#participants.open(this.#options.processes(), () => this.#advance());
      await this.#options.work.prepare();
      this.#state = 'running';
      this.#advance();
    } catch (error) {
      this.#fail(error);
    }
  }

  get #total(): number | null {
    return this.#source.hasEnded ? this.#itemsRead : this.#source.total;
  }

  get #isDone(): boolean {
    return this.#source.hasEnded && this.#queue.length === 0 && this.#arrangement.isEmpty;
  }

  async #last(): Promise<undefined> {
    this.#failure ??= this.#source.failure;
    // Of an end that was a failure already, whatever else fails now is not told.
    await this.end().catch((error: unknown) => {
      this.#failure ??= { error };
    });
    const failure = this.#failure;
    // It is thrown once; behind it there is nothing.
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
    return undefined;
  }

  // --- one step ---

  /** A fact that comes while a step is made, from a source that has just been asked, is followed by one more. */
  #advance(): void {
    if (this.#state !== 'running' || this.#ending !== undefined) return;
    this.#hasChanged = true;
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    try {
      while (this.#hasChanged) {
        this.#hasChanged = false;
        this.#admitLeader();
        this.#handOut();
        this.#participants.giveBackIdle();
        this.#startWhereWanted();
        this.#judgeSuspects();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isAdvancing = false;
    }
    this.#wake();
  }

  #handOut(): void {
    for (;;) {
      const waiting = this.#firstWaiting();
      const member = this.#participants.whoMayTake(waiting, this.#size.underWay(this.#source.left));
      if (member === undefined) return;
      const part = waiting ?? this.#read(this.#sizeFor(member));
      if (part === undefined) return;
      if (waiting !== undefined) this.#queue.splice(this.#queue.indexOf(waiting), 1);
      this.#give(member, part);
    }
  }

  /** What ended a process is not for the leader; it goes on with the rest where there is nobody else. */
  #firstWaiting(): Part | undefined {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (!this.#isMoot(first)) break;
      this.#queue.shift();
      this.#settle(first, { values: first.items.map(() => undefined), errors: new Map(), bytes: 0 });
    }
    if (this.#participants.count > 0) return this.#queue[0];
    return this.#queue.find(({ suspectedOf }) => suspectedOf === null);
  }

  #isMoot({ batch, from }: Part): boolean {
    return this.#options.stopAtError && batch.hasFailedBefore(from);
  }

  #sizeFor({ process }: Member): number {
    const isBeside = process === null && this.#participants.count > 0 && this.#options.batchItems === undefined;
    return isBeside ? 1 : this.#size.next(this.#source.left);
  }

  #read(most: number): Part | undefined {
    if (this.#hasEnough || this.#source.hasEnded || !this.#arrangement.mayOpen) return undefined;
    const maxBytes = this.#options.batchItems === undefined ? undefined : Number.POSITIVE_INFINITY;
    const items = this.#source.take(most, maxBytes);
    if (items.length === 0) return undefined;
    const batch = new Batch(this.#arrangement.open(), this.#itemsRead, items);
    this.#itemsRead += items.length;
    return batch.whole;
  }

  #give(member: Member, part: Part): void {
    const { work } = this.#options;
    member.give(part);
    if (member.process === null) {
      work.inLeader(part, this.#leaving.signal).then(
        (answer) => this.#answered(member, part, answer, 0),
        (error: unknown) => this.#fail(error),
      );
      return;
    }
    let sentBytes = 0;
    sentBytes = work.inProcess(member.process, part, this.#progress.now, {
      answered: (answer) => this.#answered(member, part, answer, sentBytes),
      failed: (error, hasBegun) => this.#notAnswered(member, part, hasBegun, error),
    });
  }

  /** For each process there is something to do when it is there. */
  #startWhereWanted(): void {
    if (!this.#participants.mayStart || !this.#participants.areAllBusy) return;
    if (this.#queue.length === 0) {
      const part = this.#read(this.#size.next(this.#source.left));
      if (part === undefined) return;
      this.#queue.push(part);
    }
    this.#participants.start().then(
      () => this.#advance(),
      (error: unknown) => this.#fail(error),
    );
  }

  #admitLeader(): void {
    const { isStarting, mayStart, count, launched } = this.#participants;
    if (count === 0) this.#participants.leaderTakesPart = !isStarting && !mayStart;
    else this.#participants.leaderTakesPart = this.#options.leaderTakesPart(launched);
  }

  /** What ended a process waits for another one, and there is none: when all else is done it is tried once more. */
  #judgeSuspects(): void {
    const { isStarting, mayStart, count, isLeaderBusy } = this.#participants;
    if (count > 0) this.#hasTriedForSuspects = false;
    if (this.#queue.length === 0 || count > 0 || isStarting || mayStart || isLeaderBusy) return;
    if (!this.#hasTriedForSuspects) {
      this.#hasTriedForSuspects = true;
      this.#participants.forgetRefusal();
      return this.#startWhereWanted();
    }
    for (const part of this.#queue.splice(0)) this.#convict(part, part.suspectedOf ?? new Error('no process'));
  }

  // --- what came of a part ---

  #answered(member: Member, part: Part, answer: Answer, sentBytes: number): void {
    if (this.#ending !== undefined) return;
    const done = this.#options.isDivisible ? answer.done : part.items.length;
    member.answered(part, done, answer);
    this.#idleDeaths = 0;
    if (answer.failure !== null && isOfModule(answer.failure)) return this.#fail(answer.failure);
    const isTooMuch = answer.failure !== null || hasNoRoom(answer);
    if (isTooMuch && this.#options.isDivisible && part.items.length > 1) this.#apply(part, { again: halves(part) });
    else {
      const { ms, bytes } = answer;
      this.#size.measured({ items: done, ms, bytes: Math.max(bytes, sentBytes) });
      // Whoever waits behind another one has its items with it.
      const result = { ...answer, bytes: bytes + (sentBytes * done) / part.items.length };
      if (done === part.items.length) this.#settle(part, result);
      else this.#cut(part, result);
    }
    this.#advance();
  }

  /** It took so long that the rest was given back, for whoever is free. */
  #cut(part: Part, answer: Answer): void {
    const { first, result, rest } = cut(part, answer.done, answer);
    this.#settle(first, result);
    this.#apply(part, { again: [rest] });
  }

  #notAnswered(member: Member, part: Part, hasBegun: boolean, error: unknown): void {
    if (this.#ending !== undefined) return;
    member.drop(part);
    if (error instanceof WorkerStartError) this.#notStarted(member, part, error);
    else if (error instanceof WorkerError) {
      // Its parts come in the order in which it was given them: if it had begun with any, then with the first.
      const isNews = this.#participants.remove(member, true);
      if (isNews) this.#idleDeaths = hasBegun ? 0 : this.#idleDeaths + 1;
      if (this.#idleDeaths > MAX_IDLE_DEATHS) return this.#fail(error);
      this.#apply(part, judgeDeath(part, hasBegun, this.#options.isDivisible, error));
    } else if (isQueueFull(error)) {
      // Long items: when one of those before it was taken there is room.
      this.#size.refused();
      this.#apply(part, { again: [part] });
    } else return this.#fail(error);
    this.#advance();
  }

  /** That one cannot start says nothing of an item. Where there are others it is as if it had been refused. */
  #notStarted(member: Member, part: Part, error: WorkerStartError): void {
    this.#participants.remove(member, false);
    if (this.#participants.count === 0) this.#fail(error);
    else this.#apply(part, { again: [part] });
  }

  #apply(part: Part, verdict: Verdict): void {
    if ('failed' in verdict) this.#convict(part, verdict.failed);
    else this.#queue = [...this.#queue, ...verdict.again].sort(comparePlaces);
  }

  #convict(part: Part, error: Error): void {
    this.#settle(part, failedResult(part, error));
  }

  #settle(part: Part, result: PartResult): void {
    const { batch } = part;
    batch.settle(part, result);
    this.#progress.add(part.items.length);
    if (this.#options.stopAtError && result.errors.size > 0) this.#hasEnough = true;
    if (batch.isSettled) this.#arrangement.settle(batch.number, batch, batch.bytes);
  }

  // --- the end ---

  #fail(error: unknown): void {
    if (this.#ending !== undefined) return;
    this.#failure = { error };
    this.end().catch(() => {});
  }

  async #end(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#leaving.abort();
    this.#queue = [];
    const closing = this.#source.close();
    await Promise.allSettled([this.#participants.close(), closing]);
    this.#endedAt = performance.now();
    this.#wake();
    this.#progress.end();
    await closing;
  }
}

function failedResult({ items }: Part, error: Error): PartResult {
  return { values: items.map(() => undefined), errors: new Map(items.map((_, at) => [at, error])), bytes: 0 };
}
