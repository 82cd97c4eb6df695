/**
 * One worker of a parallel context, as its leader knows it: what it has said in its error queue, and what follows when that
 * queue ends. It does one run after the other, and is idle in between.
 *
 * The queue tells a death at once, and the postmaster tells the reason a little later; only with the reason is it a failure
 * that can be told. A worker that dies while it is idle has failed nobody: it is gone, and the next launch makes another.
 *
 * PostgreSQL: ParallelWorkerInfo, with what HandleParallelMessages does for each.
 */
import { startLongTimer } from '../base/index.js';
import type { BackgroundWorkerHandle } from '../client/index.js';
import { PostmasterDiedError } from '../client/index.js';
import { peerOf } from '../dsm/index.js';
import type { MessageQueue, MessageReceiver, MessageSender, PeerWatch } from '../shm/index.js';
import type { ErrorQueueMessage } from './errorQueue.js';
import { decodeMessage } from './errorQueue.js';
import type { ParticipantReport, Progress } from './explain.js';
import { errorOfWorker, ParallelWorkerError } from './parallelError.js';

/** What a worker is doing. */
type State =
  /** It was started, and has not come to the leader's memory yet. */
  | { readonly state: 'starting' }
  | { readonly state: 'running' }
  /** It has done its run and waits for the next. */
  | { readonly state: 'idle' }
  /** It does nothing more: its error was told, or why it ended is asked for. */
  | { readonly state: 'ending' };

/** Who is told what becomes of it. */
export interface WorkerListener {
  /** Something has changed: whoever waits looks again. */
  changed(): void;
  failed(error: Error): void;
  progressed(number: number, progress: Progress): void;
}

export interface LaunchedWorkerOptions {
  readonly number: number;
  readonly handle: BackgroundWorkerHandle;
  readonly errors: MessageQueue;
  readonly commands: MessageQueue;
  readonly listener: WorkerListener;
}

/** How long an idle worker, or one that has failed, may need for its end before it is killed. */
const END_WITHIN_MS = 5_000;

export class LaunchedWorker {
  readonly number: number;
  readonly handle: BackgroundWorkerHandle;
  readonly peer: PeerWatch;
  readonly #errors: MessageReceiver;
  readonly #commands: MessageSender;
  readonly #listener: WorkerListener;
  #state: State = { state: 'starting' };
  #hadAttached = false;
  #pid: number | null = null;
  #report: ParticipantReport | null = null;
  /** Of the run under way, for messages. */
  #module = '';
  #stopWatching: () => void = () => {};

  constructor({ number, handle, errors, commands, listener }: LaunchedWorkerOptions) {
    this.number = number;
    this.handle = handle;
    this.peer = peerOf(handle);
    this.#listener = listener;
    this.#errors = errors.receiver({ peer: this.peer });
    this.#commands = commands.sender({ peer: this.peer });
  }

  get hasAttached(): boolean {
    return this.#hadAttached;
  }

  /** Null before it has attached. */
  get pid(): number | null {
    return this.#pid;
  }

  /** Of the run that was given last; null before it has finished. */
  get report(): ParticipantReport | null {
    return this.#report;
  }

  /** Whether another run can be given to it. That it lives is asked of the system, which knows it before anybody is told. */
  get isIdle(): boolean {
    return this.#state.state === 'idle' && this.handle.status === 'started' && !this.#errors.isLeft;
  }

  /** Gives it a run. It must be idle, or new. */
  run(command: Uint8Array, module: string): void {
    this.#report = null;
    this.#module = module;
    if (this.#state.state === 'idle') this.#state = { state: 'running' };
    else this.#watch();
    // Whether it has arrived shows in the error queue. A long one waits for the worker to take it.
    this.#commands.send(command).catch(() => {});
  }

  /** Lets it end by itself if it is idle, and ends it otherwise; resolves when it is gone. Never fails. */
  async end(timeoutMs: number): Promise<void> {
    const { state } = this.#state;
    const isEnding = state === 'idle' || state === 'ending';
    this.#stopWatching();
    this.#state = { state: 'ending' };
    try {
      this.#commands.detach();
      this.#errors.detach();
      if (isEnding && (await this.#hasEndedWithin(END_WITHIN_MS))) return;
      await this.handle.terminate({ timeoutMs });
      await this.handle.waitForShutdown();
    } catch {
      // The client was closed, or the connection has failed: the worker's life is tied to it.
    }
  }

  async #hasEndedWithin(ms: number): Promise<boolean> {
    const enough = new AbortController();
    const timer = startLongTimer(ms, () => enough.abort(), { keepsAlive: false });
    try {
      await this.handle.waitForShutdown({ signal: enough.signal });
      return true;
    } catch (error) {
      if (enough.signal.aborted) return false;
      throw error;
    } finally {
      timer.stop();
    }
  }

  #watch(): void {
    this.#stopWatching = this.#errors.watch(
      (bytes) => this.#hear(bytes),
      (how) => this.#queueEnded(how),
    );
  }

  #hear(bytes: Uint8Array): void {
    if (this.#state.state === 'ending') return;
    try {
      this.#take(decodeMessage(bytes));
    } catch (error) {
      // Of whoever is told, or no message of a worker: it knows of nothing, and does not end by itself.
      this.#listener.failed(asError(error));
    }
  }

  #take(message: ErrorQueueMessage): void {
    switch (message.type) {
      case 'attached':
        this.#hadAttached = true;
        this.#pid = message.pid;
        this.#state = { state: 'running' };
        return this.#listener.changed();
      case 'progress':
        return this.#listener.progressed(this.number, message.progress);
      case 'finished':
        this.#report = message.report;
        this.#state = { state: 'idle' };
        return this.#listener.changed();
      case 'error':
        this.#state = { state: 'ending' };
        return this.#listener.failed(errorOfWorker(message.record, this.number, this.#pid));
    }
  }

  #queueEnded(how: unknown): void {
    const { state } = this.#state;
    this.#state = { state: 'ending' };
    if (state === 'ending') return;
    if (state === 'idle') return this.#listener.changed();
    if (how !== 'detached' && !isDeath(how)) return this.#listener.failed(asError(how));
    void this.#tellReason();
  }

  async #tellReason(): Promise<void> {
    try {
      const answer = await this.handle.waitForShutdown();
      if (answer.status === 'postmasterDied') throw new PostmasterDiedError('it died with its parallel workers');
      const { reason } = answer;
      const ended = { workerNumber: this.number, reason, hadAttached: this.#hadAttached, module: this.#module };
      this.#listener.failed(new ParallelWorkerError(ended));
    } catch (error) {
      this.#listener.failed(asError(error));
    }
  }
}

function isDeath(how: unknown): boolean {
  return how instanceof Error && 'code' in how && how.code === 'ERR_PEER_DIED';
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
