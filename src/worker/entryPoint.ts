/**
 * The life of a worker, from its job to its last word:
 *
 *   hello (main.ts) ─▶ job ─▶ `loading`, the module is imported ─▶ the export is found ─▶ the argument is read
 *     ─▶ `entered` ─▶ its function runs ─▶ it returned, threw, or obeyed ─▶ said, exit
 *
 * A spare is told so instead of being given a job, and gets its job later (spare.ts); from `loading` on, both are one.
 *
 * A script has no function: it is entered when it has been evaluated, and has returned when its event loop is empty.
 *
 * Every way out says why before the process ends (lastWords.ts), and every way out goes through `process.exit`, so that
 * exit listeners run and an exit code that the worker set counts. What is said is the worker's part; what becomes of
 * it is decided by the postmaster (core/exitJudgement.ts).
 *
 * Model: StartBackgroundWorker in bgworker.c: load the library, look up the function, call it, exit.
 */

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { OrderMessage, Version } from '../protocol/index.js';
import type { Job, PackageCopy } from './context.js';
import { Context, lendClient } from './context.js';
import { exportNames, findFunction } from './exported.js';
import { LastWords } from './lastWords.js';
import { keepAll, keepParts, prepareParts } from './parts.js';
import { decodeOrder, encodeWords, PostmasterLine } from './postmasterLine.js';
import type { Surroundings } from './rehearsal.js';
import type { Before } from './returned.js';
import type { Spare } from './spare.js';
import { StopRequest } from './stopRequest.js';

/** Node's own code for a wait that cannot end. */
const EXIT_NEVER_SETTLED = 13;

/** What main.ts listens for. */
export type WorkerSignal = 'SIGTERM' | 'SIGHUP';

/** A module that takes longer to load than most must hear of orders and of the postmaster's death meanwhile. */
const LISTEN_AFTER_MS = 20;

/** What main.ts has made ready. */
export interface Boot extends PackageCopy {
  /** The handler gets the signals that came before it, too. */
  readonly takeSignals: (handler: (signal: WorkerSignal) => void) => void;
  /** Of stdout and stderr. */
  readonly countUsedStreams: () => number;
}

export function runWorker(boot: Boot): void {
  new Worker(boot);
}

class Worker {
  readonly #boot: Boot;
  readonly #line: PostmasterLine;
  readonly #stop: StopRequest;
  readonly #lastWords: LastWords;
  readonly #run: Run;
  #state: 'awaitingJob' | 'preloading' | 'idle' | 'atWork' = 'awaitingJob';
  #spare: Spare | null = null;

