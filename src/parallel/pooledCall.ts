/**
 * One call of a pool, from the queue to its answer. It is settled once, by whichever comes first: its answer, its abort,
 * its time-out, the end of its process, or a refusal.
 *
 * - Aborted while it waits, it just leaves the queue.
 * - Aborted while a process has it, that process is killed, and the caller is told when it is gone: a call that was
 *   rejected does nothing any more.
 * - A process that was gone before it began with it has done nothing of it, so another one gets it; but not for ever,
 *   since something might end every process that is started.
 */
import type { LongTimer } from '../base/index.js';
import { BgworkerError, startLongTimer } from '../base/index.js';
import { WorkerError } from '../client/index.js';
import type { WorkerPlace } from '../protocol/index.js';
import type { Dispatcher, Waiting } from './dispatcher.js';
import type { Answer, Concerned, Parcel, PoolProcess } from './poolProcess.js';

/** Each of them ended between two calls, when nobody knew it yet: seldom, unless it is what they always do. */
const MAX_TRIES = 3;

export interface CallOptions {
  readonly dispatcher: Dispatcher;
  readonly parcel: Parcel;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** It is settled, or about to be. */
  readonly over: () => void;
}

export class PooledCall implements Waiting, Concerned {
  readonly #options: CallOptions;
  readonly #aborted = (): void => this.cancel(this.#options.signal?.reason);
  #state: 'waiting' | 'running' | 'ending' | 'settled' = 'waiting';
  #place: WorkerPlace | undefined;
  #process: PoolProcess | undefined;
  #timer: LongTimer | undefined;
  #tries = 0;

  constructor(options: CallOptions) {
    this.#options = options;
    options.signal?.addEventListener('abort', this.#aborted, { once: true });
  }

  /** Where its function is, which may have to be found out while it waits. */
  set place(place: WorkerPlace) {
    this.#place = place;
  }

  get isReady(): boolean {
    return this.#place !== undefined;
  }

  take(process: PoolProcess): void {
    const { parcel, timeoutMs } = this.#options;
    if (this.#place === undefined) return;
    this.#state = 'running';
    this.#process = process;
    this.#tries += 1;
    if (timeoutMs !== Infinity) this.#timer = startLongTimer(timeoutMs, () => this.cancel(this.#timedOut()));
    process.give(this.#place, parcel, this);
  }

  refuse(error: unknown): void {
    this.#settle(() => this.#options.reject(error));
  }

  answered({ values, errors }: Answer): void {
    // Its process is being killed.
    if (this.#state !== 'running') return;
    const { resolve, reject } = this.#options;
    const error = errors.get(0);
    this.#settle(() => (error === undefined ? resolve(values[0]) : reject(error)));
    if (this.#process !== undefined) this.#options.dispatcher.giveBack(this.#process);
  }

  failed(error: unknown, hasBegun: boolean): void {
    if (this.#state !== 'running' || this.#process === undefined) return;
    const { dispatcher, reject } = this.#options;
    const process = this.#process;
    if (error instanceof WorkerError && !hasBegun && this.#tries < MAX_TRIES) {
      this.#timer?.stop();
      this.#state = 'waiting';
      this.#process = undefined;
      // It waits again before anybody can find that there is nothing left to do.
      dispatcher.addAgain(this);
    } else {
      this.#settle(() => reject(error));
    }
    if (process.isGone) dispatcher.lose(process, error);
    else dispatcher.giveBack(process);
  }

  /** Whatever it does: it is rejected with this error, when nothing of it goes on any more. */
  cancel(error: unknown): void {
    const { dispatcher, reject } = this.#options;
    if (this.#state === 'waiting') {
      this.#settle(() => reject(error));
      dispatcher.remove(this);
      return;
    }
    if (this.#state !== 'running' || this.#process === undefined) return;
    const process = this.#process;
    this.#state = 'ending';
    this.#timer?.stop();
    void process.kill().then(() => {
      this.#settle(() => reject(error));
      dispatcher.lose(process);
    });
  }

  #settle(tell: () => void): void {
    if (this.#state === 'settled') return;
    this.#state = 'settled';
    this.#timer?.stop();
    this.#options.signal?.removeEventListener('abort', this.#aborted);
    this.#options.over();
    tell();
  }

  #timedOut(): BgworkerError {
    const { timeoutMs } = this.#options;
    return new BgworkerError('ERR_CALL_TIMED_OUT', 'the call took too long', {
      detail: `it had ${timeoutMs} ms, in process ${this.#process?.handle.pid}`,
      hint: 'raise timeoutMs; its process was killed, and nothing of the call goes on',
    });
  }
}
