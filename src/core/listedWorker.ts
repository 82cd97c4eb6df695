/**
 * What is remembered of a worker that the settings list, until they are read again: which one it became, and how that
 * ended. What a reload makes of it is in listedWorkers.ts.
 */
import type { BackgroundWorker } from './backgroundWorker.js';
import type { StopKind } from './stopReason.js';
import type { WorkerKey } from './workerHandle.js';

export interface ListedWorker {
  readonly worker: BackgroundWorker;
  /** Null while there was no slot for it. */
  readonly key: WorkerKey | null;
  /** Why it ended for good; null while it has not. Its last word may be forgotten before the next reload has to know. */
  readonly ended: StopKind | null;
}
