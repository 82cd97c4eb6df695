/**
 * The life of a parallel context, behind its face (context.ts): memory is made, workers are launched in it, it is made ready
 * for another launch, and it ends. One step is taken at a time, and its end may come in the middle of any.
 *
 *     new ──initialize──▶ ready ──launch──▶ launched ──reinitialize──▶ ready …          any ──destroy──▶ destroyed
 *
 * Where there can be no shared memory it goes on without workers, in memory of this process alone (R-PAR-2): whoever runs
 * things in parallel does not have to know whether it was possible.
 */
import { BgworkerError } from '../base/index.js';
import type { Client } from '../client/index.js';
import { clientFor } from '../client/index.js';
import type { DsmSegment } from '../dsm/index.js';
import { createSegment } from '../dsm/index.js';
import type { WorkerPlace } from '../protocol/index.js';
import { findWorker, serializeValue } from '../protocol/index.js';
import { ContentsEstimator, checkSharedMemory, TableOfContents } from '../shm/index.js';
import { encodeCommand } from './commandQueue.js';
import { CONTENTS_KEYS } from './contentsKeys.js';
import type { WorkersHome, WorkersWait } from './contextWorkers.js';
import { ContextWorkers, isLoss, whyLost } from './contextWorkers.js';
import type { EntryPoint } from './entryPoint.js';
import { allocateQueues, QUEUE_BYTES } from './errorQueue.js';
import type { ParticipantReport, Progress } from './explain.js';
import { FirstFailure } from './firstFailure.js';
import { checkKind, checkOptions } from './given.js';
import { makePrivateMemory } from './privateMemory.js';
import type { ParallelOptions } from './processOptions.js';
import { PROCESS_NAMES, plannedWorkers, RUN_NAMES, terminateTimeout } from './processOptions.js';

/** Is told how far the worker of a number is. */
export type ProgressListener = (number: number, progress: Progress) => void;

/** What it has from initialize on. */
interface Memory {
  readonly contents: TableOfContents;
  /** Null in private memory. */
  readonly shared: { readonly segment: DsmSegment; readonly workers: ContextWorkers } | null;
  release(): void;
}

type State = 'new' | 'ready' | 'launched' | 'destroyed';

export class ContextLife {
  readonly estimator = new ContentsEstimator();
  readonly planned: number;
  readonly failure = new FirstFailure();
  readonly #entry: EntryPoint<never>;
  readonly #options: ParallelOptions;
  readonly #progressListeners = new Set<ProgressListener>();
  #state: State = 'new';
  /** For how many the next launch is. */
  #wanted: number;
  #memory: Memory | null = null;
  #place: WorkerPlace | null = null;
  /** Why there is only private memory. */
  #whyAlone: string | null = null;
  /** What is under way; never rejects. */
  #step: Promise<void> | null = null;
  #destroying: Promise<void> | null = null;
  /** Ends what is under way. */
  readonly #stop = new AbortController();
  readonly #aborted = (): void => {
    this.failure.set(asError(this.#options.signal?.reason));
    void this.destroy();
  };

  constructor(entry: EntryPoint<never>, options: ParallelOptions) {
    checkKind(entry, 'entryPoint', 'defineEntryPoint');
    checkOptions('ParallelContext', options, { ...RUN_NAMES, ...PROCESS_NAMES });
    this.#entry = entry;
    this.#options = options;
    this.planned = plannedWorkers(options, true);
    terminateTimeout(options);
    this.#wanted = this.planned;
    if (this.planned > 0) this.estimator.addChunk(2 * this.planned * QUEUE_BYTES).addKeys(2);
  }

  get contents(): TableOfContents {
    if (this.#memory === null) throw this.#wrongState('contents');
    return this.#memory.contents;
  }

  get workers(): ContextWorkers | null {
    return this.#memory?.shared?.workers ?? null;
  }

  get segment(): DsmSegment | null {
    return this.#memory?.shared?.segment ?? null;
  }

  get whyFewer(): string | null {
    return this.#whyAlone ?? this.workers?.whyFewer ?? null;
  }

  onProgress(listener: ProgressListener): () => void {
    this.#progressListeners.add(listener);
    return () => void this.#progressListeners.delete(listener);
  }

  /** What is to be thrown where it was noticed that the memory is gone. */
  async whyLost(error: Error): Promise<Error> {
    return this.failure.error ?? (await this.workers?.whyLost(error)) ?? error;
  }

  initialize(): Promise<TableOfContents> {
    return this.#take('initialize', ['new'], async () => {
      this.#options.signal?.throwIfAborted();
      this.#options.signal?.addEventListener('abort', this.#aborted, { once: true });
      this.#memory = await this.#makeMemory();
      this.failure.check();
      this.#state = 'ready';
      return this.#memory.contents;
    });
  }

