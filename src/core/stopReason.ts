/**
 * Why a worker stopped: a closed union, one kind for each thing that can happen to a worker, beside the circumstances
 * that are known whatever the kind. It is never a guess and never a time-out's: each kind is decided from facts by
 * exitJudgement.ts (a process that ended) or by the file that ended the worker (shutdown.ts, lifecycle.ts).
 *
 * PostgreSQL has only STOPPED, with at least seven causes that cannot be told apart (R-API-3); its four statuses stay
 * as they are, and the reason stands beside them.
 */
import type { ErrorRecord } from './errorRecord.js';

/**
 * How far an attempt to start has come. Started means `running` or `ready`: the worker's own function was entered.
 *
 * `forked`: there is a process. `runtime`: Node is up in it and has answered. `loading`: it has its job and loads the
 * module. `running`: its function was called. `ready`: it called `ctx.ready()`.
 */
export type Phase = 'forked' | 'runtime' | 'loading' | 'running' | 'ready';

/** What happened, with what belongs to that kind. docs/reasons.md says of each what to do. */
export type StopCause =
  /** The system could not make the process. `what` names what it could not do, `errno` why, as the system names it. */
  | { readonly kind: 'spawnFailed'; readonly errno: string; readonly what: string }
  /**
   * The process ended before Node was up in it: a flag it does not know, a broken executable, a kill. With an error: the
   * package under the postmaster is gone, or was replaced by a version that does not fit it.
   */
  | { readonly kind: 'diedBeforeRuntime'; readonly error?: ErrorRecord }
  /** It ended while its module was loading, without an error that could be reported: `process.exit()` at import. */
  | { readonly kind: 'diedBeforeRunning' }
  /** The module, or something that it imports, is not there. */
  | { readonly kind: 'moduleNotFound'; readonly path: string; readonly error?: ErrorRecord }
  /** It threw while it was loaded, or has a syntax error. */
  | { readonly kind: 'moduleThrew'; readonly error: ErrorRecord }
  /** It was loaded, and does not export the function `name`; `exports` is what it has. */
  | { readonly kind: 'exportMissing'; readonly name: string; readonly exports: readonly string[] }
  /** The event loop ran empty while the module or the function was still waiting: it waited for what cannot come. */
  | { readonly kind: 'neverSettled' }
  /** Its function returned. */
  | { readonly kind: 'returned' }
  /** It called `process.exit(0)` itself: done for good, but there is no result. */
  | { readonly kind: 'exitedWithoutReturning' }
  /** It ended with an exit code, and none of the other kinds says why. */
  | { readonly kind: 'exited' }
  /** Its function threw, or something in it did that nobody caught. */
  | { readonly kind: 'threw'; readonly error: ErrorRecord }
  /** A signal ended it that we did not send. */
  | { readonly kind: 'signaled' }
  /** The JavaScript heap was exhausted, as Node's own report says. */
  | { readonly kind: 'outOfMemory' }
  /** It used more memory than `resourceLimits.maxRssBytes`. */
  | { readonly kind: 'memoryLimit'; readonly rssBytes: number }
  /** It ran longer than `maxRunMs`; `escalated`: it did not stop when it was asked to, and was killed. */
  | { readonly kind: 'ranTooLong'; readonly maxRunMs: number; readonly escalated: boolean }
  /** Somebody terminated it; `escalated` as above. */
  | { readonly kind: 'terminated'; readonly escalated: boolean }
  /** It was asked to stop before its function was entered. */
  | { readonly kind: 'terminatedBeforeStart' }
  /** Its life was tied to the client that registered it, and that client is gone. */
  | { readonly kind: 'clientGone' }
  /** Another member of its crash group crashed. */
  | { readonly kind: 'crashGroup'; readonly origin: string }
  /** It died so often that it is not started again; `last` is what it died of the last time. */
  | { readonly kind: 'crashLoop'; readonly deaths: number; readonly periodMs: number; readonly last: StopCause }
  /** The process lived, but closed its control channel, so nothing more could be known of it. */
  | { readonly kind: 'lostConnection' }
  /** With its postmaster. */
  | { readonly kind: 'postmasterShutdown'; readonly mode: ShutdownMode }
  /** The worker stopped so long ago that the postmaster no longer keeps its last word. */
  | { readonly kind: 'forgotten' };

/** One of a closed list: a `switch` over it is complete. */
export type StopKind = StopCause['kind'];

/** PostgreSQL's: wait until all clients have left; ask every worker to stop; kill them. */
export type ShutdownMode = 'smart' | 'fast' | 'immediate';

/** What is known of every end, whatever its kind. */
export interface Circumstances {
  /** How far it had come; null when there was no process. */
  readonly phase: Phase | null;
  readonly pid: number | null;
  readonly code: number | null;
  readonly signal: string | null;
  /** The last of what it printed to both streams, in order of arrival. */
  readonly output: string;
  /** Which attempt to start it this was the end of, counted from 1; 0 when none had been made. */
  readonly attempt: number;
  /** Instants on the postmaster's monotonic clock, in milliseconds; null for what did not happen. */
  readonly forkedAt: number | null;
  readonly enteredAt: number | null;
  readonly stoppedAt: number;
}

export type StopReason = StopCause & Circumstances;

/** The circumstances, and the cause behind them: V8 copies a spread that stands last a hundred times as fast. */
export function stopReason(cause: StopCause, circumstances: Circumstances): StopReason {
  const { phase, pid, code, signal, output, attempt, forkedAt, enteredAt, stoppedAt } = circumstances;
  return { phase, pid, code, signal, output, attempt, forkedAt, enteredAt, stoppedAt, ...cause };
}
