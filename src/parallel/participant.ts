/**
 * A participant of parallel work: the leader, or one of its workers. It is what an entry point or a plan is given, the same
 * in both, so that the same function is right in either.
 *
 * What a participant shares with the others lies in `contents`. Everything else it has is its own process's.
 */
import { BgworkerError } from '../base/index.js';
import type { TableOfContents } from '../shm/index.js';
import type { WorkerContext } from '../worker/index.js';
import type { BlockScan } from './blockScan.js';

/** What an entry point or a plan is given. */
export interface Participant {
  /** From 0 in the workers; -1 in the leader. PostgreSQL: ParallelWorkerNumber. */
  readonly number: number;
  /** Whether it is the leader, which runs plans too where it takes part. */
  readonly isLeader: boolean;
  /** How many workers were wanted for this run: there may be fewer, and never more. */
  readonly workersPlanned: number;
  /** Aborts when what is done here is wanted no more: in a worker its `ctx.signal`, in the leader that of the run. */
  readonly signal: AbortSignal;
  /** What all participants share: of the leader alone, where there is no worker. */
  readonly contents: TableOfContents;
  /** Which blocks are to be read: of `gather(plan, arg, { scan: { blocks } })`. Throws `ERR_NO_SCAN` without it. */
  readonly scan: BlockScan;
  /** Of the worker; null in the leader. */
  readonly context: WorkerContext | null;
  /** Tells how far this participant is, in its own unit. As cheap to call as often as one likes. */
  progress(done: number, total?: number): void;
  /** What its report will say. @internal */
  readonly counts: ParticipantCounts;
}

/** What whoever runs plans counts for a participant's report. @internal */
export interface ParticipantCounts {
  rows: number;
  bytes: number;
  waitMs: number;
}

/** What is known of a participant before it is one. @internal */
export interface ParticipantParts {
  readonly number: number;
  readonly workersPlanned: number;
  /** Asked for when it is first wanted: a worker that looks at its signal is given time to stop. */
  readonly signal: () => AbortSignal;
  readonly contents: TableOfContents;
  readonly scan?: BlockScan | undefined;
  readonly context: WorkerContext | null;
  readonly progress: (done: number, total: number | null) => void;
}

/** @internal */
export function makeParticipant({ signal, scan, progress, ...known }: ParticipantParts): Participant {
  return {
    ...known,
    isLeader: known.number === LEADER_NUMBER,
    counts: { rows: 0, bytes: 0, waitMs: 0 },
    get signal() {
      return signal();
    },
    get scan() {
      if (scan !== undefined) return scan;
      throw new BgworkerError('ERR_NO_SCAN', 'there is no scan', {
        detail: 'this run was not given any blocks',
        hint: 'gather(plan, arg, { scan: { blocks } })',
      });
    },
    progress: (done, total) => {
      if (!Number.isFinite(done) || !(total === undefined || Number.isFinite(total))) {
        throw new TypeError(`progress is a finite number, or two: got ${String(done)} of ${String(total)}`);
      }
      progress(done, total ?? null);
    },
  };
}

/** PostgreSQL: ParallelWorkerNumber, in a process that is no parallel worker. */
export const LEADER_NUMBER = -1;
