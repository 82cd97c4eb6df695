/**
 * What a caller of `parallelMap` holds: the results, one by one or all together, and what can be told of the run. It is
 * run once; whoever asks for its iterator again goes on where the last one stopped.
 *
 * A result that is there costs no more than a promise that is resolved already: it is taken out of its batch, and
 * nothing else happens. Calls of `next` that do not wait for each other are answered in turn.
 */
import type { Batch } from './batch.js';
import type { BatchRun } from './batchRun.js';
import type { Explanation, Progress } from './explain.js';

/** What came of one item, where errors are given out like results. */
export type MapOutcome<Item, Result> =
  | {
      /** As it came from the source. */
      readonly item: Item;
      /** Its place in the source, from 0. */
      readonly index: number;
      /** What the function returned. */
      readonly value: Result;
      /** Undefined: there is a value. */
      readonly error?: undefined;
    }
  | {
      /** As it came from the source. */
      readonly item: Item;
      /** Its place in the source, from 0. */
      readonly index: number;
      /** What the function threw; `WorkerError` where it ended its process instead. */
      readonly error: Error;
      /** Undefined: there is an error. */
      readonly value?: undefined;
    };

/**
 * A parallel run and its results: `for await (const result of run)`. Nothing happens before the first is asked for, and
 * leaving the loop ends it. It is run once.
 */
export interface ParallelRun<T> extends AsyncIterable<T, undefined>, AsyncDisposable {
  /** All that were not taken yet. Rejects with what ends the run. */
  toArray(): Promise<T[]>;
  /** What it did so far, who took part, and why there were fewer workers than planned. At any time. */
  explain(): Explanation;
  /** Items that are done; null before it has begun. `total` is null where the source does not say how many it has. */
  readonly progress: Progress | null;
}

type Step<T> = IteratorResult<T, undefined>;

const DONE = { done: true, value: undefined } as const;

export interface MapRunOptions {
  readonly run: BatchRun;
  /** Errors are given out, as outcomes; otherwise the first is thrown. */
  readonly yieldsErrors: boolean;
}

export class MapRun<T> implements ParallelRun<T> {
  readonly #run: BatchRun;
  readonly #yieldsErrors: boolean;
  #batch: Batch | undefined;
  #values: readonly unknown[] = [];
  #errors: ReadonlyMap<number, Error> = new Map();
  #at = 0;
  #rows = 0;
  #waiting = 0;
  #lastStep: Promise<unknown> = Promise.resolve();

  constructor({ run, yieldsErrors }: MapRunOptions) {
    this.#run = run;
    this.#yieldsErrors = yieldsErrors;
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return { next: () => this.#next(), return: () => this.#return() };
  }

  toArray(): Promise<T[]> {
    return this.#inTurn(() => this.#rest());
  }

  async #rest(): Promise<T[]> {
    const rows: T[] = [];
    while (await this.#hasMore()) {
      for (; this.#isAtValue; this.#at++) rows.push(this.#row);
      if (this.#isAtError) await this.#throwError();
    }
    this.#rows += rows.length;
    return rows;
  }

  explain(): Explanation {
    return this.#run.explain('Parallel Map', this.#rows);
  }

  get progress(): Progress | null {
    return this.#run.progress;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run.end();
  }

  #next(): Promise<Step<T>> {
    if (this.#waiting > 0 || !this.#isAtValue) return this.#inTurn(() => this.#step());
    return Promise.resolve(this.#take());
  }

  /** Behind those who asked before. */
  #inTurn<R>(take: () => Promise<R>): Promise<R> {
    this.#waiting += 1;
    const step = (this.#waiting > 1 ? this.#lastStep.then(take) : take()).finally(() => {
      this.#waiting -= 1;
    });
    this.#lastStep = step.catch(() => {});
    return step;
  }

  async #step(): Promise<Step<T>> {
    if (!(await this.#hasMore())) return DONE;
    if (this.#isAtError) await this.#throwError();
    return this.#take();
  }

  async #return(): Promise<Step<T>> {
    await this.#run.end();
    this.#open(undefined);
    return DONE;
  }

  /** Takes the next batch where this one is empty. */
  async #hasMore(): Promise<boolean> {
    while (this.#batch === undefined || this.#at >= this.#batch.items.length) {
      const next = await this.#run.next();
      this.#open(next);
      if (next === undefined) return false;
    }
    return true;
  }

  #open(batch: Batch | undefined): void {
    this.#batch = batch;
    this.#values = batch?.values ?? [];
    this.#errors = batch?.errors ?? new Map();
    this.#at = 0;
  }

  get #isAtValue(): boolean {
    return this.#batch !== undefined && this.#at < this.#batch.items.length && !this.#isAtError;
  }

  /** Here the run ends. */
  get #isAtError(): boolean {
    return this.#errors.size > 0 && !this.#yieldsErrors && this.#errors.has(this.#at);
  }

  #take(): Step<T> {
    const value = this.#row;
    this.#at += 1;
    this.#rows += 1;
    return { done: false, value };
  }

  get #row(): T {
    const value = this.#values[this.#at];
    return (this.#yieldsErrors ? this.#outcome(value) : value) as T;
  }

  #outcome(value: unknown): MapOutcome<unknown, unknown> {
    const error = this.#errors.get(this.#at);
    const item = this.#batch?.items[this.#at];
    const index = (this.#batch?.firstIndex ?? 0) + this.#at;
    return error === undefined ? { item, index, value } : { item, index, error };
  }

  /** When the processes are gone; what fails besides is not told. */
  async #throwError(): Promise<never> {
    const error = this.#errors.get(this.#at);
    this.#open(undefined);
    await this.#run.end().catch(() => {});
    throw error;
  }
}
