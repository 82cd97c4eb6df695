/**
 * Being asked to stop: by the postmaster, by a SIGTERM from elsewhere, or by the postmaster's death. What follows is
 * decided once, when the first of them comes:
 *
 * - A worker that has taken its end into its own hands is told, by its signal: it has read `ctx.signal`, or used
 *   something that ends with it, or listens for SIGTERM itself.
 * - Any other ends at once, as PostgreSQL's default handler does (R-WK-3): `onUnheeded`.
 *
 * A process that is a spare, and no worker yet, ends at once in any case: nothing in it has begun that could want to
 * end in order.
 *
 * Who asked matters, since an end that the postmaster wanted is no failure. The postmaster writes its order before it
 * sends SIGTERM, so when the signal arrives the order is already in the descriptor: a SIGTERM is judged a turn of the
 * event loop later, when that has been read.
 *
 * SIGTERM reaches the worker's own listeners by itself. The postmaster's death does not, so a worker that listens for
 * SIGTERM is given that event for it.
 */
import type { StopOrder } from '../core/index.js';
import type { isMadeOf, StopOrigin } from './stopped.js';

export interface StopRequestOptions {
  /** The worker is to end at once. */
  readonly onUnheeded: () => void;
  /** It has no worker's life to bring to an end. */
  readonly isSpare: () => boolean;
  /** Resolves when orders of the postmaster are being read. */
  readonly listen: () => Promise<void>;
}

export class StopRequest {
  readonly #controller = new AbortController();
  readonly #options: StopRequestOptions;
  /** Loaded with the reason, so nothing is made of one before. */
  #isMadeOf: typeof isMadeOf = () => false;
  #isHeeded = false;
  #state: 'none' | 'judging' | 'asked' = 'none';
  /** The postmaster wants it, or is no longer there to want anything; perhaps after somebody else had asked. */
  #isOrdered = false;

  constructor(options: StopRequestOptions) {
    this.#options = options;
  }

  /** The worker's signal, for the worker: looking at it counts as taking care of one's own end. */
  heed(): AbortSignal {
    this.#isHeeded = true;
    return this.#controller.signal;
  }

  /** The same, for our own use. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Also while it is not decided yet who asked. */
  get wasAsked(): boolean {
    return this.#state !== 'none';
  }

  get by(): 'postmaster' | 'signal' {
    return this.#isOrdered ? 'postmaster' : 'signal';
  }

  ordered(order: StopOrder): void {
    this.#isOrdered = true;
    this.#ask(order, listensForSigterm());
  }

  postmasterDied(): void {
    this.#isOrdered = true;
    if (this.#state === 'asked') return;
    const listens = listensForSigterm();
    this.#ask('postmasterDied', listens);
    if (listens) process.emit('SIGTERM', 'SIGTERM');
  }

  /** Called by the first listener for SIGTERM, while a listener of the worker's that serves only once is still there. */
  signaled(): void {
    if (this.#state !== 'none') return;
    this.#state = 'judging';
    // Not a turn later, when it might have become a worker.
    if (this.#options.isSpare()) return this.#options.onUnheeded();
    const listens = listensForSigterm();
    const judge = (): void => this.#ask('signal', listens);
    void this.#options.listen().then(() => setImmediate(() => setImmediate(judge)));
  }

  /** Did this error come of being asked to stop? */
  explains(error: unknown): boolean {
    const { aborted, reason } = this.#controller.signal;
    return aborted && this.#isMadeOf(reason, error);
  }

  #ask(origin: StopOrigin, listens: boolean): void {
    if (this.#state === 'asked') return;
    this.#state = 'asked';
    if (this.#options.isSpare()) this.#options.onUnheeded();
    else if (!this.#isHeeded && !listens && !listensForSigterm()) this.#options.onUnheeded();
    else void this.#abort(origin);
  }

  async #abort(origin: StopOrigin): Promise<void> {
    const { WorkerStopped, isMadeOf } = await import('./stopped.js');
    this.#isMadeOf = isMadeOf;
    this.#controller.abort(new WorkerStopped(origin));
  }
}

/** One listener is ours (main.ts). */
function listensForSigterm(): boolean {
  return process.listenerCount('SIGTERM') > 1;
}
