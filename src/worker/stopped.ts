/**
 * The reason of `ctx.signal`: an error that says who asked the worker to stop, and why. Programs go by its `code`, or
 * by `origin`. Loaded only when a worker is asked to stop.
 */
import { BgworkerError } from '../base/index.js';
import type { StopOrder } from '../core/index.js';

/** An order of the postmaster, a signal that nobody ordered, or the postmaster's death. */
export type StopOrigin = StopOrder | 'signal' | 'postmasterDied';

export class WorkerStopped extends BgworkerError {
  override readonly name: string = 'WorkerStopped';
  readonly origin: StopOrigin;

  constructor(origin: StopOrigin) {
    const [code, message] = REASONS[origin];
    super(code, message);
    this.origin = origin;
  }
}

const REASONS: { readonly [Origin in StopOrigin]: readonly [code: string, message: string] } = {
  terminate: ['ERR_WORKER_TERMINATED', 'this worker is being terminated'],
  restart: ['ERR_WORKER_RESTARTING', 'this worker is being restarted'],
  ranTooLong: ['ERR_WORKER_RAN_TOO_LONG', 'this worker has run longer than it may'],
  clientGone: ['ERR_CLIENT_GONE', 'the client that this worker belongs to is gone'],
  postmasterShutdown: ['ERR_POSTMASTER_SHUTDOWN', 'the postmaster is shutting down'],
  signal: ['ERR_WORKER_SIGNALED', 'this worker was sent SIGTERM'],
  postmasterDied: ['ERR_POSTMASTER_DIED', 'the postmaster is gone'],
};
