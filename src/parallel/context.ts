/**
 * Several workers and their leader over one piece of shared memory, as PostgreSQL runs a parallel query: the low level on
 * which `gather` stands. Here is what one has in the hand; what it does is in contextLife.ts and contextWorkers.ts.
 *
 * One that is forgotten and never destroyed keeps no process alive. When it is garbage it is destroyed, with a warning.
 *
 * PostgreSQL: ParallelContext, src/backend/access/transam/parallel.c.
 */
import type { DsmSegment } from '../dsm/index.js';
import type { ContentsEstimator, TableOfContents } from '../shm/index.js';
import type { ProgressListener } from './contextLife.js';
import { ContextLife } from './contextLife.js';
import type { EntryPoint } from './entryPoint.js';
import type { ParticipantReport } from './explain.js';
import type { LaunchedWorker } from './launchedWorker.js';
import type { ParallelOptions } from './processOptions.js';

/** R-PAR-1. */
const leaks = new FinalizationRegistry<ContextLife>((life) => {
  process.emitWarning('leaked parallel context', {
    detail: 'it was never destroyed, and is now: await using, or destroy() in a finally',
  });
  void life.destroy();
});

/**
 * Runs an entry point in several workers at once, over shared memory. In order: add what you need to `estimator`,
 * `initialize`, put your state into `contents`, `launch`, work, `waitToFinish`, read results, `destroy`; for another round
 * with the same processes `reinitialize` and `launch` again. Right with any number of workers, down to none.
 *
 * What a worker's function throws is thrown by the next wait, or by the one under way. After that it can only be destroyed.
 * PostgreSQL: ParallelContext.
 */
export class ParallelContext<Arg = void> implements AsyncDisposable {
  readonly #life: ContextLife;

  /** Plans the workers, and makes nothing yet. Throws `ERR_INVALID_ARGUMENT`. PostgreSQL: CreateParallelContext. */
  constructor(entry: EntryPoint<Arg>, options: ParallelOptions = {}) {
    this.#life = new ContextLife(entry, options);
    leaks.register(this, this.#life, this);
  }

  /** How large the memory will be. Add your parts and keys before `initialize`. PostgreSQL: pcxt->estimator. */
  get estimator(): ContentsEstimator {
    return this.#life.estimator;
  }

  /** How many workers were wanted. */
  get workersPlanned(): number {
    return this.#life.planned;
  }

  /** How many the last `launch` has given its run to. */
  get workersLaunched(): number {
    return this.#life.workers?.launched ?? 0;
  }

  /** Why these are fewer than were wanted: the postmaster's refusal, or why there is no shared memory. Null otherwise. */
  get whyFewer(): string | null {
    return this.#life.whyFewer;
  }

  /** What all participants share, from `initialize` on. Throws `ERR_PARALLEL_CONTEXT_STATE` before. */
  get contents(): TableOfContents {
    return this.#life.contents;
  }

  /**
   * Makes the memory. Where there can be no shared memory, or there are too many segments, it is this process's own, and no
   * worker will be launched. Too little room is an error: `ERR_NO_ROOM_FOR_SEGMENT`. Also throws what finding the postmaster
   * does, and `ERR_WORKER_NOT_EXPORTED`. PostgreSQL: InitializeParallelDSM.
   */
  async initialize(): Promise<TableOfContents> {
    return this.#whileHeld(this.#life.initialize());
  }

  /**
   * Gives the workers a run: those of an earlier launch that live, and new ones up to the first refusal. Says how many there
   * are, which may be none; they may not have started yet. Throws `ERR_NOT_SERIALIZABLE`, and what registering throws, except
   * for a refusal. PostgreSQL: LaunchParallelWorkers.
   */
  async launch(arg: Arg): Promise<number> {
    return this.#whileHeld(this.#life.launch(arg));
  }

  /**
   * Resolves when all launched workers have come to the memory. Throws as `waitToFinish`.
   * PostgreSQL: WaitForParallelWorkersToAttach.
   */
  async waitToAttach(): Promise<void> {
    return this.#whileHeld(this.#life.waitToAttach());
  }

  /**
   * Resolves when all launched workers have done their run, with what is known of it. Throws at the first failure: what a
   * worker's function threw; `ParallelWorkerError` for one that ended otherwise; `PostmasterDiedError`; and, when all workers
   * are gone, the reason of an aborted signal. Safe to repeat. PostgreSQL: WaitForParallelWorkersToFinish.
   */
  async waitToFinish(): Promise<readonly ParticipantReport[]> {
    return this.#whileHeld(this.#life.waitToFinish());
  }

  /**
   * Waits for the end of the run and makes ready for the next: workers that live wait for it, dead ones are replaced then.
   * With `workers` the next launch is for so many, at most those planned at first; the others are let go. What lies in
   * `contents` stays. Throws as `waitToFinish`. PostgreSQL: ReinitializeParallelDSM, ReinitializeParallelWorkers.
   */
  async reinitialize(options: { readonly workers?: number | undefined } = {}): Promise<void> {
    return this.#whileHeld(this.#life.reinitialize(options));
  }

  /**
   * Ends everything, at any moment: idle workers are let go, others killed, the memory given back. Resolves when all are
   * gone; what waits rejects with `ERR_PARALLEL_CONTEXT_DESTROYED`. Never fails, safe to repeat.
   * PostgreSQL: DestroyParallelContext.
   */
  async destroy(): Promise<void> {
    leaks.unregister(this);
    return this.#whileHeld(this.#life.destroy());
  }

  /** The same as `destroy()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }

  /** Null without shared memory. @internal */
  get segment(): DsmSegment | null {
    return this.#life.segment;
  }

  /** Who was given the last run; in the order of their numbers, which may have gaps. @internal */
  get run(): readonly LaunchedWorker[] {
    return this.#life.workers?.run ?? [];
  }

  /** The first failure, as soon as it is known. @internal */
  get failure(): Error | undefined {
    return this.#life.failure.error;
  }

  /** What is to be thrown where it was noticed that the memory is gone. @internal */
  async whyLost(error: Error): Promise<Error> {
    return this.#whileHeld(this.#life.whyLost(error));
  }

  /** Calls once, at the first failure to come. Gives back how to stop listening. @internal */
  onFailure(listener: (error: Error) => void): () => void {
    return this.#life.failure.listen(listener);
  }

  /** Calls when a worker has said how far it is. Gives back how to stop listening. @internal */
  onProgress(listener: ProgressListener): () => void {
    return this.#life.onProgress(listener);
  }

  /** It is no garbage as long as somebody waits for it, though nobody else may have it. */
  async #whileHeld<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } finally {
      void this.#life;
    }
  }
}
