/**
 * The processes of the workers: starts them, or gives a spare the job, signals them, and turns what they do into
 * events. Which attempt a fact belongs to is fixed when the process gets its job, so nothing that arrives late can be
 * taken for news of another one.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { unreachable } from '../base/index.js';
import type { AttemptKey, BackgroundWorker, ExitFacts, StopOrder, WorkerKey } from '../core/index.js';
import { formatHandle, formatKey } from '../core/index.js';
import type { ChannelMessage, OrderMessage, SpareRefusal, WorkerMessage } from '../protocol/index.js';
import { introduce } from '../protocol/index.js';
import type { Fact } from './fact.js';
import type { Guardian } from './guardian.js';
import type { Log } from './log.js';
import type { Forwarding } from './output.js';
import type { Processes } from './processes.js';
import type { Settings } from './settings.js';
import { Spares } from './spares.js';
import type { ProcessPlace, WorkerListener } from './workerProcess.js';
import { residentBytes, WorkerProcess } from './workerProcess.js';

export interface LauncherOptions {
  readonly epoch: string;
  readonly directory: string;
  readonly settings: Settings;
  readonly guardian: Guardian;
  readonly log: Log;
  readonly sinks: { readonly stdout: Writable; readonly stderr: Writable };
  /** In [0, 1). */
  chance(): number;
  dispatch(fact: Fact): void;
  /** The worker's side of its channel. */
  channel(key: WorkerKey, message: ChannelMessage, bytes: Uint8Array | undefined): void;
  entered(key: WorkerKey): void;
  exited(key: WorkerKey): void;
}

const MAIN_PATH = fileURLToPath(new URL('../worker/boot.cjs', import.meta.url));

export class Launcher implements Processes {
  readonly #options: LauncherOptions;
  readonly #place: ProcessPlace;
  readonly #spares: Spares;
  /** By worker: one attempt at a time has a process. */
  readonly #processes = new Map<string, WorkerProcess>();
  #output: Settings['output'];

