/**
 * A postmaster for tests: the decisions, the messages and the client are the real ones, byte for byte; the processes are
 * not there, and time is in the test's hand. What a test says of a worker has the consequences it would have.
 *
 * Everything happens in the process of the test. It opens no socket, starts nothing and fakes no timers; `install()` is
 * the only thing that reaches beyond what a test was handed.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../base/index.js';
import type { BackgroundWorkerHandle, Client, Logger, PostmasterSettings, World } from '../client/index.js';
import { connectThrough, defineEarlyWorker, resolvePreload } from '../client/index.js';
import type { WorkerKey } from '../core/index.js';
import type { Settings } from '../postmaster/index.js';
import { readSettings } from '../postmaster/index.js';
import type { Attempt } from './attempt.js';
import type { FakeWorker } from './fakeWorker.js';
import type { FakeFunctions } from './functions.js';
import { Functions, namesOf } from './functions.js';
import { playInProcess } from './inProcess.js';
import { lendClient } from './lending.js';
import { Life } from './life.js';
import type { LogLine } from './logLine.js';
import { recordingLog } from './logLine.js';
import { Quiet } from './quiet.js';
import type { StartFailure } from './startFailure.js';
import { Starts } from './starts.js';
import { TestClock } from './testClock.js';

/** The settings of `startPostmaster`, and what a fake does in the place of processes. */
export interface FakePostmasterSettings extends PostmasterSettings {
  /**
   * Functions that are called for workers, by the name of the export (of a script or a default export, of its file),
   * in the place of those that the workers' modules export: stand-ins, or worker values themselves.
   */
  readonly functions?: FakeFunctions | undefined;
  /**
   * Workers that the test plays itself: none of their functions are called. `true`: all; else their names, or those of
   * their exports. Default: none, but for scripts, which are always played by hand.
   */
  readonly byHand?: boolean | readonly string[] | undefined;
  /** What the calendar says in the beginning. Default: today. */
  readonly startDate?: Date | undefined;
  /** The dice of jitter, in [0, 1). Default: always 0.5, which is no jitter at all. */
  readonly chance?: (() => number) | undefined;
}

/** Which starts fail. */
export interface FailNextStartOptions {
  /** Only a start of a worker of this name, or of this export. */
  readonly name?: string | undefined;
  /** How many starts. Default 1. */
  readonly times?: number | undefined;
}

/**
 * Makes a fake postmaster with a client of it. It takes the settings of `startPostmaster`, checks them as that does, and
 * obeys those that are not about processes. Throws `ERR_INVALID_SETTING`.
 */
export async function createFakePostmaster(settings: FakePostmasterSettings = {}): Promise<FakePostmaster> {
  const { functions = {}, byHand = false, startDate = new Date(), chance = () => 0.5, ...others } = settings;
  const known = new Functions(functions);
  const { workers = [], logger, ...rest } = others;
  const early = await Promise.all(workers.map((worker) => defineEarlyWorker(worker, known)));
  const fake = new FakePostmaster({
    settings: readSettings({ ...resolvePreload(rest), workers: early }),
    functions: known,
    byHand,
    startDate,
    chance,
    logger,
  });
  await fake.startAgain();
  return fake;
}

interface Parts {
  readonly settings: Settings;
  readonly functions: Functions;
  readonly byHand: boolean | readonly string[];
  readonly startDate: Date;
  readonly logger: Logger | undefined;
  chance(): number;
}

/**
 * A postmaster without processes, whose time is in the test's hand. Its decisions, its messages and its clients are the
 * real ones. Made by `createFakePostmaster`.
 */
export class FakePostmaster implements AsyncDisposable {
  /** Nothing but the test moves it. */
  readonly clock: TestClock;
  readonly #parts: Parts;
  readonly #quiet = new Quiet();
  readonly #starts: Starts;
  readonly #log: LogLine[] = [];
  #life: Life | undefined;
  #starting: Promise<Client> | undefined;
  #client: Client | undefined;
  readonly #installed = new Set<() => void>();
  #closing: Promise<void> | undefined;

