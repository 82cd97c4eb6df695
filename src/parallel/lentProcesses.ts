/**
 * Processes that a pool lends to a run of many items, for as long as that lasts. Each is waited for like any call of the
 * pool: the run goes on with those it has, and has one more when its turn comes. They come back warm.
 *
 * A run may stand still for as long as its results are not taken, and who takes them may be waiting for a call of the same
 * pool. So what has nothing to do goes to whoever waits, and is asked for again when there is something (`sharing`).
 */
import { BgworkerError } from '../base/index.js';
import { TooManyWorkersError } from '../client/index.js';
import type { Dispatcher, Waiting } from './dispatcher.js';
import type { PoolProcess } from './poolProcess.js';
import type { Processes, Sharing } from './poolProcesses.js';

export class LentProcesses implements Processes, Sharing {
  readonly #dispatcher: Dispatcher;
  /** When the run is over, or was told that it is. */
  readonly over: Promise<void>;
  #isOver = (): void => {};
  readonly #lent = new Set<PoolProcess>();
  readonly #waiting = new Set<Waiting>();
  #error: unknown;
  #closing: Promise<void> | undefined;
  #refusal: string | null = null;
  #wanted = (): void => {};
  readonly #tell = (): void => this.#wanted();

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
    this.over = new Promise((resolve) => {
      this.#isOver = resolve;
    });
    dispatcher.borrowers.add(this.#tell);
  }

  get sharing(): Sharing {
    return this;
  }

  get areWanted(): boolean {
    return this.#dispatcher.waiting > this.#waiting.size;
  }

  onWanted(listener: () => void): void {
    this.#wanted = listener;
  }

  get whyFewer(): string | null {
    if (this.#refusal !== null || this.#waiting.size === 0) return this.#refusal;
    return this.#dispatcher.whyFewer ?? 'the pool has no other process free';
  }

  async tryStart(): Promise<PoolProcess | null> {
    if (this.#error !== undefined) throw this.#error;
    try {
      return await this.#wait();
    } catch (error) {
      if (!(error instanceof TooManyWorkersError)) throw error;
      this.#refusal = error.detail === undefined ? error.message : `${error.message}: ${error.detail}`;
      return null;
    }
  }

  /** At once, since it may be its room that somebody waits for, we ourselves included. */
  forget(process: PoolProcess): void {
    this.giveBack(process);
  }

  /** What is at work is killed, the rest goes back to the pool. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The pool wants them back, whatever they do. */
  async revoke(error: unknown): Promise<void> {
    this.#error ??= error;
    this.#waitNoMore(error);
    // Its run may never ask again, if nobody takes its results.
    const end = async (process: PoolProcess): Promise<void> => {
      await process.kill();
      this.giveBack(process);
    };
    await Promise.all([...this.#lent].map(end));
    this.#isOver();
  }

  #wait(): Promise<PoolProcess> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        isReady: true,
        take: (process) => {
          this.#waiting.delete(waiting);
          this.#lent.add(process);
          resolve(process);
        },
        refuse: (error) => {
          this.#waiting.delete(waiting);
          reject(error);
        },
      };
      this.#waiting.add(waiting);
      this.#dispatcher.add(waiting);
    });
  }

  #waitNoMore(error: unknown): void {
    for (const waiting of this.#waiting) {
      this.#dispatcher.remove(waiting);
      waiting.refuse(error);
    }
  }

  async #close(): Promise<void> {
    this.#dispatcher.borrowers.delete(this.#tell);
    this.#waitNoMore(this.#error ?? new BgworkerError('ERR_POOL_CLOSED', 'the run is over'));
    const end = async (process: PoolProcess): Promise<void> => {
      if (process.unanswered > 0) await process.kill();
      this.giveBack(process);
    };
    await Promise.all([...this.#lent].map(end));
    this.#isOver();
  }

  /** Once, whoever comes first: the run that is over, or the pool that wants it back. */
  giveBack(process: PoolProcess): void {
    if (this.#lent.delete(process)) this.#dispatcher.giveBack(process);
  }
}
