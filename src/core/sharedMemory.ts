/**
 * What the postmaster knows of shared memory: which segments there are, who holds each, and who is a member. It never
 * maps one. References are counted here and nowhere else, by connection, so that they survive the death of any holder and
 * there is no count in shared memory that a crash could leave wrong.
 *
 * Model: dsm.c's control segment, whose counts are too high after a SIGKILL (R-DSM-24) until a crash reset.
 */
import type { ClientId } from './event.js';
import type { WorkerKey } from './workerHandle.js';

/** A segment's number: counted up, never used twice by one postmaster. */
export type SegmentId = number;

/**
 * A client that has joined shared memory. It is the connection's own number, so it ends with the connection and is never
 * used twice: what stands in shared words of a member that is gone can never mean somebody else.
 */
export type MemberId = ClientId;

/** One segment, for people. */
export interface SegmentRow {
  readonly id: SegmentId;
  /** Null for one without a name. */
  readonly name: string | null;
  readonly sizeBytes: number;
  /** It stays when nobody holds it. */
  readonly pinned: boolean;
  /** Who has it attached; `worker` is null for a process that is no worker. */
  readonly holders: readonly { readonly member: MemberId; readonly worker: WorkerKey | null }[];
}

/** How much shared memory there is. */
export interface SegmentsUse {
  /** How many segments there are. */
  readonly used: number;
  /** How many there may be: `maxSegments`. */
  readonly max: number;
  /** Of all segments together. */
  readonly sizeBytes: number;
}