  launch(arg: unknown): Promise<number> {
    return this.#take('launch', ['ready'], async () => {
      const { workers } = this;
      const bytes = serializeValue(arg, 'arg');
      this.#state = 'launched';
      if (workers === null || this.#place === null) return 0;
      const command = encodeCommand({ ...this.#place, workersPlanned: this.#wanted, arg: bytes });
      const { module } = this.#place;
      return workers.launch({ workers: this.#wanted, command, module }, () => this.failure.check());
    });
  }

  waitToAttach(): Promise<void> {
    return this.#wait('waitToAttach', async () => {
      await this.workers?.wait({ event: 'BgWorkerStartup', isSo: ({ hasAttached }) => hasAttached });
    });
  }

  waitToFinish(): Promise<readonly ParticipantReport[]> {
    return this.#wait('waitToFinish', async () => {
      await this.workers?.wait(THE_FINISH);
      return this.workers?.reports ?? [];
    });
  }

  reinitialize({ workers }: { readonly workers?: number | undefined }): Promise<void> {
    return this.#take('reinitialize', ['ready', 'launched'], async () => {
      const { debugParallel } = this.#options;
      const wanted = workers === undefined ? this.planned : plannedWorkers({ workers, debugParallel }, true);
      await this.workers?.wait(THE_FINISH);
      this.#wanted = Math.min(wanted, this.planned);
      await this.workers?.end(this.#wanted);
      this.failure.check();
      this.#state = 'ready';
    });
  }

  destroy(): Promise<void> {
    this.#destroying ??= this.#destroy();
    return this.#destroying;
  }

  async #destroy(): Promise<void> {
    this.failure.set(
      new BgworkerError('ERR_PARALLEL_CONTEXT_DESTROYED', 'the parallel context was destroyed', {
        hint: 'make another: new ParallelContext(entryPoint, options)',
      }),
    );
    this.#state = 'destroyed';
    this.#options.signal?.removeEventListener('abort', this.#aborted);
    this.#stop.abort(this.failure.error);
    await this.#step;
    await this.workers?.end(0);
    this.#memory?.release();
  }

  async #makeMemory(): Promise<Memory> {
    if (this.planned === 0) return this.#makePrivateMemory();
    this.#place = await findWorker(this.#entry);
    const home = await this.#tryShare();
    if (home === null) return this.#makePrivateMemory();
    const { client, segment } = home;
    const contents = TableOfContents.create(segment.chunk());
    for (const key of [CONTENTS_KEYS.errorQueues, CONTENTS_KEYS.commandQueues]) {
      allocateQueues(contents, key, this.planned);
    }
    const workers = new ContextWorkers({ client, segment, contents }, this.#options, this.failure);
    workers.onProgress((number, progress) => {
      for (const listener of [...this.#progressListeners]) listener(number, progress);
    });
    return { contents, shared: { segment, workers }, release: () => segment.detach() };
  }

  /** Null where it goes on alone. */
  async #tryShare(): Promise<Pick<WorkersHome, 'client' | 'segment'> | null> {
    try {
      // Before a postmaster is started for it.
      checkSharedMemory();
      const client = this.#options.client ?? (await clientFor({ signal: this.#stop.signal }));
      return { client, segment: await this.#createSegment(client) };
    } catch (error) {
      if (!(error instanceof BgworkerError) || !GOES_ON_ALONE.has(error.code)) throw error;
      this.#whyAlone = error.message;
      return null;
    }
  }

  async #createSegment(client: Client): Promise<DsmSegment> {
    try {
      return await createSegment(this.estimator.sizeBytes, { client });
    } catch (error) {
      throw isLoss(error) ? await whyLost(client, error) : error;
    }
  }

  #makePrivateMemory(): Memory {
    return { ...makePrivateMemory(this.estimator.sizeBytes), shared: null };
  }

  /** One step of its life; only one is taken at a time. */
  #take<T>(method: string, from: readonly State[], work: () => Promise<T>): Promise<T> {
    return this.#untilGone(async () => {
      this.failure.check();
      if (!from.includes(this.#state) || this.#step !== null) throw this.#wrongState(method);
      const step = work();
      this.#step = step.then(
        () => {},
        () => {},
      );
      try {
        return await step;
      } finally {
        this.#step = null;
      }
    });
  }

  #wait<T>(method: string, work: () => Promise<T>): Promise<T> {
    return this.#untilGone(async () => {
      // A launch that is under way has more to wait for when it is through.
      await this.#step;
      this.failure.check();
      if (this.#state === 'new') throw this.#wrongState(method);
      return work();
    });
  }

  /** Whoever is told of the abort may rely on it that nothing is left. */
  async #untilGone<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { signal } = this.#options;
      if (signal?.aborted !== true) throw error;
      await this.destroy();
      throw signal.reason;
    }
  }

  #wrongState(method: string): BgworkerError {
    return new BgworkerError('ERR_PARALLEL_CONTEXT_STATE', 'that is not its turn in the life of a parallel context', {
      detail: `${method} of a context that is ${this.#state}${this.#step === null ? '' : ', while it does something else'}`,
      hint: 'initialize(), launch(arg), waitToFinish(), for more reinitialize() and launch(arg) again, then destroy(); await each',
    });
  }
}

const THE_FINISH: WorkersWait = { event: 'ParallelFinish', isSo: ({ report }) => report !== null };

/** R-PAR-2. Lack of room is none of them. */
const GOES_ON_ALONE: ReadonlySet<string> = new Set(['ERR_TOO_MANY_SEGMENTS', 'ERR_NO_KOFFI', 'ERR_NO_SHARED_MEMORY']);

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
