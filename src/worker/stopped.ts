/**
 * The reason of `ctx.signal`: an error that says who asked the worker to stop, and why. Loaded when one is asked.
 */
import { BgworkerError } from '../base/index.js';
import type { StopOrigin } from './stopRequest.js';

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
