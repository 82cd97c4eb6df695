/**
 * Who gets which process of a pool. It knows the processes that are up, those that have nothing to do, and who waits for
 * one; it starts another when somebody waits and there may be more, and never starts one for nobody.
 *
 * What must hold:
 * - First come, first served.
 * - Nobody waits in vain: as long as somebody waits, a process is at work, starting, or going, and its news serves the
 *   queue. Where there is none and none can be had, whoever waits is told why: for a start that failed the first in the
 *   queue, so that each start that fails fails one; where there is no slot, and where the postmaster died, all of them.
 * - While processes are up, a start that fails or is refused is nobody's failure: the pool is smaller, and tries again
 *   when somebody comes or is done, but not before RETRY_AFTER_MS.
 */
import { PostmasterDiedError } from '../client/index.js';
import { CallQueue } from './callQueue.js';
import type { PoolProcess } from './poolProcess.js';
import type { PoolProcesses } from './poolProcesses.js';

/** Whoever waits for a process. It is told one of the two, when it is in no queue any more. */
export interface Waiting {
  /** The first in the queue is waited for when it is not ready yet; nobody overtakes. */
  readonly isReady: boolean;
  /** It has the process, until it gives it back or finds that it is gone. */
  take(process: PoolProcess): void;
  refuse(error: unknown): void;
}

/** From a start that was refused to the next try, while there are other processes: a try costs the postmaster a message. */
const RETRY_AFTER_MS = 1_000;

export class Dispatcher {
  readonly #size: number;
  readonly #processes: PoolProcesses;
  readonly #queue = new CallQueue<Waiting>();
  /** The one that had work last is the first to get more: what it needs is in the caches. */
  readonly #idle: PoolProcess[] = [];
  /** All that have started, as far as is known; those that are going too, since they have their slot until they are gone. */
  readonly #up = new Set<PoolProcess>();
  #starting = 0;
  #startsAgainAt = 0;
  #whyFewer: string | null = null;
  readonly #drained: (() => void)[] = [];
  /** Told when somebody has come and has to wait: who has a process without need gives it back. */
  readonly borrowers = new Set<() => void>();

  constructor(size: number, processes: PoolProcesses) {
    this.#size = size;
    this.#processes = processes;
  }

  /** Processes that are up. */
  get up(): number {
    return [...this.#up].filter((process) => !process.isGone).length;
  }

  /** Of the last start that was refused or failed; null while there are as many as there may be, or none was. */
  get whyFewer(): string | null {
    return this.up < this.#size ? this.#whyFewer : null;
  }

  /** Processes that somebody has. */
  get taken(): number {
    return this.#up.size - this.#idle.length;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** How many can come before somebody has to wait until others are done. */
  get free(): number {
    return this.#size - this.taken;
  }

  add(waiting: Waiting): void {
    this.#queue.add(waiting);
    this.look();
    this.#tellBorrowers();
  }

  /** It had a process that was gone before it began. */
  addAgain(waiting: Waiting): void {
    this.#queue.addFirst(waiting);
    this.look();
    this.#tellBorrowers();
  }

  /** Waits no more. Safe for one that does not. */
  remove(waiting: Waiting): void {
    this.#queue.remove(waiting);
    this.look();
  }

  /** A process that somebody had is free, or gone. */
  giveBack(process: PoolProcess): void {
    if (process.isGone) return this.lose(process);
    this.#idle.push(process);
    this.look();
  }

  /** A process that somebody had is gone. */
  lose(process: PoolProcess, error?: unknown): void {
    this.#forget(process);
    if (error instanceof PostmasterDiedError) this.refuseAll(error);
    this.look();
  }

  refuseAll(error: unknown): void {
    for (let first = this.#queue.first; first !== undefined; first = this.#queue.first) this.#refuse(first, error);
  }

  /** A process that has nothing to do, if there is one. */
  tryTakeIdle(): PoolProcess | undefined {
    for (let process = this.#idle.pop(); process !== undefined; process = this.#idle.pop()) {
      if (!process.isGone) return process;
      this.#forget(process);
    }
    return undefined;
  }

  /** Serves who can be served, and starts what is missing. */
  look(): void {
    for (let first = this.#queue.first; first?.isReady === true; first = this.#queue.first) {
      const process = this.tryTakeIdle();
      if (process === undefined) break;
      this.#queue.remove(first);
      first.take(process);
    }
    while (this.#mayStart) void this.#start();
    if (this.#isDrained) for (const resolve of this.#drained.splice(0)) resolve();
  }

  /** Resolves when nobody waits and nobody has a process. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained.push(resolve);
      this.look();
    });
  }

  get #isDrained(): boolean {
    return this.#queue.length === 0 && this.taken === 0;
  }

  get #mayStart(): boolean {
    if (this.#queue.length <= this.#starting + this.#idle.length || !this.#hasRoom) return false;
    // With processes up there is somebody who serves the queue, and asks again.
    return this.#up.size + this.#starting === 0 || performance.now() >= this.#startsAgainAt;
  }

  get #hasRoom(): boolean {
    return this.#up.size + this.#starting < this.#size;
  }

  async #start(): Promise<void> {
    const { process, why, wasRefused } = await this.#attempt();
    if (process === null) this.#startFailed(why, wasRefused);
    else this.#idle.push(process);
    this.look();
  }

  /** One that is up now; or none, and why. */
  async #attempt(): Promise<{ process: PoolProcess | null; why: unknown; wasRefused: boolean }> {
    this.#starting += 1;
    const attempt = await this.#tryStart();
    this.#starting -= 1;
    if (attempt.process === null) {
      this.#startsAgainAt = performance.now() + RETRY_AFTER_MS;
      this.#whyFewer = describe(attempt.why);
    } else {
      this.#up.add(attempt.process);
    }
    return attempt;
  }

  async #tryStart(): Promise<{ process: PoolProcess | null; why: unknown; wasRefused: boolean }> {
    try {
      const process = await this.#processes.tryStart();
      if (process === null) return { process, why: this.#processes.refusal, wasRefused: true };
      const why = await process.whyNotStarted();
      if (why === null) return { process, why, wasRefused: false };
      this.#processes.forget(process);
      return { process: null, why, wasRefused: false };
    } catch (why) {
      return { process: null, why, wasRefused: false };
    }
  }

  #startFailed(why: unknown, wasRefused: boolean): void {
    if (why instanceof PostmasterDiedError) return this.refuseAll(why);
    if (this.#up.size > 0) return;
    if (wasRefused) {
      if (this.#starting === 0) this.refuseAll(why);
      return;
    }
    const { first } = this.#queue;
    if (first !== undefined) this.#refuse(first, why);
  }

  #tellBorrowers(): void {
    if (this.#queue.length > 0) for (const tell of [...this.borrowers]) tell();
  }

  #refuse(waiting: Waiting, error: unknown): void {
    this.#queue.remove(waiting);
    waiting.refuse(error);
  }

  #forget(process: PoolProcess): void {
    this.#up.delete(process);
    this.#processes.forget(process);
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { detail } = error as { readonly detail?: string | undefined };
  return detail === undefined ? error.message : `${error.message}: ${detail}`;
}
