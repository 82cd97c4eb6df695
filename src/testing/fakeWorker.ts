/**
 * A worker in the test's hand: one attempt to run it. What the test has it do is what the postmaster hears of a
 * process, and each call resolves when all that follows has arrived: the status of a handle is then the new one.
 *
 * A worker whose function runs in the test's process is one of these too. The test may look at it, and end it.
 */
import type { BackgroundWorker, Phase } from '../core/index.js';
import type { WorkerChannel, WorkerEntry } from '../worker/index.js';
import type { StopOrigin } from '../worker/withoutProcess.js';
import type { Attempt, Exit } from './attempt.js';
import type { Quiet } from './quiet.js';
import type { StartFailure } from './startFailure.js';
import { checkStartFailure, failStart } from './startFailure.js';

/** How a process ends: `process.exit(code)`, or a signal. Default: exit code 0. */
export interface FakeExit {
  /** The exit code. */
  readonly code?: number;
  /** The signal that ends it, in the place of an exit code. */
  readonly signal?: NodeJS.Signals;
  /** What it still printed. */
  readonly output?: string;
}

/** One attempt to run a worker, in the test's hand: what the test has it do, the postmaster hears of it. */
export class FakeWorker {
  readonly #attempt: Attempt;
  readonly #quiet: Quiet;
  readonly #askedToStop: Promise<StopOrigin>;
  readonly #ended: Promise<void>;

  /** @internal Made by a fake postmaster, for every start. */
  constructor(attempt: Attempt, quiet: Quiet) {
    this.#attempt = attempt;
    this.#quiet = quiet;
    let [asked, ended]: [(origin: StopOrigin) => void, () => void] = [() => {}, () => {}];
    this.#askedToStop = new Promise((resolve) => {
      asked = resolve;
    });
    this.#ended = new Promise((resolve) => {
      ended = resolve;
    });
    attempt.playedBy({ asked, reload: () => {}, channelChanged: () => {}, over: ended });
  }

  /** As its function finds it in `ctx.entry`. */
  get entry(): WorkerEntry {
    return this.#attempt.entry;
  }

  /** For people, as its `entry` has it. */
  get name(): string {
    return this.entry.name;
  }

  /** Which attempt it is, counted from 1. */
  get attempt(): number {
    return this.entry.attempt;
  }

  /** A number that no process of this system can have. */
  get pid(): number {
    return this.#attempt.pid;
  }

  /** The argument, as the worker's process would be given it: a copy. */
  get arg(): unknown {
    return this.#attempt.arg;
  }

  /** Every field that it was registered with: docs/registration.md. */
  get definition(): BackgroundWorker {
    return this.#attempt.worker;
  }

  /** How far it has come; null when there is no process. */
  get phase(): Phase | null {
    return this.isOver ? null : this.#attempt.phase;
  }

  /** Whether this attempt has ended. */
  get isOver(): boolean {
    return this.#attempt.isOver;
  }

  /** Resolves when it is over. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Resolves when it is asked to stop, with who asked; `stop()` obeys. */
  get askedToStop(): Promise<StopOrigin> {
    return this.#askedToStop;
  }

  /** Who asked it to stop, so far. */
  get stopOrigin(): StopOrigin | null {
    return this.#attempt.origin;
  }

  /** The worker's end of its channel: `ctx.channel`. */
  get channel(): WorkerChannel {
    return this.#attempt.channel;
  }

  /** Node is up, and imports its module. */
  load(): Promise<void> {
    return this.#do(() => this.#attempt.reach('loading'));
  }

  /** Its function is entered: it has started. What comes before happens before. */
  enter(): Promise<void> {
    return this.#do(() => this.#attempt.reach('running'));
  }

  /** Its start comes to nothing. Without effect when its function was entered. */
  async failToStart(failure: Exclude<StartFailure, { kind: 'spawnFailed' }>): Promise<void> {
    checkStartFailure(failure);
    return this.#do(() => {
      const { phase } = this.#attempt;
      if (phase !== 'running' && phase !== 'ready') failStart(this.#attempt, failure);
    });
  }

  /** It calls `ctx.ready()`. */
  ready(): Promise<void> {
    return this.#do(() => this.#attempt.ready());
  }

  /** It calls `ctx.progress()`. */
  progress(done: number, total?: number): Promise<void> {
    return this.#do(() => this.#attempt.progress(done, total ?? null));
  }

  /** It prints: the last 8 KiB stand in the reason of its end. */
  print(text: string): void {
    this.#attempt.print(text);
  }

  /** What it is found to use when its memory is measured next, every 500 ms if it has a limit. */
  useMemory(rssBytes: number): void {
    this.#attempt.rssBytes = rssBytes;
  }

  /** Its function returns. What a result may be is what it may be for a process. */
  return(value?: unknown): Promise<void> {
    return this.#do(() => this.#attempt.returned(value));
  }

  /** Its function throws. */
  throw(error: unknown): Promise<void> {
    return this.#do(() => this.#attempt.threw(error));
  }

  /** Its process ends, wherever it is. */
  exit({ code, signal, output = '' }: FakeExit = {}): Promise<void> {
    const exit: Exit = signal === undefined ? { code: code ?? 0, output } : { signal, output };
    return this.#do(() => {
      if (signal === undefined) this.#attempt.say({ word: 'exiting', code: code ?? 0 });
      this.#attempt.exit(exit);
    });
  }

  /** Its heap is exhausted. */
  runOutOfMemory(): Promise<void> {
    return this.#do(() => this.#attempt.exit({ signal: 'SIGABRT', outOfMemory: true }));
  }

  /** Its event loop is empty, and its function waits for something that can never come. */
  neverSettle(): Promise<void> {
    return this.#do(() => {
      this.#attempt.say({ word: 'neverSettled' });
      this.#attempt.exit({ code: 13 });
    });
  }

  /** It ends since it was asked to stop; when nobody has, since a SIGTERM came from elsewhere. */
  stop(): Promise<void> {
    return this.#do(() => this.#attempt.obeyed());
  }

  #do(act: () => void): Promise<void> {
    act();
    return this.#quiet.whenQuiet();
  }
}
