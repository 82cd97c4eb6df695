/**
 * A handle: what whoever registered a background worker, or was given the handle's text, knows it by. It answers from
 * what was last told (`status`, `pid`, `reason`), asks (`getPid`), waits, and gives orders.
 *
 * The rules of waiting, none of which depends on being quick:
 * - Attempts to start the worker are counted from 1, and each ends in one death. A status says how many there were of
 *   both, so a handle can tell for which of them it has answered, whatever it missed in between.
 * - `waitForStartup` answers for the newest attempt this handle has not answered for. If there is none, it waits for
 *   the one under way or next to come. A worker that runs now is started, one that ended for good stopped, at once.
 * - `waitForShutdown({ until: 'nextDeath' })` answers for the next death this handle has not answered for; a wait for
 *   a startup that answered `stopped` has answered for that death. Who registered the worker is owed all its deaths,
 *   whoever found it those behind the reply that showed it to him, also if they came before he had the handle.
 *
 * Model: BackgroundWorkerHandle, GetBackgroundWorkerPid, WaitForBackgroundWorkerStartup, …Shutdown and
 * TerminateBackgroundWorker in bgworker.c; R-API-1 to R-API-51. Beyond it: started means that the worker's function was
 * entered (R-API-2), stopped says why (R-API-3), and a restartable worker whose attempt failed answers (R-PM-23).
 */
import { assert, BgworkerError } from '../base/index.js';
import type { Phase, StartedFrom, WorkerStatus } from '../core/index.js';
import { MAX_INTERVAL_MS } from '../core/index.js';
import type { Backend, Named } from './backend.js';
import type { WorkerChannel } from './channel.js';
import { errorOfEnd } from './connection.js';
import { PostmasterDiedError } from './errors.js';
import { EventBuffer } from './eventBuffer.js';
import type { MemoryLink } from './memoryLink.js';
import { linkToPeer } from './memoryLink.js';
import { readResult } from './result.js';
import { waitFor } from './waiting.js';
import type { Progress, WatchedWorker } from './watchedWorker.js';
import type {
  HandleStatus,
  PostmasterDied,
  Started,
  Stopped,
  Told,
  WorkerEvent,
  WorkerStopReason,
} from './workerState.js';
import { describeReason, hasReached } from './workerState.js';

/** For what a wait for a startup waits, and how long. */
export interface WaitForStartupOptions {
  /**
   * What counts as started. `'forked'`: there is a process, as in PostgreSQL. `'running'`: its function was entered.
   * `'ready'`: it called `ctx.ready()`. Default `'running'`.
   */
  readonly until?: 'forked' | 'running' | 'ready';
  /** Ends the wait with its reason, and says nothing about the worker, which is untouched. */
  readonly signal?: AbortSignal | undefined;
}

/** For what a wait for a shutdown waits, and how long. */
export interface WaitForShutdownOptions {
  /** `'end'`: nothing more will happen to it. `'nextDeath'`: the next end of an attempt. Default `'end'`. */
  readonly until?: 'end' | 'nextDeath';
  /** Ends the wait with its reason, and says nothing about the worker, which is untouched. */
  readonly signal?: AbortSignal | undefined;
}

/** How much time the worker has. */
export interface TerminateOptions {
  /** From being asked to stop to SIGKILL; 0 means SIGKILL at once. Default: the worker's own terminateTimeoutMs. */
  readonly timeoutMs?: number;
  /** Ends the wait for the postmaster's answer with its reason; the order may have been given. */
  readonly signal?: AbortSignal | undefined;
}

/** Whatever takes time can be called off. */
export interface SignalOption {
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What `getPid` answers: PostgreSQL's status, and the process while there is one that was started. */
export type PidAnswer = Started | NotStarted;

/** It has no process that was started. */
export interface NotStarted {
  /** Which of the three. */
  readonly status: 'notYetStarted' | 'stopped' | 'postmasterDied';
  /** None. */
  readonly pid: null;
}

/** What `waitForStartup` answers. */
export type StartupAnswer = Started | Stopped | PostmasterDied;
/** What `waitForShutdown` answers. */
export type ShutdownAnswer = Stopped | PostmasterDied;

/**
 * What whoever registered a background worker knows it by. It answers from what was last told (`status`, `pid`,
 * `reason`), asks (`getPid`), waits (`waitForStartup`, `waitForShutdown`, `result`, `for await`) and gives orders
 * (`terminate`, `restart`). Its text, `String(handle)`, is a handle in any other process of the same user.
 *
 * Every answer follows from a fact, never from a length of time: a deadline of your own is an AbortSignal.
 */
export class BackgroundWorkerHandle<Result = unknown> implements AsyncIterable<WorkerEvent> {
  readonly #backend: Backend;
  readonly #watched: WatchedWorker;
  /** The newest attempt that a wait of this handle has answered for. */
  #answeredAttempt = 0;
  #answeredDeaths: number;
  #described: { readonly of: WorkerStatus; readonly reason: WorkerStopReason | null } | undefined;

