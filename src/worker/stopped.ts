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
    const [code, message] = isKnown(origin) ? REASONS[origin] : UNKNOWN;
    super(code, message);
    this.origin = origin;
  }
}

/** Causes of causes are looked through so far, and no further. */
const MAX_CAUSE_DEPTH = 8;

/** Did this error come of being asked to stop: is it the signal's reason, or was it made of that? */
export function isMadeOf(reason: unknown, error: unknown): boolean {
  let cause: unknown = error;
  for (let depth = 0; depth < MAX_CAUSE_DEPTH; depth++) {
    if (cause === reason) return true;
    if (!(cause instanceof Error)) return false;
    // Who makes an AbortError without a cause kept nothing of the reason, and there is no other reason we know of.
    if (cause.cause === undefined) return cause.name === 'AbortError';
    cause = cause.cause;
  }
  return false;
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

/** What an order says that only a newer postmaster gives: to stop, in any case. */
const UNKNOWN = ['ERR_WORKER_TERMINATED', 'this worker is to stop'] as const;

function isKnown(origin: string): origin is StopOrigin {
  return Object.hasOwn(REASONS, origin);
}