  constructor(boot: Boot) {
    this.#boot = boot;
    this.#line = new PostmasterLine({
      told: (message, attachments) => this.#told(message, attachments),
      postmasterDied: () => this.#stop.postmasterDied(),
      isSpare: () => this.#isSpare,
    });
    this.#stop = new StopRequest({
      onUnheeded: () => this.#obeyAtOnce(),
      isSpare: () => this.#isSpare,
      listen: () => this.#line.listen(),
    });
    this.#lastWords = new LastWords({
      line: this.#line,
      stop: this.#stop,
      flush: () => this.#run.context?.flush(),
      isWaiting: () => this.#state === 'awaitingJob' || this.#state === 'idle' || this.#run.context?.isWaiting === true,
      onDrained: () => this.#drained(),
    });
    // Without an argument it leaves the exit code that the worker set; undefined would be one.
    const exit = (...code: [] | [number]): never => process.exit(...code);
    this.#run = new Run({ boot, line: this.#line, stop: this.#stop, lastWords: this.#lastWords, exit });
    boot.takeSignals((signal) => {
      if (signal === 'SIGTERM') this.#stop.signaled();
      else this.#run.context?.reload();
    });
    this.#line.readFirst();
  }

  get #isSpare(): boolean {
    return this.#state === 'preloading' || this.#state === 'idle';
  }

  #told(message: OrderMessage, attachments: readonly Uint8Array[]): void {
    switch (message.type) {
      case 'job':
        this.#serve(message.postmaster, () => this.#work(message, attachments[0] ?? null));
        break;
      case 'spare':
        // Not awaited, neither this nor the work: what goes wrong in it is an uncaught error, and so is said.
        this.#serve(message.postmaster, () => void this.#beSpare(message.preload));
        break;
      case 'rehearsal':
        break;
      case 'terminate':
        this.#stop.ordered(message.order);
        break;
      case 'reload':
        this.#run.context?.reload();
        break;
      case 'channelClosed':
        this.#run.context?.channelClosed();
        break;
      case 'channelData':
      case 'channelCredit':
      case 'channelEnd':
      case 'channelOffer':
      case 'channelMove':
      case 'channelStay':
        this.#run.context?.channelMessage(message, attachments[0] ?? null);
        break;
    }
  }

  /** Our files may be newer than the postmaster, or older. */
  #serve(postmaster: Version, begin: () => void): void {
    if (postmaster.package === this.#boot.version) begin();
    else void this.#judge(postmaster, begin);
  }

  /** One that we do not fit knows it by our hello, and is about to kill us: until then nothing may be done. */
  async #judge(postmaster: Version, begin: () => void): Promise<void> {
    const { mayTalk } = await import('../protocol/index.js');
    const { protocol, version } = this.#boot;
    if (!mayTalk(postmaster, { protocol, package: version })) process.exit(1);
    begin();
  }

  async #beSpare(preload: readonly string[]): Promise<void> {
    this.#state = 'preloading';
    // From here on the postmaster's death is heard, however long a module loads.
    await this.#line.listen();
    const { Spare } = await import('./spare.js');
    const bootFile = { Run, StopRequest, decodeOrder, encodeWords, keepAll, lendClient };
    const spare = new Spare(this.#boot, bootFile, preload);
    this.#spare = spare;
    await spare.prepare();
    for (const module of preload) await this.#run.load(module);
    await spare.settle();
    this.#state = 'idle';
    this.#line.tell({ type: 'idle' });
    this.#line.awaitMessage();
  }

  #work(job: Job, argument: Uint8Array | null): void {
    const refusal = this.#spare?.takeOn(job);
    if (refusal !== undefined) {
      this.#lastWords.refuse(refusal);
      process.exit(0);
    }
    this.#state = 'atWork';
    void this.#run.work(job, argument, this.#spare?.before ?? NOTHING_BEFORE);
  }

  /** Nobody in this process wanted to hear that it should stop. */
  #obeyAtOnce(): void {
    this.#lastWords.say({ word: 'stoppedAsAsked', by: this.#stop.by });
    process.exit(1);
  }

  #drained(): void {
    if (this.#run.isEvaluatedScript) {
      this.#lastWords.say({ word: 'returned', asked: this.#stop.wasAsked, result: null });
      process.exit();
    }
    this.#lastWords.say({ word: 'neverSettled' });
    process.exit(EXIT_NEVER_SETTLED);
  }
}

/** From the job to the last word. */
class Run {
  readonly #boot: Surroundings['boot'];
  readonly #line: Surroundings['line'];
  readonly #stop: StopRequest;
  readonly #lastWords: Surroundings['lastWords'];
  readonly #exit: Surroundings['exit'];
  #state: 'none' | 'loading' | 'script' | 'running' = 'none';
  #context: Context | null = null;

  constructor({ boot, line, stop, lastWords, exit }: Surroundings) {
    this.#boot = boot;
    this.#line = line;
    this.#stop = stop;
    this.#lastWords = lastWords;
    this.#exit = exit;
  }

  /** Null before there is a job. */
  get context(): Context | null {
    return this.#context;
  }

  get isEvaluatedScript(): boolean {
    return this.#state === 'script';
  }