  /**
   * Handles are made by `register`, `launch` and `client.handle`.
   * @internal
   */
  constructor(backend: Backend, { watched, deathsBefore }: Named) {
    this.#backend = backend;
    this.#watched = watched;
    this.#answeredDeaths = deathsBefore;
  }

  /** The handle as text, `epoch:slot:generation`: good for `client.handle` in any process, and for the command line. */
  get id(): string {
    return this.#watched.id;
  }

  /** The same text as `id`. */
  toString(): string {
    return this.#watched.id;
  }

  /** The same text as `id`. */
  toJSON(): string {
    return this.#watched.id;
  }

  /** For people; it need not be unique. */
  get name(): string {
    return this.#watched.told?.status.name ?? '';
  }

  /** As last told; `getPid` asks. A worker whose last word is known keeps it when its postmaster is gone. */
  get status(): HandleStatus {
    const { told } = this.#watched;
    if (this.#isLeftBehind) return 'postmasterDied';
    return told?.status.status ?? 'postmasterDied';
  }

  /**
   * The process of the attempt under way, or of the last one that had a process; null before the first. As with
   * `ChildProcess.pid`, whether it still runs is another question: `status` answers it.
   */
  get pid(): number | null {
    const status = this.#watched.told?.status;
    return status?.pid ?? status?.reason?.pid ?? null;
  }

  /**
   * How the process of the newest attempt came to be: `{ kind: 'spare' }`, or `{ kind: 'cold', because }`, where
   * `because` is `noSpare` (none was idle), `spareLost` (one was gone before it took the job) or what only a new process
   * can have: `execArgv`, `nodePath`, `maxOldSpaceMb`, `env` (with `variable`). Null before the first.
   */
  get startedFrom(): StartedFrom | null {
    return this.#watched.told?.status.startedFrom ?? null;
  }

  /** How far the attempt under way has come, as last told; null while there is no process. */
  get phase(): Phase | null {
    return this.#isLeftBehind ? null : (this.#watched.told?.status.phase ?? null);
  }

  /** Why the newest attempt that ended did; null while none has. */
  get reason(): WorkerStopReason | null {
    const { told } = this.#watched;
    if (told === null) return null;
    if (this.#described?.of !== told.status) {
      const { reason } = told.status;
      this.#described = {
        of: told.status,
        reason: reason === null ? null : describeReason(reason, told.toDate),
      };
    }
    return this.#described.reason;
  }

  /** Attempts to start it so far, the one under way included. */
  get attempts(): number {
    return this.#watched.told?.status.attempts ?? 0;
  }

  /** What the worker last said with `ctx.progress()`; null when it has not. */
  get progress(): Progress | null {
    return this.#watched.progress;
  }

  /**
   * The channel to the worker's present run, or to the one to come: values both ways. It is opened by its first use,
   * and one client at a time has it. When you have been told that the run is over, this gives a new one.
   */
  get channel(): WorkerChannel {
    return this.#backend.channelOf(this.#watched);
  }

