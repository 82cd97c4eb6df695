/**
 * A client: a process's attachment to a postmaster. Through it workers are registered and found, everything that
 * happens to any of them is heard, and the postmaster itself is asked and told.
 *
 * It keeps the process alive only while something is awaited. When the postmaster is gone, every wait says so at once;
 * a connection that breaks while the postmaster lives is made anew, and nobody notices.
 *
 * Only the face is here: verbs.ts registers, handle.ts is one worker, backend.ts the conversation.
 */
import { assert, BgworkerError } from '../base/index.js';
import type { ActivityRow, ShutdownMode, SparesActivity } from '../core/index.js';
import { formatHandle, parseHandle } from '../core/index.js';
import type { PostmasterFacts, ReloadReport, Reply, WorkerValue } from '../protocol/index.js';
import type { Backend } from './backend.js';
import { isKnownDead } from './deadPostmasters.js';
import { PostmasterDiedError } from './errors.js';
import { EventBuffer } from './eventBuffer.js';
import type { SignalOption } from './handle.js';
import { BackgroundWorkerHandle } from './handle.js';
import { ClientLatch } from './latch.js';
import type { MemoryLink } from './memoryLink.js';
import { linkToMemory } from './memoryLink.js';
import type { AnyModule, ArgAndOptions, ScriptVerbs, WorkerModule } from './modules.js';
import { moduleVerbs, scriptVerbs } from './modules.js';
import type { ModuleLocation, Target } from './registration.js';
import { moduleUrl } from './registration.js';
import type { ReloadableSettings } from './settings.js';
import { resolvePreload } from './settings.js';
import type { LaunchOptions, RegisterOptions, RunOptions } from './verbs.js';
import { launchWorker, registerWorker, runWorker, tryRegisterWorker } from './verbs.js';
import { WatchedWorker } from './watchedWorker.js';
import type { WorkerEvent, WorkerStopReason } from './workerState.js';
import { describeReason } from './workerState.js';

/** One worker in `client.activity()`. */
export interface Activity extends Omit<ActivityRow, 'reason' | 'retryAt' | 'forkedAt'> {
  /** The handle, written as a string. */
  readonly handle: string;
  /** Why the newest attempt that ended did; null while none has. */
  readonly reason: WorkerStopReason | null;
  /** When it is started again; null when it will not be, when that is not known yet, or when it is due now. */
  readonly retryAt: Date | null;
  /** When the process of the attempt under way was made; null while there is none. */
  readonly forkedAt: Date | null;
}

/** The spares, in `client.spares()`. */
export interface Spares extends Omit<SparesActivity, 'retryAt'> {
  /** When the next one is tried after such a death; null when none died. */
  readonly retryAt: Date | null;
}

function readSpares(reply: Reply, backend: Backend): Spares {
  assert(reply.type === 'spares', 'the answer is the one to this question');
  const { spares, now } = reply;
  return { ...spares, retryAt: spares.retryAt === null ? null : backend.calendarAt(now)(spares.retryAt) };
}

/** The postmaster itself, in `client.postmasterStatus()`. */
export interface PostmasterStatus extends Omit<PostmasterFacts, 'package' | 'startedAt' | 'reloadedAt'> {
  /** Of the package it runs. */
  readonly version: string;
  /** When it began to listen. */
  readonly startedAt: Date;
  /** When its configuration was last read again. */
  readonly reloadedAt: Date | null;
}

/** How long to wait for a shutdown. */
export interface ShutdownOptions extends SignalOption {
  /** `accepted`: the postmaster knows. `gone`: it has ended. */
  readonly until?: 'accepted' | 'gone' | undefined;
}

function readReport(reply: Reply): ReloadReport {
  assert(reply.type === 'reloaded', 'the answer is the one to this question');
  return reply.report;
}

