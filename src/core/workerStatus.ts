/**
 * What is told of a worker: the answer to a question, and the content of every notification. A status is complete in
 * itself, so a reader who missed some loses nothing but the history, and `sequence` tells him that he missed some.
 *
 * Promises: `sequence` rises by one with every status that was published for this worker; `notYetStarted` never comes
 * back once left (R-API-5); `final` is true exactly once, in the last status, and then nothing about it changes.
 */
import type { Phase, StopReason } from './stopReason.js';
import type { WorkerKey } from './workerHandle.js';

/** PostgreSQL's BGWH_NOT_YET_STARTED, BGWH_STARTED, BGWH_STOPPED. The fourth, postmasterDied, only a client can know. */
export type StatusWord = 'notYetStarted' | 'started' | 'stopped';

/**
 * How the process of an attempt came to be: a spare was given the job, or a process was made for it, and then why.
 *
 * `noSpare`: none was idle. `spareLost`: one was given the job and was gone, or out of date, before it took it.
 * `execArgv`, `nodePath`, `maxOldSpaceMb`, `env`: what the worker asks for can be had only from its birth on; `env`
 * names the variable.
 */
export type StartedFrom =
  | { readonly kind: 'spare' }
  | { readonly kind: 'cold'; readonly because: Exclude<ColdCause, 'env'> }
  | { readonly kind: 'cold'; readonly because: 'env'; readonly variable: string };

/** Why a process was made for an attempt although there are spares. */
export type ColdCause = 'noSpare' | 'spareLost' | 'execArgv' | 'nodePath' | 'maxOldSpaceMb' | 'env';

export interface WorkerStatus extends WorkerKey {
  readonly name: string;
  readonly sequence: number;
  readonly status: StatusWord;
  /** How far the attempt under way has come; null while there is no process. */
  readonly phase: Phase | null;
  readonly pid: number | null;
  /** How the process of the newest attempt came to be; null before the first. */
  readonly startedFrom: StartedFrom | null;
  /** Attempts to start it so far, the one under way included. */
  readonly attempts: number;
  /** Ends of attempts so far, failed starts included. */
  readonly deaths: number;
  /** Why the newest attempt that ended did; null while none has. */
  readonly reason: StopReason | null;
  /** Nothing more will ever happen to this worker. */
  readonly final: boolean;
  /** It is not running now and will be started again, or is being started again already. */
  readonly willRestart: boolean;
  /** When, on the postmaster's monotonic clock; null when that is not known yet. */
  readonly retryAt: number | null;
  /** What the run that returned gave back, as the worker serialised it; null when there is nothing to give. */
  readonly result: WorkerResult | null;
}

/**
 * A result is opaque to everybody but the worker and the client: bytes that `v8.serialize` made. `problem` says why
 * there are none although the function returned.
 */
export type WorkerResult =
  | { readonly state: 'bytes'; readonly bytes: Uint8Array }
  | { readonly state: 'problem'; readonly code: string; readonly message: string; readonly hint: string };

/** A line of `client.activity()` and `bgworker ps`: a worker that holds a slot, for people. */
export interface ActivityRow extends WorkerKey {
  /** For people; it need not be unique. */
  readonly name: string;
  /** What kind of worker it is. */
  readonly type: string;
  /** Which limit it counts against. */
  readonly class: string;
  /** A file URL. */
  readonly module: string;
  /** The export that is called; null for a script. */
  readonly functionName: string | null;
  /** PostgreSQL's. */
  readonly status: StatusWord;
  /** How far the attempt under way has come; null while there is no process. */
  readonly phase: Phase | null;
  /** In words: what it is doing or waiting for, for example `running` or `restarting in 2.0 s`. */
  readonly state: string;
  /** Of its process, while there is one. */
  readonly pid: number | null;
  /** How the process of the newest attempt came to be; null before the first. */
  readonly startedFrom: StartedFrom | null;
  /** Attempts to start it so far, the one under way included. */
  readonly attempts: number;
  /** Ends of attempts so far, failed starts included. */
  readonly deaths: number;
  readonly reason: StopReason | null;
  readonly retryAt: number | null;
  readonly forkedAt: number | null;
  /** What it last said with `ctx.progress()`; null when it has not. */
  readonly progress: { readonly done: number; readonly total: number | null } | null;
  /** What it waits for, by one of the names in docs/wait-events.md; null when it waits for nothing that has one. */
  readonly waitEvent: string | null;
}

/** The spares, for people. */
export interface SparesActivity {
  /** How many there should be now. */
  readonly wanted: number;
  /** How many could take a job now. */
  readonly idle: number;
  /** How many are on the way. */
  readonly booting: number;
  /** Spares that died by themselves since one took a job: something is wrong with making them. */
  readonly deaths: number;
  /** When the next one is tried after such a death, on the postmaster's monotonic clock; null when none died. */
  readonly retryAt: number | null;
}
