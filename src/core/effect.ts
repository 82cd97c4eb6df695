/**
 * The orders of the core: one ordered list for each event, performed in that order by the postmaster and by nobody
 * else. The order inside one death is PostgreSQL's (R-PM-31): the status first, the slot freed next, and only then
 * whoever is told, so that he who reacts at once finds the slot free.
 */
import type { BackgroundWorker } from './backgroundWorker.js';
import type { AttemptKey, ClientId, SegmentId } from './event.js';
import type { Refusal } from './refusal.js';
import type { MemberId } from './sharedMemory.js';
import type { WorkerKey } from './workerHandle.js';
import type { WorkerStatus } from './workerStatus.js';

export type Answer =
  /** `existing`: the name was taken, and the caller asked to be given the one who has it. */
  | { readonly answer: 'registered'; readonly status: WorkerStatus; readonly existing: boolean }
  | { readonly answer: 'refused'; readonly refusal: Refusal }
  | { readonly answer: 'status'; readonly status: WorkerStatus }
  /** It has joined shared memory, by this number. */
  | { readonly answer: 'memory'; readonly member: MemberId }
  /** `created`: the asker has to make the file, and nobody else knows the segment yet. */
  | {
      readonly answer: 'segment';
      readonly id: SegmentId;
      readonly sizeBytes: number;
      readonly created: boolean;
    }
  | { readonly answer: 'done' };

/** Why a worker is asked to stop; it reads this as the reason of its signal. */
export type StopOrder = 'terminate' | 'restart' | 'ranTooLong' | 'clientGone' | 'postmasterShutdown';

export type Effect =
  | { readonly type: 'reply'; readonly client: ClientId; readonly request: number; readonly answer: Answer }
  | { readonly type: 'notify'; readonly client: ClientId; readonly status: WorkerStatus }
  | ({
      readonly type: 'notifyProgress';
      readonly clients: readonly ClientId[];
      readonly done: number;
      readonly total: number | null;
    } & WorkerKey)
  /** A real SIGUSR1 for a process that is not Node (D12). */
  | { readonly type: 'signalNotifyPid'; readonly notifyPid: number }
  /** Make a process for it. */
  | (AttemptKey & { readonly type: 'startWorker'; readonly worker: BackgroundWorker })
  /** This spare is to be its process. */
  | (AttemptKey & { readonly type: 'giveJob'; readonly worker: BackgroundWorker; readonly spare: number })
  | { readonly type: 'startSpare'; readonly spare: number; readonly preload: readonly string[] }
  /** SIGKILL: it has done nothing for anybody. `isStuck`: it did not come to be idle. */
  | { readonly type: 'endSpare'; readonly spare: number; readonly isStuck: boolean }
  /** Tell it why, then SIGTERM. */
  | (AttemptKey & { readonly type: 'askToStop'; readonly pid: number; readonly order: StopOrder })
  /** SIGKILL to the whole process group. */
  | (AttemptKey & { readonly type: 'killWorker'; readonly pid: number })
  | (AttemptKey & { readonly type: 'measureMemory'; readonly pid: number })
  /** Its slot is free and it will never run again: whatever was kept for its runs can go. */
  | (WorkerKey & { readonly type: 'workerEnded'; readonly worker: BackgroundWorker; readonly status: WorkerStatus })
  /** Nobody holds it any more: the file goes. Once for each segment there was. */
  | { readonly type: 'removeSegment'; readonly id: SegmentId }
  /** They held a segment together with it when its connection ended. */
  | { readonly type: 'memberGone'; readonly clients: readonly ClientId[]; readonly member: MemberId }
  /** Its doorbell goes. */
  | { readonly type: 'clearMember'; readonly member: MemberId }
  /** For the log: an attempt ended. `told`: the client that registered it hears of that. */
  | {
      readonly type: 'reportStop';
      readonly worker: BackgroundWorker;
      readonly status: WorkerStatus;
      readonly told: boolean;
    }
  /** Nothing is left to do: say goodbye to everybody and end. */
  | { readonly type: 'exit' };