function readPostmasterStatus(reply: Reply, backend: Backend): PostmasterStatus {
  assert(reply.type === 'postmaster', 'the answer is the one to this question');
  const toDate = backend.calendarAt(reply.now);
  const { package: version, startedAt, reloadedAt, ...facts } = reply.facts;
  return {
    version,
    ...facts,
    // An older postmaster has none.
    segments: facts.segments ?? { used: 0, max: 0, sizeBytes: 0 },
    startedAt: toDate(startedAt),
    reloadedAt: reloadedAt === null ? null : toDate(reloadedAt),
  };
}

interface ActivityPage {
  readonly rows: readonly Activity[];
  readonly next: number | null;
}

function readActivity(reply: Reply, backend: Backend): ActivityPage {
  if (reply.type !== 'activity') return { rows: [], next: null };
  const { now, epoch, next } = reply;
  const toDate = backend.calendarAt(now);
  const rows = reply.rows.map((row) => ({
    ...row,
    handle: formatHandle({ epoch, slot: row.slot, generation: row.generation }),
    reason: row.reason === null ? null : describeReason(row.reason, toDate),
    retryAt: row.retryAt === null ? null : toDate(row.retryAt),
    forkedAt: row.forkedAt === null ? null : toDate(row.forkedAt),
    // An older postmaster does not know it.
    waitEvent: row.waitEvent ?? null,
  }));
  return { rows, next };
}

/**
 * How a client's attachment ended: `disposed` by `close()`, with the postmaster's `shutdown`, with its death
 * (`postmasterDied`), or `failed`: the two cannot go on, and whether the postmaster lives is not known.
 */
export type CloseReason = 'disposed' | 'shutdown' | 'postmasterDied' | 'failed';

/**
 * A process's attachment to a postmaster, from `connect` or `startPostmaster`. Workers are registered and found through
 * it. It keeps the process alive only while something is awaited.
 */
export class Client {
  readonly #backend: Backend;
  readonly #dispose: (() => Promise<void>) | undefined;
  readonly #latch: ClientLatch;
  #disposal: Promise<void> | undefined;

  /**
   * Clients are made by `connect` and `startPostmaster`. `dispose` takes the place of closing the connection.
   * @internal
   */
  constructor(backend: Backend, dispose?: () => Promise<void>) {
    this.#backend = backend;
    this.#dispose = dispose;
    this.#latch = new ClientLatch(backend.latch, (promise) => backend.holdWhile(promise));
  }

  /** The postmaster's directory. */
  get directory(): string {
    return this.#backend.greeting.directory;
  }

  /** Which postmaster it is: no other, here or anywhere, before or after, has the same. */
  get epoch(): string {
    return this.#backend.greeting.epoch;
  }

  /** The postmaster's process. Whether it lives is not asked of its pid: `closed` says it. */
  get postmasterPid(): number {
    return this.#backend.greeting.pid;
  }

  /** Set whenever anything happens to a worker that this client watches, and when the connection is over. */
  get latch(): ClientLatch {
    return this.#latch;
  }

  /** How the attachment ended; null while it is there, lost connections that are being made anew included. */
  get closed(): CloseReason | null {
    return this.#backend.end?.how ?? null;
  }

