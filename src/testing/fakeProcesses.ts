/**
 * Makes processes as the server loop orders them, and makes none: each is an attempt that somebody plays. Spares are
 * idle as soon as they are ordered.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AttemptKey, BackgroundWorker, StopOrder, WorkerKey } from '../core/index.js';
import { formatKey } from '../core/index.js';
import type { Processes } from '../postmaster/index.js';
import type { OrderMessage } from '../protocol/index.js';
import type { Scene } from './attempt.js';
import { Attempt } from './attempt.js';
import type { StartFailure } from './startFailure.js';
import { failStart } from './startFailure.js';

export interface Casting {
  /** The failure that the next start of this worker is to have; `nextFailure` takes it, and no other start has it then. */
  comingFailure(worker: BackgroundWorker): StartFailure | undefined;
  nextFailure(worker: BackgroundWorker): StartFailure | undefined;
  /** There is a process, of a start that does not fail. */
  started(attempt: Attempt): void;
}

/** Linux gives none above 4,194,304 (2^22), and macOS and Windows stay far below: nobody is hit by `process.kill(pid)`. */
const FIRST_PID = 4_194_305;

let nextPid = FIRST_PID;

export class FakeProcesses implements Processes {
  readonly #scene: Scene;
  readonly #casting: Casting;
  /** By worker: one attempt at a time has a process. */
  readonly #attempts = new Map<string, Attempt>();
  readonly #spares = new Map<number, number>();

  constructor(scene: Scene, casting: Casting) {
    this.#scene = scene;
    this.#casting = casting;
  }

  start(key: AttemptKey, worker: BackgroundWorker): void {
    const attempt = this.#attempt(key, worker, nextPid++);
    const failure = this.#casting.nextFailure(worker);
    if (failure !== undefined) return failStart(attempt, failure);
    attempt.reach('forked');
    this.#casting.started(attempt);
  }

  giveJob(key: AttemptKey, worker: BackgroundWorker, spare: number): void {
    const pid = this.#spares.get(spare);
    this.#spares.delete(spare);
    const attempt = this.#attempt(key, worker, pid ?? nextPid++);
    // What dies so early dies as a spare, which is no attempt: the process that is made in its place has the failure.
    if (this.#casting.comingFailure(worker)?.kind === 'diedBeforeRuntime') return attempt.loseSpare();
    const failure = this.#casting.nextFailure(worker);
    if (failure?.kind !== 'spawnFailed') attempt.takeJob();
    if (failure !== undefined) return failStart(attempt, failure);
    this.#casting.started(attempt);
  }

  startSpare(spare: number): void {
    const pid = nextPid++;
    this.#spares.set(spare, pid);
    this.#scene.dispatch({ type: 'spareForked', spare, pid });
    this.#scene.dispatch({ type: 'spareIdle', spare });
  }

  endSpare(spare: number): void {
    this.#spares.delete(spare);
    this.#scene.dispatch({ type: 'spareExited', spare });
  }

  askToStop(key: WorkerKey, order: StopOrder): void {
    this.#attempts.get(formatKey(key))?.askToStop(order);
  }

  kill(key: WorkerKey): void {
    this.#attempts.get(formatKey(key))?.exit({ signal: 'SIGKILL' });
  }

  measureMemory({ slot, generation, attempt }: AttemptKey): void {
    const rssBytes = this.#attempts.get(formatKey({ slot, generation }))?.rssBytes ?? 0;
    this.#scene.dispatch({ type: 'memoryMeasured', slot, generation, attempt, rssBytes });
  }

  order(key: WorkerKey, message: OrderMessage, attachments: readonly Uint8Array[] = []): void {
    this.#attempts.get(formatKey(key))?.order(message, attachments[0]);
  }

  orderAll(message: OrderMessage): void {
    for (const attempt of this.#attempts.values()) attempt.order(message, undefined);
  }

  /** What a reload changes about processes changes nothing here. */
  adopt(): void {}

  forget({ mainArg }: BackgroundWorker): void {
    if (mainArg.kind === 'file') rmSync(join(this.#scene.directory, 'args', mainArg.file), { force: true });
  }

  get living(): readonly Attempt[] {
    return [...this.#attempts.values()];
  }

  #attempt(key: AttemptKey, worker: BackgroundWorker, pid: number): Attempt {
    const attempt = new Attempt(this.#scene, key, worker, pid);
    const name = formatKey(key);
    this.#attempts.set(name, attempt);
    const over = (): void => {
      if (this.#attempts.get(name) === attempt) this.#attempts.delete(name);
    };
    attempt.playedBy({ asked: () => {}, reload: () => {}, channelChanged: () => {}, over });
    return attempt;
  }
}
