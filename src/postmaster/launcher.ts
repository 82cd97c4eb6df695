/**
 * The processes of the workers: starts them, signals them, and turns what they do into events. Which attempt a fact
 * belongs to is fixed when the process is made, so nothing that arrives late can be taken for news of another one.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { unreachable } from '../base/index.js';
import type { AttemptKey, BackgroundWorker, Event, StopOrder, WorkerKey } from '../core/index.js';
import { formatHandle, formatKey } from '../core/index.js';
import type { ChannelMessage, OrderMessage, WorkerMessage } from '../protocol/index.js';
import type { Guardian } from './guardian.js';
import type { Log } from './log.js';
import type { Forwarding } from './output.js';
import type { Settings } from './settings.js';
import { WorkerProcess } from './workerProcess.js';

/** An event without its time: that is added when it is dispatched. */
export type Fact = Event extends infer E ? (E extends Event ? Omit<E, 'at'> : never) : never;

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

const MAIN_PATH = fileURLToPath(new URL('../worker/main.js', import.meta.url));

export class Launcher {
  readonly #options: LauncherOptions;
  /** By worker: one attempt at a time has a process. */
  readonly #processes = new Map<string, WorkerProcess>();

  constructor(options: LauncherOptions) {
    this.#options = options;
    for (const folder of ['args', 'reports']) {
      mkdirSync(join(options.directory, folder), { recursive: true, mode: 0o700 });
    }
  }

  get running(): number {
    return this.#processes.size;
  }

  start(attempt: AttemptKey, worker: BackgroundWorker): void {
    const { settings, epoch, directory, guardian, dispatch } = this.#options;
    const { slot, generation } = attempt;
    const key = { slot, generation, attempt: attempt.attempt };
    let pid = 0;
    const running = new WorkerProcess(
      key,
      worker,
      {
        epoch,
        directory,
        mainPath: MAIN_PATH,
        nodePath: settings.nodePath,
        execArgv: settings.workerExecArgv,
        stdin: settings.workerStdin,
      },
      {
        forked: (forkedPid) => {
          pid = forkedPid;
          guardian.add(pid);
          dispatch({ type: 'workerForked', ...key, pid });
          running.giveJob();
        },
        spawnFailed: (errno, what) => {
          this.#processes.delete(formatKey(key));
          dispatch({ type: 'spawnFailed', ...key, errno, what, jitter: this.#options.chance() });
        },
        heard: (message, attachments) => this.#hear(key, worker, pid, message, attachments),
        said: (saying) => dispatch({ type: 'workerSaid', ...key, saying }),
        babbled: (error) => {
          this.#options.log.say('error', 'a worker says what is no message', {
            worker: worker.name,
            pid,
            err: error.message,
          });
          dispatch({ type: 'channelLost', ...key });
        },
        channelLost: () => dispatch({ type: 'channelLost', ...key }),
        exited: (facts) => {
          this.#processes.delete(formatKey(key));
          guardian.delete(pid);
          this.#options.exited(key);
          dispatch({ type: 'workerExited', ...key, ...facts, jitter: this.#options.chance() });
        },
      },
    );
    this.#processes.set(formatKey(key), running);
    running.start(this.#forwarding(worker));
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

  /** What was kept on disk for the runs of a worker that will never run again. */
  forget(worker: BackgroundWorker): void {
    if (worker.mainArg.kind !== 'file') return;
    rmSync(join(this.#options.directory, 'args', worker.mainArg.file), { force: true });
  }

  #hear(
    key: AttemptKey,
    worker: BackgroundWorker,
    pid: number,
    message: Exclude<WorkerMessage, { type: 'said' }>,
    attachments: readonly Uint8Array[],
  ): void {
    const { dispatch, log, epoch } = this.#options;
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
      case 'log': {
        const who = { worker: worker.name, handle: formatHandle({ epoch, ...key }), workerPid: pid };
        return log.pass(message.level, message.message, { ...message.fields, ...who });
      }
      case 'channelData':
      case 'channelCredit':
      case 'channelEnd':
        return this.#options.channel(key, message, attachments[0]);
      default:
        unreachable(message);
    }
  }

  #forwarding(worker: BackgroundWorker): Forwarding {
    const { settings, log, sinks } = this.#options;
    const { stdout, stderr } = sinks;
    const output = worker.output ?? settings.output;
    switch (output) {
      case 'ignore':
        return { output };
      case 'raw':
        return { output, stdout, stderr };
      case 'inherit':
        return { output, name: worker.name, stdout, stderr };
      case 'log':
        return {
          output,
          onLine: (stream, line) =>
            log.pass(stream === 'stderr' ? 'warn' : 'info', line, { worker: worker.name, stream }),
        };
      default:
        unreachable(output);
    }
  }
}
