/**
 * The errors a client throws, each a BgworkerError with a code that stays what it is; the messages do not. The classes
 * are for what carries more than a text; everything else is a plain BgworkerError, made where it is found.
 */
import type { ErrorOptions } from '../base/index.js';
import { BgworkerError } from '../base/index.js';
import type { GoodbyeDetail, Introduction } from '../protocol/index.js';
import type { WorkerStopReason } from './workerState.js';

/** The handle of the worker an error is about. */
export interface WorkerReference {
  /** As `toString()` writes it. */
  readonly id: string;
  /** For people; it need not be unique. */
  readonly name: string;
  /** Of the last process it had; null when it had none. */
  readonly pid: number | null;
  /** Asks the worker to stop for good, and kills it when its time is over. */
  terminate(): Promise<void>;
  /** The same text as `id`. */
  toString(): string;
}

interface WorkerErrorOptions extends ErrorOptions {
  readonly reason: WorkerStopReason;
  readonly handle: WorkerReference;
}

/**
 * A worker ended without giving a result. `reason` says why it stopped; `cause` is what it threw, made anew in this
 * process, if it threw anything. Code `ERR_WORKER_FAILED`.
 */
export class WorkerError extends BgworkerError {
  override readonly name: string = 'WorkerError';
  /** Why it stopped. */
  readonly reason: WorkerStopReason;
  /** Out of the sight of util.inspect: errors are printed often, and a handle says little there. */
  readonly #handle: WorkerReference;

  /** @internal */
  constructor(message: string, options: WorkerErrorOptions, code = 'ERR_WORKER_FAILED') {
    super(code, message, options);
    this.reason = options.reason;
    this.#handle = options.handle;
  }

  /** The worker. */
  get handle(): WorkerReference {
    return this.#handle;
  }
}

/**
 * `launch` could not start a worker: its function was never entered. The message tells what, why and where, and the
 * last of what it printed. Code `ERR_WORKER_NOT_STARTED`.
 */
export class WorkerStartError extends BgworkerError {
  override readonly name: string = 'WorkerStartError';
  /** Why the attempt to start it ended. */
  readonly reason: WorkerStopReason;
  /** The postmaster will try again; terminate the handle if that is not wanted. */
  readonly willRestart: boolean;
  readonly #handle: WorkerReference;

  /** @internal */
  constructor(message: string, options: WorkerErrorOptions & { readonly willRestart: boolean }) {
    super('ERR_WORKER_NOT_STARTED', message, options);
    this.reason = options.reason;
    this.willRestart = options.willRestart;
    this.#handle = options.handle;
  }

  /** For one that is started again: it can still be waited for, or terminated. */
  get handle(): WorkerReference {
    return this.#handle;
  }
}

/**
 * No slot is free. `detail` names the limit that was hit and who holds the slots. Nothing was registered; it is safe
 * to try again, or to register with `waitForSlot`. Code `ERR_TOO_MANY_WORKERS`.
 */
export class TooManyWorkersError extends BgworkerError {
  override readonly name: string = 'TooManyWorkersError';

  /** @internal */
  constructor(options: ErrorOptions) {
    super('ERR_TOO_MANY_WORKERS', 'no slot for another background worker', options);
  }
}

/**
 * The postmaster is gone; its workers are gone or go within its grace. Whether what was just asked for was still done
 * is not known, and does not matter: nothing of it is left. Code `ERR_POSTMASTER_DIED`.
 */
export class PostmasterDiedError extends BgworkerError {
  override readonly name: string = 'PostmasterDiedError';

  /** @internal */
  constructor(detail: string) {
    super('ERR_POSTMASTER_DIED', 'the postmaster is gone', {
      detail,
      hint: 'connect again, workers must be registered anew; bgworker logs shows the last that a daemon wrote',
    });
  }
}

/**
 * The two sides are versions that cannot talk to each other: a daemon outlived an update of the package by more than one
 * minor version. `detail` names both versions, both places and both processes, `hint` the command that mends it; the two
 * copies are also fields, for programs. Code `ERR_PROTOCOL_MISMATCH`.
 */
export class ProtocolMismatchError extends BgworkerError {
  override readonly name: string = 'ProtocolMismatchError';
  /** This process. */
  readonly client: PackageCopy;
  /** Null when it did not say. */
  readonly postmaster: PackageCopy | null;

  /** @internal */
  constructor(refusal: GoodbyeDetail, client: Introduction, postmaster: Introduction | null) {
    super('ERR_PROTOCOL_MISMATCH', refusal.message, refusal);
    this.client = copyOf(client);
    this.postmaster = postmaster === null ? null : copyOf(postmaster);
  }
}

/** Which copy of the package a process runs. */
export interface PackageCopy {
  /** Of the package. */
  readonly version: string;
  /** The folder of its package.json. */
  readonly path: string;
  /** Of the process that runs it. */
  readonly pid: number;
}

function copyOf({ package: version, path, pid }: Introduction): PackageCopy {
  return { version, path, pid };
}

/** The error for a request that the postmaster answered with a refusal. */
export function errorOfRefusal(refusal: {
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}): BgworkerError {
  if (refusal.code === 'ERR_TOO_MANY_WORKERS') return new TooManyWorkersError(refusal);
  if (refusal.code === 'ERR_INVALID_BACKGROUND_WORKER') {
    // The same check has found nothing here.
    const hint =
      'the postmaster is another version of bgworker than this process, and knows other fields: restart the older';
    return new BgworkerError(refusal.code, refusal.message, { ...refusal, hint });
  }
  return new BgworkerError(refusal.code, refusal.message, refusal);
}
