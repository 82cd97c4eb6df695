/**
 * What the postmaster knows of shared memory: which segments there are, who holds each, and who is a member. It never
 * maps one. References are counted here and nowhere else, by connection, so that they survive the death of any holder and
 * there is no count in shared memory that a crash could leave wrong. The rules are in segments.ts.
 *
 * Model: dsm.c's control segment, whose counts are too high after a SIGKILL (R-DSM-24) until a crash reset.
 */
import type { ClientId, SegmentId } from './event.js';
import { PersistentMap } from './persistentMap.js';
import type { WorkerKey } from './workerHandle.js';

/**
 * A client that has joined shared memory. It is the connection's own number, so it ends with the connection and is never
 * used twice: what stands in shared words of a member that is gone can never mean somebody else.
 */
export type MemberId = ClientId;

export interface SharedMemory {
  /** Whoever has joined, with the segments it holds, in the order in which it came to them. */
  readonly members: PersistentMap<MemberId, readonly SegmentId[]>;
  readonly segments: PersistentMap<SegmentId, Segment>;
  readonly names: PersistentMap<string, SegmentId>;
  /** Segments with a name that are not ready yet. */
  readonly beingInitialised: PersistentMap<SegmentId, Initialisation>;
  readonly nextId: SegmentId;
  /** Of all segments together. */
  readonly sizeBytes: number;
}

export interface Segment {
  readonly id: SegmentId;
  /** Null for one without a name. */
  readonly name: string | null;
  readonly sizeBytes: number;
  /** It stays when nobody holds it. */
  readonly isPinned: boolean;
  /** Each once, however often it has the segment in its process. */
  readonly holders: readonly MemberId[];
}

export interface Initialisation {
  /** Who makes it ready. Until then it is nobody else's. */
  readonly by: MemberId;
  /** Who asked for the name meanwhile, first come first served. */
  readonly waiting: readonly SegmentAsker[];
}

export interface SegmentAsker {
  readonly client: MemberId;
  readonly request: number;
}

export const NO_SHARED_MEMORY: SharedMemory = {
  members: PersistentMap.empty(),
  segments: PersistentMap.empty(),
  names: PersistentMap.empty(),
  beingInitialised: PersistentMap.empty(),
  nextId: 1,
  sizeBytes: 0,
};

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