  /** @internal Made by `createFakePostmaster`. */
  constructor(parts: Parts) {
    this.#parts = parts;
    this.clock = new TestClock(parts.startDate, this.#quiet);
    this.#starts = new Starts({ quiet: this.#quiet, play: (attempt, worker) => this.#play(attempt, worker) });
  }

  /**
   * A real client, as `startPostmaster` would have given it: to close it takes the postmaster down. After `startAgain`
   * it is the client of the new postmaster.
   */
  get client(): Client {
    assert(this.#client !== undefined, 'a fake is handed out when it has a client');
    return this.#client;
  }

  /** What was logged so far, by the postmaster and through `ctx.log`. */
  get log(): readonly LogLine[] {
    return this.#log;
  }

  /** Every start so far, in order, but for those that `failNextStart` made fail. */
  get starts(): readonly FakeWorker[] {
    return this.#starts.all;
  }

  /** Another client of it, as another process would have one: to close it leaves the postmaster alone. */
  connect(): Promise<Client> {
    return this.#connect(null);
  }

  /**
   * Makes `run`, `launch`, `register` and `tryRegister` of the package use this postmaster, everywhere in this process,
   * until what it gives is disposed, or the fake is. After a crash their next call has a new postmaster, as always.
   */
  install(): Disposable {
    const uninstall = lendClient(() => this.#clientThatLives());
    this.#installed.add(uninstall);
    return { [Symbol.dispose]: uninstall };
  }

  /**
   * The next start that this has not given yet: of a worker of that name, or of that export, or of any. It has a process
   * then, and nothing more. Rejects with the signal's reason.
   */
  nextStart(name?: string, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<FakeWorker> {
    return this.#starts.next(name, signal);
  }

  /** The newest start of a worker. Throws `ERR_UNKNOWN_WORKER` when there was none. */
  worker(handleOrName: BackgroundWorkerHandle | string): FakeWorker {
    return this.#starts.newest(String(handleOrName));
  }

  /**
   * Makes a start to come fail as it says. Failures that are ordered together happen one after the other. Throws
   * `ERR_INVALID_ARGUMENT` for a kind that there is not.
   */
  failNextStart(failure: StartFailure, { name, times = 1 }: FailNextStartOptions = {}): void {
    this.#starts.fail(failure, name, times);
  }

  /**
   * The postmaster dies, as by SIGKILL: every wait answers `postmasterDied`, the signals of its workers abort, and what
   * is left of them is gone `postmasterDeathGraceMs` later.
   */
  async crash(): Promise<void> {
    this.#life?.crash();
    await this.#quiet.whenQuiet();
  }

  /** A new postmaster, after a crash or a shutdown; without effect while there is one. Gives its client. */
  startAgain(): Promise<Client> {
    if (this.#life?.isOver === false) return Promise.resolve(this.client);
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** Ends everything, without waiting for the clock. Functions that still run are asked to stop, and left alone then. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start(): Promise<Client> {
    const { settings, logger, chance } = this.#parts;
    const log = recordingLog(this.#log, logger, settings.logLevel);
    const life = new Life({ settings, clock: this.clock, quiet: this.#quiet, log, casting: this.#starts, chance });
    this.#life = life;
    this.#client = await this.#connect(null, async () => {
      life.shutdown('fast');
      await life.ended;
    });
    return this.#client;
  }

  #connect(worker: WorkerKey | null, dispose?: () => Promise<void>): Promise<Client> {
    const life = this.#life;
    assert(life !== undefined, 'a fake has a first life from the beginning');
    const world: World = {
      dial: () => life.dial(),
      descriptorOf: () => -1,
      now: () => this.clock.date.getTime(),
      prepareDirectory: (directory) => mkdirSync(join(directory, 'args'), { recursive: true, mode: 0o700 }),
      findWorker: this.#parts.functions.findWorker,
      hasProcesses: false,
    };
    return connectThrough({ directory: life.directory, worker, world, dispose });
  }

  async #clientThatLives(): Promise<Client> {
    return this.client.closed === null ? this.client : this.startAgain();
  }

  #play(attempt: Attempt, worker: FakeWorker): void {
    const { functions, byHand } = this.#parts;
    const names = namesOf(attempt.worker);
    if (byHand === true || (byHand !== false && names.some((name) => byHand.includes(name)))) return;
    // A script is evaluated once in a process, so here it would run once and never again.
    if (attempt.worker.functionName === null && !functions.knows(attempt.worker)) return;
    // Not at once: who registered it is to be told so first, and begins to wait then, as with a process.
    this.#quiet.soon(() => {
      const played = playInProcess(attempt, {
        functions,
        clock: this.clock,
        connect: ({ key: { slot, generation } }) => this.#connect({ slot, generation }),
      });
      this.#quiet.during(Promise.race([played, worker.ended]));
    });
  }

  async #close(): Promise<void> {
    for (const uninstall of this.#installed) uninstall();
    const life = this.#life;
    life?.shutdown('fast');
    // Whoever does not come to rest is ended all the same.
    await this.#quiet.whenQuiet().catch(() => {});
    life?.shutdown('immediate');
    await life?.ended;
  }
}
