/**
 * The signal of a worker's function that runs without a process, and whether the function has taken its end into its
 * own hands: worker/stopRequest.ts without the signals of the operating system.
 */
import type { StopOrigin } from '../worker/withoutProcess.js';
import { isMadeOf, WorkerStopped } from '../worker/withoutProcess.js';

export class StopSignal {
  readonly #controller = new AbortController();
  #isHeeded = false;

  /** Looking at it counts as taking care of one's own end. */
  heed(): AbortSignal {
    this.#isHeeded = true;
    return this.#controller.signal;
  }

  get isHeeded(): boolean {
    return this.#isHeeded;
  }

  get isAborted(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Aborts with the error that a worker's process would have as the reason. The first origin stays. */
  abort(origin: StopOrigin): void {
    this.#controller.abort(new WorkerStopped(origin));
  }

  /** Did this error come of being asked to stop? */
  explains(error: unknown): boolean {
    const { aborted, reason } = this.#controller.signal;
    return aborted && isMadeOf(reason, error);
  }
}
