/**
 * The client's latch: set on every notification of any worker this client watches, so that one wait covers all of a
 * process's business. As the latch of protocol/latch.ts, and waiting for it keeps the process alive.
 *
 * Model: MyLatch, which C sets on every SIGUSR1 (set_latch_on_sigusr1, later always: R-API-16).
 */
import type { Latch, LatchEvent, LatchWaitOptions } from '../protocol/index.js';

/**
 * A latch that is set on every notification of any worker this client watches, so that one wait covers all of a
 * process's business. PostgreSQL: MyLatch.
 */
export class ClientLatch {
  readonly #latch: Latch;
  readonly #holdWhile: <T>(promise: Promise<T>) => Promise<T>;

  /** @internal */
  constructor(latch: Latch, holdWhile: <T>(promise: Promise<T>) => Promise<T>) {
    this.#latch = latch;
    this.#holdWhile = holdWhile;
  }

  /** Whether it was set since the last reset. */
  get isSet(): boolean {
    return this.#latch.isSet;
  }

  /** Ends every wait for it, now and until the reset. */
  set(): void {
    this.#latch.set();
  }

  /** Reset first, then look at what there is to do, then wait: in this order nothing is lost. */
  reset(): void {
    this.#latch.reset();
  }

  /** Resolves at once while it is set. Rejects with the signal's reason. */
  wait(options?: LatchWaitOptions): Promise<LatchEvent> {
    return this.#holdWhile(this.#latch.wait(options));
  }
}