  constructor(options: LauncherOptions) {
    this.#options = options;
    const { epoch, directory, settings, guardian, log, dispatch } = options;
    this.#output = settings.output;
    this.#place = {
      epoch,
      directory,
      introduction: introduce(),
      mainPath: MAIN_PATH,
      nodePath: settings.nodePath,
      execArgv: settings.workerExecArgv,
      stdin: settings.workerStdin,
    };
    const forwarding = (): Forwarding => this.#forwarding(null, 'spare');
    this.#spares = new Spares({ place: this.#place, guardian, log, forwarding, dispatch });
    for (const folder of ['args', 'reports']) {
      mkdirSync(join(options.directory, folder), { recursive: true, mode: 0o700 });
    }
  }

  adopt({ output }: Settings): void {
    this.#output = output;
  }

  get running(): number {
    return this.#processes.size;
  }

  start({ slot, generation, attempt }: AttemptKey, worker: BackgroundWorker): void {
    const key = { slot, generation, attempt };
    const running = new WorkerProcess(this.#place, {
      ...this.#listenTo(key, worker),
      forked: (pid) => {
        this.#options.guardian.add(pid);
        this.#options.dispatch({ type: 'workerForked', ...key, pid });
        running.giveJob(key, worker);
      },
    });
    this.#processes.set(formatKey(key), running);
    running.start(worker, this.#forwarding(worker.output, worker.name));
  }

  startSpare(spare: number, preload: readonly string[]): void {
    this.#spares.start(spare, preload);
  }

  endSpare(spare: number, isStuck: boolean): void {
    this.#spares.end(spare, isStuck);
  }

  /** Until it takes the job, nothing that the process does is the worker's doing. */
  giveJob({ slot, generation, attempt }: AttemptKey, worker: BackgroundWorker, spare: number): void {
    const key = { slot, generation, attempt };
    const running = this.#spares.take(spare);
    if (running === undefined)
      return this.#spareLost(key, { code: null, signal: null, output: '', outOfMemory: false });
    this.#processes.set(formatKey(key), running);
    const listener = this.#listenTo(key, worker);
    let hasTaken = false;
    let refused: SpareRefusal | null = null;
    running.become(
      {
        ...listener,
        heard: (message, attachments) => {
          if (message.type === 'refused') {
            refused = message.because;
            return running.kill();
          }
          if (message.type === 'loading') hasTaken = true;
          // What it logs on the way there is the worker's.
          if (hasTaken || message.type === 'log') listener.heard(message, attachments);
        },
        said: (saying) => {
          if (hasTaken) listener.said(saying);
        },
        exited: (facts) => (hasTaken ? listener.exited(facts) : this.#notTaken(key, worker, refused, facts)),
      },
      this.#forwarding(worker.output, worker.name),
    );
    running.giveJob(key, worker);
  }

  /** The message first: when the signal comes, the worker already knows who sent it and why. */
  askToStop(key: WorkerKey, order: StopOrder): void {
    const running = this.#processes.get(formatKey(key));
    running?.order({ type: 'terminate', order });
    running?.signal('SIGTERM');
  }

  kill(key: WorkerKey): void {
    this.#processes.get(formatKey(key))?.kill();
  }

  order(key: WorkerKey, message: OrderMessage, attachments: readonly Uint8Array[] = []): void {
    this.#processes.get(formatKey(key))?.order(message, attachments);
  }

  orderAll(message: OrderMessage): void {
    for (const running of this.#processes.values()) running.order(message);
  }

  measureMemory({ slot, generation, attempt }: AttemptKey, pid: number): void {
    const rssBytes = residentBytes(pid);
    if (rssBytes === undefined) return;
    this.#options.dispatch({ type: 'memoryMeasured', slot, generation, attempt, rssBytes });
  }

  /** What was kept on disk for the runs of a worker that will never run again. */
  forget(worker: BackgroundWorker): void {
    if (worker.mainArg.kind !== 'file') return;
    rmSync(join(this.#options.directory, 'args', worker.mainArg.file), { force: true });
  }

  #listenTo(key: AttemptKey, worker: BackgroundWorker): WorkerListener {
    const { dispatch, log } = this.#options;
    return {
      forked: () => {},
      spawnFailed: (errno, what) => {
        this.#processes.delete(formatKey(key));
        dispatch({ type: 'spawnFailed', ...key, errno, what, jitter: this.#options.chance() });
      },
      heard: (message, attachments) => this.#hear(key, worker, message, attachments),
      said: (saying) => dispatch({ type: 'workerSaid', ...key, saying }),
      babbled: (error) => {
        log.say('error', 'a worker says what is no message', { ...this.#whoIs(key, worker), err: error.message });
        dispatch({ type: 'channelLost', ...key });
      },
      channelLost: () => dispatch({ type: 'channelLost', ...key }),
      misheard: (error) => {
        const fields = { ...this.#whoIs(key, worker), err: `${error.message}: ${error.detail}` };
        log.say('warn', 'a worker of another version says what this one does not know', fields);
      },
      exited: (facts) => {
        this.#bury(key);
        this.#options.exited(key);
        dispatch({ type: 'workerExited', ...key, ...facts, jitter: this.#options.chance() });
      },
    };
  }

  /** A spare that was given the job is gone, and has done nothing of it. */
  #notTaken(key: AttemptKey, worker: BackgroundWorker, refused: SpareRefusal | null, facts: ExitFacts): void {
    const { dispatch, log } = this.#options;
    const pid = this.#bury(key);
    if (refused?.why === 'system') {
      const { errno, what } = refused;
      this.#options.exited(key);
      return dispatch({ type: 'spawnFailed', ...key, errno, what, jitter: this.#options.chance() });
    }
    if (refused?.why === 'stale') {
      log.say('info', 'a preloaded file has changed; all spares are replaced', { file: refused.file });
      dispatch({ type: 'sparesStale' });
    } else {
      const how = facts.signal ?? `exit ${facts.code}`;
      log.say('warn', 'a spare died before it took its job; a new process does it', { worker: worker.name, pid, how });
    }
    this.#spareLost(key, facts);
  }

  #spareLost(key: AttemptKey, facts: ExitFacts): void {
    this.#options.dispatch({ type: 'workerExited', ...key, ...facts, jitter: this.#options.chance() });
    // A process is being made for this attempt by now; or it has ended, and what was sent to it is for no other.
    if (this.#processes.get(formatKey(key))?.attempt !== key.attempt) this.#options.exited(key);
  }

  /** Its process is gone. Gives which it was. */
  #bury(key: AttemptKey): number | undefined {
    const { pid } = this.#processes.get(formatKey(key)) ?? {};
    this.#processes.delete(formatKey(key));
    if (pid !== undefined) this.#options.guardian.delete(pid);
    return pid;
  }

  #whoIs(key: AttemptKey, worker: BackgroundWorker): object {
    const { pid } = this.#processes.get(formatKey(key)) ?? {};
    return { worker: worker.name, handle: formatHandle({ epoch: this.#options.epoch, ...key }), workerPid: pid };
  }

  #hear(
    key: AttemptKey,
    worker: BackgroundWorker,
    message: Exclude<WorkerMessage, { type: 'said' }>,
    attachments: readonly Uint8Array[],
  ): void {
    const { dispatch, log } = this.#options;
    switch (message.type) {
      case 'hello':
        return dispatch({ type: 'runtimeUp', ...key });
      case 'idle':
      case 'refused':
        return;
      case 'loading':
        return dispatch({ type: 'moduleLoading', ...key });
      case 'entered':
        dispatch({ type: 'functionEntered', ...key });
        return this.#options.entered(key);
      case 'ready':
        return dispatch({ type: 'readyReported', ...key });
      case 'progress':
        return dispatch({ type: 'progressReported', ...key, done: message.done, total: message.total });
      case 'waitEvent':
        return dispatch({ type: 'waitEventTold', ...key, event: message.event });
      case 'log':
        return log.pass(message.level, message.message, { ...message.fields, ...this.#whoIs(key, worker) });
      case 'channelData':
      case 'channelCredit':
      case 'channelOffer':
      case 'channelMove':
      case 'channelStay':
      case 'channelEnd':
        return this.#options.channel(key, message, attachments[0]);
      default:
        unreachable(message);
    }
  }

  #forwarding(own: BackgroundWorker['output'], name: string): Forwarding {
    const { log, sinks } = this.#options;
    const { stdout, stderr } = sinks;
    const output = own ?? this.#output;
    switch (output) {
      case 'ignore':
        return { output };
      case 'raw':
        return { output, stdout, stderr };
      case 'inherit':
        return { output, name, stdout, stderr };
      case 'log':
        return {
          output,
          onLine: (stream, line) => log.pass(stream === 'stderr' ? 'warn' : 'info', line, { worker: name, stream }),
        };
      default:
        unreachable(output);
    }
  }
}
