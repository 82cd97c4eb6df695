/**
 * The life of a worker, from its job to its last word:
 *
 *   hello (main.ts) ─▶ job ─▶ `loading`, the module is imported ─▶ the export is found ─▶ the argument is read
 *     ─▶ `entered` ─▶ its function runs ─▶ it returned, threw, or obeyed ─▶ said, exit
 *
 * A script has no function: it is entered when it has been evaluated, and has returned when its event loop is empty.
 *
 * Every way out says why before the process ends (lastWords.ts), and every way out goes through `process.exit`, so that
 * exit listeners run and an exit code that the worker set counts. What is said is the worker's part; what becomes of
 * it is decided by the postmaster (core/exitJudgement.ts).
 *
 * Model: StartBackgroundWorker in bgworker.c: load the library, look up the function, call it, exit.
 */
import type { BackgroundWorker } from '../core/index.js';
import type { OrderMessage } from '../protocol/index.js';
import type { Job } from './context.js';
import { Context } from './context.js';
import { LastWords } from './lastWords.js';
import { findFunction } from './moduleExport.js';
import { prepareParts } from './parts.js';
import { PostmasterLine } from './postmasterLine.js';
import { prepareProcess } from './preparation.js';
import { StopRequest } from './stopRequest.js';

/** Node's own code for a wait that cannot end. */
const EXIT_NEVER_SETTLED = 13;

/** What main.ts listens for. */
export type WorkerSignal = 'SIGTERM' | 'SIGHUP';

/** A module that takes longer to load than most must hear of orders and of the postmaster's death meanwhile. */
const LISTEN_AFTER_MS = 20;

/** Which copy of the package this is. */
export interface PackageCopy {
  readonly version: string;
  readonly path: string;
}

type TakeSignals = (handler: (signal: WorkerSignal) => void) => void;

export function runWorker(copy: PackageCopy, takeSignals: TakeSignals): void {
  new Worker(copy, takeSignals);
}

class Worker {
  readonly #copy: PackageCopy;
  readonly #line: PostmasterLine;
  readonly #stop: StopRequest;
  readonly #lastWords: LastWords;
  #state: 'awaitingJob' | 'loading' | 'script' | 'running' = 'awaitingJob';
  #context: Context | null = null;

  constructor(copy: PackageCopy, takeSignals: TakeSignals) {
    this.#copy = copy;
    this.#line = new PostmasterLine({
      told: (message, attachments) => this.#told(message, attachments),
      postmasterDied: () => this.#stop.postmasterDied(),
    });
    this.#stop = new StopRequest({
      onUnheeded: () => this.#obeyAtOnce(),
      listen: () => this.#line.listen(),
    });
    this.#lastWords = new LastWords({
      line: this.#line,
      stop: this.#stop,
      flush: () => this.#context?.flush(),
      isWaiting: () => this.#context?.isWaiting === true,
      onDrained: () => this.#drained(),
    });
    takeSignals((signal) => {
      if (signal === 'SIGTERM') this.#stop.signaled();
      else this.#context?.reload();
    });
    this.#line.readFirst();
  }

  #told(message: OrderMessage, attachments: readonly Uint8Array[]): void {
    switch (message.type) {
      case 'job':
        // Not awaited: what goes wrong in it is an uncaught error, and so is said.
        void this.#work(message, attachments[0] ?? null);
        break;
      case 'terminate':
        this.#stop.ordered(message.order);
        break;
      case 'reload':
        this.#context?.reload();
        break;
      case 'channelClosed':
        this.#context?.channelClosed();
        break;
      case 'channelData':
      case 'channelCredit':
      case 'channelEnd':
        this.#context?.channelMessage(message, attachments[0] ?? null);
        break;
    }
  }

  async #work(job: Job, argument: Uint8Array | null): Promise<void> {
    const { worker } = job;
    const context = new Context(job, this.#line, this.#stop);
    this.#context = context;
    this.#state = 'loading';
    await prepareParts();
    await prepareProcess(job, context);
    context.lendClient(this.#copy, () => this.#state !== 'loading' || worker.functionName === null);
    this.#line.tell({ type: 'loading' });
    const listening = setTimeout(() => void this.#line.listen(), LISTEN_AFTER_MS).unref();
    const namespace = await this.#load(worker);
    clearTimeout(listening);
    if (worker.functionName === null) {
      this.#state = 'script';
      this.#line.tell({ type: 'entered' });
      return this.#line.listen();
    }
    const found = findFunction(namespace, worker.functionName);
    if ('exports' in found) {
      this.#lastWords.say({ word: 'exportMissing', name: worker.functionName, exports: found.exports });
      process.exit(1);
    }
    const arg =
      worker.mainArg.kind === 'none' ? undefined : (await import('./argument.js')).readArgument(job, argument);
    this.#state = 'running';
    this.#line.tell({ type: 'entered' });
    await this.#run(() => found.fn(context.face as never, arg as never), context);
  }

  async #load(worker: BackgroundWorker): Promise<object> {
    try {
      return (await import(worker.module)) as object;
    } catch (error) {
      if (this.#stop.explains(error)) this.#lastWords.sayThrew(error);
      const { judgeImport } = await import('./importFailure.js');
      this.#lastWords.say(judgeImport(error, worker.module));
      process.exit(1);
    }
  }

  async #run(call: () => unknown, context: Context): Promise<void> {
    let value: unknown;
    try {
      value = call();
      // One that has returned already hears nothing more.
      if (typeof value === 'object' && value !== null && 'then' in value) void this.#line.listen();
      value = await value;
    } catch (error) {
      this.#lastWords.sayThrew(error);
      process.exit(1);
    }
    const { serializeResult, warnOfLeftovers } = await import('./returned.js');
    const result = await serializeResult(value);
    warnOfLeftovers(context);
    this.#lastWords.say({ word: 'returned', asked: this.#stop.wasAsked, result });
    process.exit();
  }

  /** Nobody in this process wanted to hear that it should stop. */
  #obeyAtOnce(): void {
    this.#lastWords.say({ word: 'stoppedAsAsked', by: this.#stop.by });
    process.exit(1);
  }

  #drained(): void {
    if (this.#state === 'script') {
      this.#lastWords.say({ word: 'returned', asked: this.#stop.wasAsked, result: null });
      process.exit();
    }
    this.#lastWords.say({ word: 'neverSettled' });
    process.exit(EXIT_NEVER_SETTLED);
  }
}
