/**
 * The postmaster's decisions and the words everybody shares to talk about them. Pure: nothing in this folder knows a
 * process, a socket, a clock or a promise.
 */
export {
  type Argument,
  type BackgroundWorker,
  type BackgroundWorkerInput,
  checkBackgroundWorker,
  completeBackgroundWorker,
  MAX_INTERVAL_MS,
  type ResourceLimits,
  type RestartBackoff,
  type RestartIntensity,
  type RestartPolicy,
  type StartTime,
} from './backgroundWorker.js';
export { activityOf, segmentRows, segmentsUse, statusOfKey } from './describe.js';
export type { Answer, Effect, StopOrder } from './effect.js';
export type { ErrorRecord } from './errorRecord.js';
export type {
  AttemptKey,
  ClientEvent,
  ClientId,
  Event,
  ExitFacts,
  MemoryEvent,
  PostmasterEvent,
  Saying,
  SegmentId,
  WorkerEvent,
} from './event.js';
export { checkState } from './invariants.js';
export { type ClassLimit, defaultLimits, type Limits } from './limits.js';
export { type ListChange, planReload, tellReload, waitingForSlot } from './listedWorkers.js';
export type { Refusal, RefusalCode } from './refusal.js';
export { isSameValue } from './sameValue.js';
export { nextWakeupAt } from './schedule.js';
export type { MemberId, SegmentRow, SegmentsUse } from './sharedMemory.js';
export { sparesActivity } from './spares.js';
export { isGoingDown, type State, type Tenant, tenantOf, tenants } from './state.js';
export { lastKillAt } from './stopping.js';
export type { Circumstances, Phase, ShutdownMode, StopCause, StopKind, StopReason } from './stopReason.js';
export { initialState, type Transition, transition } from './transition.js';
export {
  formatHandle,
  formatKey,
  isSameWorker,
  parseHandle,
  type WorkerHandle,
  type WorkerKey,
} from './workerHandle.js';
export type {
  ActivityRow,
  ColdCause,
  SparesActivity,
  StartedFrom,
  StatusWord,
  WorkerResult,
  WorkerStatus,
} from './workerStatus.js';