  /**
   * Asks the postmaster for the worker's status now. Never says `postmasterDied` unless it is known to be dead.
   * PostgreSQL: GetBackgroundWorkerPid.
   */
  async getPid({ signal }: SignalOption = {}): Promise<PidAnswer> {
    if (this.#watched.told?.status.final !== true && !this.#isGone()) {
      const { slot, generation } = this.#watched.key;
      const question = { type: 'status', slot, generation } as const;
      await unlessPostmasterDied(this.#backend.askAbout(this.#watched, question, { signal }));
    }
    const { status } = this;
    if (status !== 'started') return { status, pid: null };
    const { pid } = this;
    assert(pid !== null, 'a started worker has a process');
    return { status, pid };
  }

  /**
   * Waits until an attempt to start the worker has come to something, by the rules in this file's header. Every answer
   * follows from a fact and never from a length of time; a deadline of your own is an AbortSignal. Safe to repeat.
   * PostgreSQL: WaitForBackgroundWorkerStartup.
   */
  async waitForStartup({ until = 'running', signal }: WaitForStartupOptions = {}): Promise<StartupAnswer> {
    if (!['forked', 'running', 'ready'].includes(until))
      throw invalid('until', until, "give 'forked', 'running' or 'ready'");
    const attempt = this.#attemptToAnswer();
    return waitFor(this.#backend, this.#watched, { signal, event: 'BgWorkerStartup' }, () => {
      const { told } = this.#watched;
      if (told?.status.final !== true && this.#isGone()) return { status: 'postmasterDied' };
      if (told === null) return undefined;
      if (told.status.final) return this.#stopped(told);
      const { attempts, deaths, phase, pid, status } = told.status;
      if (attempts >= attempt && pid !== null && hasReached(phase, until, status === 'started')) {
        this.#answered(attempts, attempts - 1);
        return { status: 'started', pid };
      }
      return deaths >= attempt ? this.#stopped(told) : undefined;
    });
  }

  /**
   * Waits for the worker's end, or for its next death. Does not ask it to stop: terminate first, if that is meant.
   * PostgreSQL: WaitForBackgroundWorkerShutdown, which may miss a death that a quick restart follows (R-API-22).
   */
  async waitForShutdown({ until = 'end', signal }: WaitForShutdownOptions = {}): Promise<ShutdownAnswer> {
    if (until !== 'end' && until !== 'nextDeath') throw invalid('until', until, "give 'end' or 'nextDeath'");
    const deathsBefore = this.#answeredDeaths;
    return waitFor(this.#backend, this.#watched, { signal, event: 'BgWorkerShutdown' }, () => {
      const { told } = this.#watched;
      if (told?.status.final !== true && this.#isGone()) return { status: 'postmasterDied' };
      if (told === null) return undefined;
      const isAnswer = told.status.final || (until === 'nextDeath' && told.status.deaths > deathsBefore);
      return isAnswer ? this.#stopped(told) : undefined;
    });
  }

  /**
   * Asks the worker to stop for good: its signal aborts, it is sent SIGTERM, and killed with all it started when its
   * time is over. Resolves when the postmaster has taken the order, not when the worker is gone: `waitForShutdown` waits
   * for that. Safe at any time and to repeat; a worker that has ended, or whose postmaster has, needs none.
   * PostgreSQL: TerminateBackgroundWorker.
   */
  async terminate({ timeoutMs, signal }: TerminateOptions = {}): Promise<void> {
    if (timeoutMs !== undefined && !(timeoutMs >= 0 && timeoutMs <= MAX_INTERVAL_MS)) {
      throw invalid('timeoutMs', timeoutMs, `give milliseconds, from 0 to ${MAX_INTERVAL_MS}`);
    }
    if (this.#watched.told?.status.final === true || this.#isGone()) return;
    const { slot, generation } = this.#watched.key;
    const order = { type: 'terminate', slot, generation, timeoutMs: timeoutMs ?? null } as const;
    await unlessPostmasterDied(this.#backend.askAbout(this.#watched, order, { signal }));
  }

  /**
   * Stops the worker and starts it again, whatever its restart policy; one that waits for its restart is started now.
   * Resolves when the postmaster has taken the order. Throws `ERR_WORKER_ENDED` for one that ended for good.
   */
  async restart({ signal }: SignalOption = {}): Promise<void> {
    if (this.#isLeftBehind) throw this.#postmasterDied();
    const { slot, generation } = this.#watched.key;
    for (;;) {
      const deaths = this.#watched.told?.status.deaths ?? 0;
      try {
        // Said twice, it would restart twice; so it is never repeated unseen.
        const order = { type: 'restart', slot, generation } as const;
        return await this.#backend.askAbout(this.#watched, order, { signal, repeat: false });
      } catch (error) {
        if (!(error instanceof BgworkerError) || error.code !== 'ERR_UNSURE') throw error;
      }
      // The connection broke behind the order. A death since then means that it was taken, or is not needed any more.
      await this.#backend.askAbout(this.#watched, { type: 'status', slot, generation }, { signal });
      if ((this.#watched.told?.status.deaths ?? 0) > deaths) return;
    }
  }

  /**
   * What the worker's function returned, of whatever `v8.serialize` carries. For a restartable worker, of the run that
   * returned. Throws `WorkerError` if it ended without returning: `reason` says why and `cause` is what it threw; a
   * BgworkerError (`ERR_RESULT_TOO_LARGE`, …) if it returned what cannot be had; `PostmasterDiedError`. Safe to repeat.
   */
  async result({ signal }: SignalOption = {}): Promise<Result> {
    const read = await waitFor(this.#backend, this.#watched, { signal, event: 'BgWorkerShutdown' }, () => {
      const { told, end } = this.#watched;
      const found = told === null ? undefined : readResult(this, told.status, this.reason);
      if (found !== undefined || (told !== null && end === null)) return found;
      return () => {
        throw this.#postmasterDied();
      };
    });
    return read() as Result;
  }

  /**
   * The present state, then every start, death and step of readiness as it is told, until the last word. Who reads
   * slowly loses the older events, counted in `missed`. Each loop has its own place.
   */
  [Symbol.asyncIterator](): AsyncIterator<WorkerEvent, undefined> & AsyncDisposable {
    return this.events();
  }

  /** As the iterator of the handle, with a signal that ends it by throwing its reason. */
  events({ signal }: SignalOption = {}): AsyncIterableIterator<WorkerEvent, undefined> & AsyncDisposable {
    const reader: EventBuffer = new EventBuffer({
      signal,
      hold: () => this.#backend.hold(),
      onClose: () => this.#watched.removeReader(reader),
    });
    this.#watched.addReader(reader);
    return reader;
  }

  /** Terminates the worker and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate();
    await this.waitForShutdown();
  }

  /** The attempt that a wait for a startup is about. */
  #attemptToAnswer(): number {
    const status = this.#watched.told?.status;
    if (status === undefined) return 1;
    const { attempts, deaths } = status;
    return attempts > deaths ? attempts : Math.max(attempts, this.#answeredAttempt + 1);
  }

  #answered(attempt: number, deaths: number): void {
    this.#answeredAttempt = Math.max(this.#answeredAttempt, attempt);
    this.#answeredDeaths = Math.max(this.#answeredDeaths, deaths);
  }

  #stopped({ status, toDate }: Told): Stopped {
    const { deaths, attempts, willRestart, retryAt } = status;
    const { reason } = this;
    assert(reason !== null, 'the schema wants a reason for every death');
    this.#answered(deaths, deaths);
    return {
      status: 'stopped',
      reason,
      // An attempt without a death is the next one, already under way.
      willRestart: willRestart || attempts > deaths,
      retryAt: retryAt === null ? null : toDate(retryAt),
    };
  }

  /** Its postmaster died before it had its last word. */
  /** @internal */
  [linkToPeer](): { readonly watched: WatchedWorker; readonly link: MemoryLink } {
    return { watched: this.#watched, link: this.#backend.memory };
  }

  get #isLeftBehind(): boolean {
    const { told, end } = this.#watched;
    return end === null ? told === null : end.how === 'postmasterDied' || end.how === 'shutdown';
  }

  #postmasterDied(): BgworkerError {
    const { end } = this.#watched;
    return end === null ? new PostmasterDiedError(`it was the postmaster of ${this.id}`) : errorOfEnd(end);
  }

  /** As isLeftBehind; throws when nothing can be known any more, since we left or the connection failed. */
  #isGone(): boolean {
    const { end } = this.#watched;
    if (this.#isLeftBehind) return true;
    if (end !== null) throw errorOfEnd(end);
    return false;
  }
}

/** Some questions need no answer from a postmaster that is dead: its death is the answer. */
async function unlessPostmasterDied(asked: Promise<void>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    if (!(error instanceof PostmasterDiedError)) throw error;
  }
}

function invalid(option: string, value: unknown, hint: string): BgworkerError {
  return new BgworkerError('ERR_INVALID_ARGUMENT', `${option} is not valid`, {
    detail: `${option} is ${String(value)}`,
    hint,
  });
}
