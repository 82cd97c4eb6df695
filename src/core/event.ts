/**
 * The facts the core decides from. Each is something that has happened, with the monotonic instant `at` (milliseconds)
 * at which the postmaster learned of it. Time and chance come only from here: the core has no clock and rolls no dice.
 *
 * Facts about a process name the attempt, so that what is left of an earlier attempt can never be taken for news of
 * the present one.
 */
import type { BackgroundWorker } from './backgroundWorker.js';
import type { ErrorRecord } from './errorRecord.js';
import type { Limits } from './limits.js';
import type { ShutdownMode } from './stopReason.js';
import type { WorkerKey } from './workerHandle.js';
import type { WorkerResult } from './workerStatus.js';

/** A connection, by a number that is never used twice. */
export type ClientId = number;

/** A segment of shared memory, by a number that is counted up and never used twice. */
export type SegmentId = number;

/** One attempt to start one worker. */
export interface AttemptKey extends WorkerKey {
  readonly attempt: number;
}

interface Request {
  readonly client: ClientId;
  /** The client's own number for it; the reply carries it back. */
  readonly request: number;
}

interface RequestAboutWorker extends Request, WorkerKey {}

interface RequestAboutSegment extends Request {
  readonly id: SegmentId;
}

export type ClientEvent =
  /** `worker` when the client lives in a background worker: such a client does not hold up a smart shutdown. */
  | { readonly type: 'clientConnected'; readonly client: ClientId; readonly worker: WorkerKey | null }
  | { readonly type: 'clientGone'; readonly client: ClientId }
  /** Its socket takes no more for now. Until `clientDrained`, only the newest status of each worker is kept for it. */
  | { readonly type: 'clientBlocked'; readonly client: ClientId }
  | { readonly type: 'clientDrained'; readonly client: ClientId }
  | (Request & {
      readonly type: 'registrationRequested';
      /** Unique for this request in the world: asked twice with the same key, one worker is registered. */
      readonly key: string;
      readonly worker: BackgroundWorker;
      /** Wait for a slot instead of being refused. */
      readonly waitForSlot: boolean;
    })
  /** The client no longer wants the answer to a request that waits. */
  | (Request & { readonly type: 'requestWithdrawn' })
  | (RequestAboutWorker & { readonly type: 'statusRequested' })
  /** Answered with the present status; every later one follows as a notification. */
  | (RequestAboutWorker & { readonly type: 'watchRequested' })
  | ({ readonly type: 'watchEnded'; readonly client: ClientId } & WorkerKey)
  /** Every start and death of every worker. */
  | (Request & { readonly type: 'watchAllRequested' })
  | { readonly type: 'watchAllEnded'; readonly client: ClientId }
  | (RequestAboutWorker & { readonly type: 'terminationRequested'; readonly timeoutMs: number | null })
  | (RequestAboutWorker & { readonly type: 'restartRequested' });

/** What clients ask of shared memory. */
export type MemoryEvent =
  | (Request & { readonly type: 'memoryJoinRequested' })
  | (Request & { readonly type: 'segmentRequested'; readonly sizeBytes: number })
  | (Request & { readonly type: 'namedSegmentRequested'; readonly name: string; readonly sizeBytes: number })
  /** Whoever was told to make a named segment ready has done so. */
  | (RequestAboutSegment & { readonly type: 'segmentInitialised' })
  | (RequestAboutSegment & { readonly type: 'segmentAttachRequested' })
  | (RequestAboutSegment & { readonly type: 'segmentPinRequested' })
  | (RequestAboutSegment & { readonly type: 'segmentUnpinRequested' })
  | { readonly type: 'segmentDetached'; readonly client: ClientId; readonly id: SegmentId };

export type WorkerEvent =
  | (AttemptKey & { readonly type: 'workerForked'; readonly pid: number })
  | (AttemptKey & {
      readonly type: 'spawnFailed';
      readonly errno: string;
      readonly what: string;
      /** In [0, 1). */
      readonly jitter: number;
    })
  | (AttemptKey & { readonly type: 'runtimeUp' })
  | (AttemptKey & { readonly type: 'moduleLoading' })
  | (AttemptKey & { readonly type: 'functionEntered' })
  | (AttemptKey & { readonly type: 'readyReported' })
  | (AttemptKey & { readonly type: 'progressReported'; readonly done: number; readonly total: number | null })
  | (AttemptKey & { readonly type: 'waitEventTold'; readonly event: string | null })
  | (AttemptKey & { readonly type: 'workerSaid'; readonly saying: Saying })
  /** The process is gone, and its channel and output were read to the end. */
  | (AttemptKey & { readonly type: 'workerExited'; readonly jitter: number } & ExitFacts)
  /** The channel ended while the process lives. */
  | (AttemptKey & { readonly type: 'channelLost' })
  | (AttemptKey & { readonly type: 'memoryMeasured'; readonly rssBytes: number });

export interface ExitFacts {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
  /** Node's diagnostic report of this process says that the heap was exhausted. */
  readonly outOfMemory: boolean;
  /** Why nothing can be started from the files of the package that are there now; then it never got as far as Node. */
  readonly packageError?: ErrorRecord;
}

/** What a worker tells of its own end before it ends. */
export type Saying =
  | { readonly word: 'moduleNotFound'; readonly path: string; readonly error: ErrorRecord }
  | { readonly word: 'moduleThrew'; readonly error: ErrorRecord }
  | { readonly word: 'exportMissing'; readonly name: string; readonly exports: readonly string[] }
  | { readonly word: 'neverSettled' }
  /** `asked`: it had been asked to stop by then. */
  | { readonly word: 'returned'; readonly asked: boolean; readonly result: WorkerResult | null }
  | { readonly word: 'threw'; readonly error: ErrorRecord }
  /** It stopped because it was asked to: its function ended with the signal's own reason, or it does not listen. */
  | { readonly word: 'stoppedAsAsked'; readonly by: 'postmaster' | 'signal' }
  /** `process.exit(code)` was called. */
  | { readonly word: 'exiting'; readonly code: number };

export type PostmasterEvent =
  /** The first event of a life: the workers named by the settings, and whether spares are wanted before any start. */
  | {
      readonly type: 'postmasterStarted';
      readonly workers: readonly BackgroundWorker[];
      readonly spares: boolean;
    }
  | { readonly type: 'clockAdvanced' }
  /** `spares`: a number of spares was given, and is wanted from now on. */
  | { readonly type: 'limitsReloaded'; readonly limits: Limits; readonly spares: boolean }
  /** The workers that the settings list now; their definitions were checked, and their number. */
  | { readonly type: 'listReloaded'; readonly workers: readonly BackgroundWorker[] }
  | {
      readonly type: 'shutdownRequested';
      readonly mode: ShutdownMode;
      /** No worker gets more time than this, whatever its own terminateTimeoutMs. */
      readonly graceMs: number | null;
      /** A client that waits for the end: a smart shutdown does not wait for it. */
      readonly uncounted: ClientId | null;
    };

/** About spares that have no job; what happens to one that was given a job is a fact about that attempt. */
export type SpareEvent =
  | { readonly type: 'spareForked'; readonly spare: number; readonly pid: number }
  | { readonly type: 'spareIdle'; readonly spare: number }
  /** The process is gone, or there never was one. */
  | { readonly type: 'spareExited'; readonly spare: number }
  /** A file that spares had preloaded has changed. */
  | { readonly type: 'sparesStale' };

export type Event = { readonly at: number } & (ClientEvent | MemoryEvent | WorkerEvent | SpareEvent | PostmasterEvent);