  /**
   * Registers a background worker; it starts as soon as it may. What is registered once is registered: safe against
   * broken connections. Throws `TooManyWorkersError` when no slot is free, and BgworkerErrors for a definition that is
   * not valid, a name that is taken, or a shutdown under way. PostgreSQL: RegisterDynamicBackgroundWorker.
   */
  register<Arg, Result>(
    worker: WorkerValue<Arg, Result>,
    ...[arg, options]: ArgAndOptions<Arg, RegisterOptions>
  ): Promise<BackgroundWorkerHandle<Result>> {
    return registerWorker(this.#backend, value(worker), arg, options) as Promise<BackgroundWorkerHandle<Result>>;
  }

  /** As `register`; null when no slot is free, and nothing was registered. */
  tryRegister<Arg, Result>(
    worker: WorkerValue<Arg, Result>,
    ...[arg, options]: ArgAndOptions<Arg, RegisterOptions>
  ): Promise<BackgroundWorkerHandle<Result> | null> {
    const handle = tryRegisterWorker(this.#backend, value(worker), arg, options);
    return handle as Promise<BackgroundWorkerHandle<Result> | null>;
  }

  /**
   * Registers a worker and waits until it has started: until then its function was entered, and `handle.pid` is a
   * number. Throws `WorkerStartError` if it could not be started, and what `register` throws. An abort terminates it.
   */
  launch<Arg, Result>(
    worker: WorkerValue<Arg, Result>,
    ...[arg, options]: ArgAndOptions<Arg, LaunchOptions>
  ): Promise<BackgroundWorkerHandle<Result>> {
    return launchWorker(this.#backend, value(worker), arg, options) as Promise<BackgroundWorkerHandle<Result>>;
  }

  /**
   * Runs a worker to its end and gives what its function returned. It never outlives this client; `maxRunMs` and the
   * signal end it, and an abort rejects with the signal's reason when the worker is gone. Throws `WorkerError`, whose
   * `reason` says why there is no result and whose `cause` is what the worker threw, and what `register` throws.
   */
  run<Arg, Result>(
    worker: WorkerValue<Arg, Result>,
    ...[arg, options]: ArgAndOptions<Arg, RunOptions>
  ): Promise<Result> {
    return runWorker(this.#backend, value(worker), arg, options) as Promise<Result>;
  }

  /**
   * The verbs for a module that is not imported here: `client.module<typeof import('./x.js')>(url).run('main', arg)`.
   * An export is a worker that `defineWorker` made, or a plain function `(ctx, arg) => result`.
   */
  module<M extends object = AnyModule>(location: ModuleLocation): WorkerModule<M> {
    return moduleVerbs(this.#backend, moduleUrl(location));
  }

  /** The verbs for a module without an export: it has started when it was evaluated, and ends with its event loop. */
  script(location: ModuleLocation): ScriptVerbs {
    return scriptVerbs(this.#backend, moduleUrl(location));
  }

  /**
   * The handle of a worker that anybody registered with this postmaster, from its text. Throws `ERR_INVALID_HANDLE`,
   * `ERR_UNKNOWN_WORKER` for one there never was, and `ERR_FOREIGN_HANDLE` for another postmaster's, unless that one is
   * known to be dead: then the handle says `postmasterDied`.
   */
  async handle<Result = unknown>(text: string, { signal }: SignalOption = {}): Promise<BackgroundWorkerHandle<Result>> {
    const handle = parseHandle(String(text));
    if (handle === undefined) {
      throw new BgworkerError('ERR_INVALID_HANDLE', 'that is no handle', {
        detail: String(text).slice(0, 100),
        hint: 'a handle is epoch:slot:generation, as String(handle) and bgworker ps give it',
      });
    }
    const isHere = handle.epoch === this.epoch && this.closed === null;
    if (!isHere && isKnownDead(handle.epoch)) {
      const watched = new WatchedWorker(String(text), handle, null);
      return new BackgroundWorkerHandle<Result>(this.#backend, { watched, deathsBefore: 0 });
    }
    if (handle.epoch !== this.epoch) {
      throw new BgworkerError('ERR_FOREIGN_HANDLE', "the handle is another postmaster's", {
        detail: `${text}, asked of ${this.epoch} in ${this.directory}`,
        hint: 'connect to the directory it came from; if that is this one, its postmaster has died and its workers with it',
      });
    }
    return new BackgroundWorkerHandle<Result>(this.#backend, await this.#backend.find(handle, signal));
  }

  /**
   * Every worker that holds a slot, as the postmaster sees it now. PostgreSQL: pg_stat_activity. Of many workers it
   * comes in several answers, so a worker may move between the first and the last of them.
   */
  async activity({ signal }: SignalOption = {}): Promise<readonly Activity[]> {
    const rows: Activity[] = [];
    for (let from: number | null = 0; from !== null; ) {
      const read = (reply: Reply): ActivityPage => readActivity(reply, this.#backend);
      const page: ActivityPage = await this.#backend.ask({ type: 'activity', from }, read, { signal });
      rows.push(...page.rows);
      from = page.next;
    }
    return rows;
  }

  /** The spare processes that wait for a job, as the postmaster sees them now. */
  spares({ signal }: SignalOption = {}): Promise<Spares> {
    return this.#backend.ask({ type: 'spares' }, (reply) => readSpares(reply, this.#backend), { signal });
  }

  /**
   * Every start, death and step of readiness of every worker, from this call on. Whoever reads slowly loses older
   * events, counted in `missed`. Ends with an orderly shutdown, throws `PostmasterDiedError` or the signal's reason.
   */
  subscribe({ signal }: SignalOption = {}): AsyncIterableIterator<WorkerEvent, undefined> & AsyncDisposable {
    const buffer: EventBuffer = new EventBuffer({
      signal,
      hold: () => this.#backend.hold(),
      onClose: () => this.#backend.unsubscribe(buffer),
    });
    this.#backend.subscribe(buffer);
    return buffer;
  }

  /**
   * Shuts the postmaster down, for everybody. `'fast'` asks every worker to stop and `'immediate'` kills them; `'smart'`
   * waits until every client has left. Resolves when the postmaster is gone and its directory is free; with
   * `until: 'accepted'`, which is the default for `'smart'`, as soon as it knows. Who waits for the end of a smart
   * shutdown does not hold it up. Safe to repeat; a mode can only be raised. Default `'fast'`.
   */
  async shutdown(
    mode: ShutdownMode = 'fast',
    { until = mode === 'smart' ? 'accepted' : 'gone', signal }: ShutdownOptions = {},
  ): Promise<void> {
    try {
      await this.#backend.ask({ type: 'shutdown', mode, waits: until === 'gone' }, () => {}, { signal });
    } catch (error) {
      if (!(error instanceof PostmasterDiedError)) throw error;
    }
    if (until === 'gone') await this.waitForClose({ signal });
  }

  /**
   * Changes settings of the running postmaster, and tells every worker to reload. Lowering a limit stops nobody. Without
   * settings, a postmaster that has a configuration file reads it again: what it says holds then, of every setting that a
   * reload takes, and the workers that it lists are started, replaced and stopped accordingly.
   *
   * Tells what it changed. Throws `ERR_INVALID_SETTING` and, from a configuration, what is wrong with it
   * (`ERR_INVALID_CONFIG`); then nothing has changed. Safe to repeat.
   */
  reload(settings?: ReloadableSettings, { signal }: SignalOption = {}): Promise<ReloadReport> {
    const told = settings === undefined ? null : resolvePreload(settings);
    return this.#backend.ask({ type: 'reload', settings: told as Record<string, unknown> | null }, readReport, {
      signal,
    });
  }

  /** What the postmaster says of itself: version, directory, files, how full it is, and every setting. */
  postmasterStatus({ signal }: SignalOption = {}): Promise<PostmasterStatus> {
    const read = (reply: Reply): PostmasterStatus => readPostmasterStatus(reply, this.#backend);
    return this.#backend.ask({ type: 'postmaster' }, read, { signal });
  }

  /** Waits until the attachment is over, and says how. */
  waitForClose({ signal }: SignalOption = {}): Promise<CloseReason> {
    return this.#backend.waitForEnd(signal);
  }

  /**
   * Leaves the postmaster: its workers run on, but for those of lifetime `client`. A client that `startPostmaster`
   * gave takes its postmaster down, fast, and waits for that. Safe to call twice.
   */
  close(): Promise<void> {
    this.#disposal ??= this.#close();
    return this.#disposal;
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * What shared memory needs of it.
   * @internal
   */
  [linkToMemory](): MemoryLink {
    return this.#backend.memory;
  }

  async #close(): Promise<void> {
    await this.#dispose?.();
    this.#backend.close();
  }
}

function value(worker: unknown): Target {
  return { kind: 'value', value: worker };
}