  async work(job: Job, argument: Uint8Array | null, before: Before): Promise<void> {
    const { worker } = job;
    const context = new Context(job, this.#line, this.#stop);
    this.#context = context;
    this.#state = 'loading';
    // An await where nothing is to be waited for lets everything else go first, which a start from a spare would feel.
    const preparing = prepareParts();
    if (preparing !== undefined) await preparing;
    prepareProcess(job);
    if (worker.nice !== 0) await takePriority(worker.nice, context);
    context.lendClient(this.#boot, () => this.#state !== 'loading' || worker.functionName === null);
    this.#line.tell({ type: 'loading' });
    const listening = setTimeout(() => void this.#line.listen(), LISTEN_AFTER_MS).unref();
    const namespace = await this.load(worker.module);
    clearTimeout(listening);
    if (worker.functionName === null) {
      this.#state = 'script';
      this.#line.tell({ type: 'entered' });
      return this.#line.listen();
    }
    const fn = findFunction(namespace, worker.functionName);
    if (fn === undefined) {
      this.#lastWords.say({ word: 'exportMissing', name: worker.functionName, exports: exportNames(namespace) });
      return this.#exit(1);
    }
    const arg =
      worker.mainArg.kind === 'none'
        ? undefined
        : (await import('./argument.js')).readArgument(worker, job.directory, argument);
    this.#state = 'running';
    keepParts();
    this.#line.tell({ type: 'entered' });
    await this.#call(() => fn(context.face as never, arg as never), context, before);
  }

  async load(module: string): Promise<object> {
    try {
      return (await import(module)) as object;
    } catch (error) {
      if (this.#stop.explains(error)) this.#lastWords.sayThrew(error);
      const { judgeImport } = await import('./importFailure.js');
      this.#lastWords.say(judgeImport(error, module));
      return this.#exit(1);
    }
  }

  async #call(call: () => unknown, context: Context, before: Before): Promise<void> {
    let value: unknown;
    try {
      value = call();
      // One that has returned already hears nothing more.
      if (typeof value === 'object' && value !== null && 'then' in value) void this.#line.listen();
      value = await value;
    } catch (error) {
      await import('../protocol/index.js'); // What makes a record of it: surely there then (lastWords.ts).
      this.#lastWords.sayThrew(error);
      return this.#exit(1);
    }
    const { serializeResult, warnOfLeftovers } = await import('./returned.js');
    const result = await serializeResult(value);
    await warnOfLeftovers({
      log: () => context.log,
      countPipesOfOurs: () => this.#boot.countUsedStreams() + context.connections,
      unsentMessages: context.unsentMessages,
      before,
    });
    this.#lastWords.say({ word: 'returned', asked: this.#stop.wasAsked, result });
    this.#exit();
  }
}

const NOTHING_BEFORE: Before = { open: [], pipesOfOurs: 0 };

/** Makes the process that of a certain worker: what it leaves when its heap is exhausted, its title, its priority. */
function prepareProcess({ worker, handle, attempt, directory }: Job): void {
  reportFatalErrors(`${directory}/reports`, `${handle.slot}-${handle.generation}-${attempt}.json`);
  process.title = `bgworker: ${printable(worker.name)}`;
  if (worker.functionName === null) {
    // A script finds itself as if it had been started by hand. A module does not: one that compares argv[1] with its
    // own path, to see whether it is the program, is right to find that it is not.
    process.argv = [process.argv[0] ?? process.execPath, fileURLToPath(worker.module), ...worker.args];
  }
}

/** A title is shown by other programs; a name may not write on their terminals. Most names are plain, which is quick to see. */
function printable(name: string): string {
  return /^[ -~]*$/.test(name) ? name : name.replace(/\p{C}+/gu, ' ');
}

async function takePriority(nice: number, context: Context): Promise<void> {
  try {
    await setPriority(nice);
  } catch (error) {
    context.log.warn({ err: error as Error, nice }, 'its priority could not be set; it runs without');
  }
}

/**
 * Linux keeps a priority for each thread, and those that a spare has made by now (Node's for files, V8's) inherit no
 * more. Others have one for the process.
 */
async function setPriority(nice: number): Promise<void> {
  const { setPriority: setOf } = await import('node:os');
  const threads = process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [0];
  for (const thread of threads) setOf(thread, nice);
}

/** Settings newer than the oldest Node. */
interface NewerReport {
  excludeNetwork?: boolean;
  excludeEnv?: boolean;
}

/**
 * Asks Node to leave a diagnostic report when it has to give up, so that the postmaster can tell an exhausted heap
 * (`trigger: OOMError`) from any other abort without reading stderr. The postmaster reads the file and removes it.
 */
function reportFatalErrors(directory: string, filename: string): void {
  const { report } = process;
  if (report === undefined) return;
  report.directory = directory;
  report.filename = filename;
  report.reportOnFatalError = true;
  const newer = report as NewerReport;
  // Looking up the name of every open connection's other end could take seconds.
  if ('excludeNetwork' in report) newer.excludeNetwork = true;
  // A worker's environment may hold secrets, and files outlive processes.
  if ('excludeEnv' in report) newer.excludeEnv = true;
}
