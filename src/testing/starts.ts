/**
 * Every start of a worker, in order: which of them fails, which is the test's to play, and who waits for the next one.
 * The whole record is kept, as it is for a test to read.
 */
import { BgworkerError } from '../base/index.js';
import type { BackgroundWorker } from '../core/index.js';
import type { Attempt } from './attempt.js';
import type { Casting } from './fakeProcesses.js';
import { FakeWorker } from './fakeWorker.js';
import { namesOf } from './functions.js';
import type { Quiet } from './quiet.js';
import type { StartFailure } from './startFailure.js';
import { checkStartFailure } from './startFailure.js';

/** A name of a worker or of its export; undefined is any. */
type Name = string | undefined;

interface Failing {
  readonly failure: StartFailure;
  readonly name: Name;
  times: number;
}

interface Waiter {
  readonly name: Name;
  readonly give: (worker: FakeWorker) => void;
}

export interface StartsOptions {
  readonly quiet: Quiet;
  /** What is not the test's to play. */
  play(attempt: Attempt, worker: FakeWorker): void;
}

export class Starts implements Casting {
  readonly all: FakeWorker[] = [];
  readonly #options: StartsOptions;
  readonly #unseen: FakeWorker[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #failing: Failing[] = [];

  constructor(options: StartsOptions) {
    this.#options = options;
  }

  fail(failure: StartFailure, name: Name, times: number): void {
    checkStartFailure(failure);
    this.#failing.push({ failure, name, times });
  }

  /** The oldest that no call has given yet, or the next. */
  next(name: Name, signal: AbortSignal | undefined): Promise<FakeWorker> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const seen = this.#unseen.findIndex((worker) => isCalled(worker.definition, name));
      const [worker] = seen === -1 ? [] : this.#unseen.splice(seen, 1);
      if (worker !== undefined) return resolve(worker);
      const waiter: Waiter = {
        name,
        give: (found) => {
          signal?.removeEventListener('abort', aborted);
          resolve(found);
        },
      };
      const aborted = (): void => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', aborted, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** The newest of a worker, by its handle or a name. */
  newest(worker: string): FakeWorker {
    const found = this.all.findLast(({ entry, definition }) => entry.handle === worker || isCalled(definition, worker));
    if (found !== undefined) return found;
    throw new BgworkerError('ERR_UNKNOWN_WORKER', 'no such worker was started', {
      detail: `${worker}; there were ${this.all.map(({ name }) => name).join(', ') || 'none'}`,
      hint: 'await fake.nextStart() first: it resolves when a process has been made',
    });
  }

  comingFailure(worker: BackgroundWorker): StartFailure | undefined {
    return this.#failingFor(worker)?.failure;
  }

  nextFailure(worker: BackgroundWorker): StartFailure | undefined {
    const failing = this.#failingFor(worker);
    if (failing === undefined) return undefined;
    failing.times -= 1;
    if (failing.times <= 0) this.#failing.splice(this.#failing.indexOf(failing), 1);
    return failing.failure;
  }

  started(attempt: Attempt): void {
    const worker = new FakeWorker(attempt, this.#options.quiet);
    this.all.push(worker);
    const [waiter] = [...this.#waiters].filter(({ name }) => isCalled(attempt.worker, name));
    if (waiter === undefined) this.#unseen.push(worker);
    else {
      this.#waiters.delete(waiter);
      waiter.give(worker);
    }
    this.#options.play(attempt, worker);
  }

  #failingFor(worker: BackgroundWorker): Failing | undefined {
    return this.#failing.find(({ name }) => isCalled(worker, name));
  }
}

function isCalled(worker: BackgroundWorker, name: Name): boolean {
  return name === undefined || namesOf(worker).includes(name);
}
