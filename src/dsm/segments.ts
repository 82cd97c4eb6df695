/**
 * Making segments and attaching to them. Who holds which segment the postmaster knows, so a segment outlives whoever
 * made it, and its memory is given back when the last one has let go, however that came about.
 *
 * The postmaster gives a segment its number before there is a file, so no file is ever without one who answers for it;
 * the process that asked makes the file, since only it has the means.
 *
 * Model: dsm.c, and dsm_registry.c for segments with a name.
 */
import { rmSync } from 'node:fs';
import { BgworkerError } from '../base/index.js';
import type { Client, MemoryAnswer, MemoryQuestion } from '../client/index.js';
import { clientFor, memoryLinkOf } from '../client/index.js';
import { formatHandle } from '../core/index.js';
import { MAX_SEGMENT_BYTES, Mapping, Segment } from '../shm/index.js';
import type { Held } from './dsmSegment.js';
import { DsmSegment, formatSegment, segmentId } from './dsmSegment.js';
import type { Membership } from './membership.js';
import { membershipOf } from './membership.js';

/** Whose memory, and how long to wait. */
export interface SegmentOptions {
  /** Default: the one that `run` and `launch` use; in a worker that is the worker's own. */
  readonly client?: Client | undefined;
  /** Gives up; a segment that was made nevertheless is let go. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes a segment of `sizeBytes`, all zeros, that this process holds. From 1 byte to nearly 4 GiB. Throws
 * `ERR_NO_ROOM_FOR_SEGMENT` when there is not enough memory, `ERR_TOO_MANY_SEGMENTS`, `ERR_SEGMENT_TOO_LARGE`, and
 * where there is no shared memory `ERR_NO_KOFFI` or `ERR_NO_SHARED_MEMORY`. PostgreSQL: dsm_create.
 */
export async function createSegment(sizeBytes: number, options: SegmentOptions = {}): Promise<DsmSegment> {
  checkSize(sizeBytes);
  const { membership, signal } = await begin(options);
  return new DsmSegment(await createIn(membership, sizeBytes, signal));
}

/** The same, for a membership. */
export async function createIn(membership: Membership, sizeBytes: number, signal?: AbortSignal): Promise<Held> {
  return make(membership, await ask(membership, { type: 'segmentCreate', sizeBytes }, signal), signal);
}

/** As `createSegment`; null when there are too many segments. Lack of memory is an error here too (R-DSM-11). */
export function tryCreateSegment(sizeBytes: number, options?: SegmentOptions): Promise<DsmSegment | null> {
  return nullFor('ERR_TOO_MANY_SEGMENTS', createSegment(sizeBytes, options));
}

/**
 * Attaches to a segment by its handle. Throws `ERR_UNKNOWN_SEGMENT` when it is gone, `ERR_SEGMENT_ATTACHED` when this
 * process holds it already (`findSegment` gives it), `ERR_INVALID_SEGMENT_HANDLE`, `ERR_FOREIGN_SEGMENT`.
 * PostgreSQL: dsm_attach.
 */
export async function attachSegment(handle: string, options: SegmentOptions = {}): Promise<DsmSegment> {
  const { membership, signal } = await begin(options);
  return new DsmSegment(await attachIn(membership, handle, signal));
}

/** The same, for a membership. */
export async function attachIn(membership: Membership, handle: string, signal?: AbortSignal): Promise<Held> {
  const id = segmentId(handle, membership.link);
  return attach(membership, await ask(membership, { type: 'segmentAttach', id }, signal));
}

/** As `attachSegment`; null when the segment is gone, as whoever made it may be (R-DSM-12). */
export function tryAttachSegment(handle: string, options?: SegmentOptions): Promise<DsmSegment | null> {
  return nullFor('ERR_UNKNOWN_SEGMENT', attachSegment(handle, options));
}

/** The segment as this process holds it already; null when it does not. PostgreSQL: dsm_find_mapping. */
export async function findSegment(handle: string, options: SegmentOptions = {}): Promise<DsmSegment | null> {
  const { membership } = await begin(options);
  const id = segmentId(handle, membership.link);
  const segment = membership.find(id);
  return segment === undefined ? null : new DsmSegment({ membership, segment, id, isNew: false });
}

/**
 * The segment of a name, which is the same for all processes of a postmaster: made by the first who asks, who runs
 * `initialize` on its zeros; everybody else is given it when that has succeeded. If it fails, the next who asks makes
 * another. It stays until the end of the postmaster, whether anybody holds it or not; `unpin()` ends that.
 *
 * Names have up to 63 bytes. Throws what `createSegment` does, `ERR_SEGMENT_SIZE_MISMATCH` when it exists with another
 * size, and what `initialize` throws. Asked for twice in one process, it is the same. PostgreSQL: GetNamedDSMSegment.
 */
export async function namedSegment(
  name: string,
  sizeBytes: number,
  initialize: (segment: DsmSegment) => void | Promise<void> = () => {},
  options: SegmentOptions = {},
): Promise<DsmSegment> {
  checkNamed(name, initialize);
  checkSize(sizeBytes);
  const { membership, signal } = await begin(options);
  const open = (): Promise<DsmSegment> => openNamed(membership, { name, sizeBytes, initialize, signal });
  const segment = await membership.named(name, open, signal);
  if (segment.sizeBytes !== sizeBytes) throw wrongSize(name, sizeBytes, segment.sizeBytes);
  return segment;
}

/** Ends what `pin` began, by the handle: nobody need hold it. Throws as `DsmSegment.unpin`. */
export async function unpinSegment(handle: string, options: SegmentOptions = {}): Promise<void> {
  const { membership, signal } = await begin(options);
  const id = segmentId(handle, membership.link);
  await membership.link.ask({ type: 'segmentUnpin', id }, () => {}, { signal });
}

/** A segment, and who holds it. */
export interface SegmentInfo {
  /** Good for `attachSegment`. */
  readonly handle: string;
  /** That of `namedSegment`; null for the others. */
  readonly name: string | null;
  /** As it was created with. */
  readonly sizeBytes: number;
  /** It stays when nobody holds it. */
  readonly isPinned: boolean;
  /** By member, and the handle of the worker that each of them lives in; null for an application. */
  readonly holders: readonly { readonly member: number; readonly worker: string | null }[];
}

/** Every segment of the postmaster. PostgreSQL: pg_dsm_registry_allocations, for all of them. */
export async function listSegments({ client, signal }: SegmentOptions = {}): Promise<readonly SegmentInfo[]> {
  const link = memoryLinkOf(await clientOf(client, signal));
  const found: SegmentInfo[] = [];
  // As many at a time as fit into an answer.
  for (let from: number | null = 1; from !== null; ) {
    const page: MemoryAnswer<'segmentList'> = await link.ask({ type: 'segmentList', from }, (answer) => answer, {
      signal,
    });
    found.push(...page.rows.map((row) => describeSegment(link.epoch, row)));
    from = page.next;
  }
  return found;
}

type Row = MemoryAnswer<'segmentList'>['rows'][number];

function describeSegment(epoch: string, { id, name, sizeBytes, pinned, holders }: Row): SegmentInfo {
  const workerOf = ({ worker }: Row['holders'][number]): string | null =>
    worker === null ? null : formatHandle({ epoch, ...worker });
  return {
    handle: formatSegment(epoch, id),
    name,
    sizeBytes,
    isPinned: pinned,
    holders: holders.map((holder) => ({ member: holder.member, worker: workerOf(holder) })),
  };
}

async function begin({ client, signal }: SegmentOptions): Promise<{
  readonly membership: Membership;
  readonly signal: AbortSignal | undefined;
}> {
  const membership = await membershipOf(await clientOf(client, signal));
  signal?.throwIfAborted();
  return { membership, signal };
}

function clientOf(client: Client | undefined, signal: AbortSignal | undefined): Promise<Client> | Client {
  return client ?? clientFor({ signal });
}

type SegmentAnswer = Pick<MemoryAnswer<'segmentCreate'>, 'id' | 'sizeBytes' | 'file' | 'created'>;

/** An answer that nobody waits for any more is given back. */
function ask(
  membership: Membership,
  question: Extract<MemoryQuestion, { readonly type: 'segmentCreate' | 'segmentNamed' | 'segmentAttach' }>,
  signal: AbortSignal | undefined,
): Promise<SegmentAnswer> {
  const { link } = membership;
  return link.ask(
    question,
    (answer) => {
      const { id } = answer;
      // One that we hold already, and asked for by its name, stays ours.
      if (signal?.aborted === true && membership.find(id) === undefined) link.tell({ type: 'segmentDetach', id });
      return answer;
    },
    { signal },
  );
}

async function make(membership: Membership, answer: SegmentAnswer, signal: AbortSignal | undefined): Promise<Held> {
  const { id, file, sizeBytes } = answer;
  let mapping: Mapping | undefined;
  try {
    mapping = await Mapping.create(file, sizeBytes);
    signal?.throwIfAborted();
    // The membership may have been lost while room was made.
    if (membership.member.lost !== undefined) throw membership.member.lost;
  } catch (error) {
    mapping?.close();
    membership.link.tell({ type: 'segmentDetach', id });
    tryRemove(file);
    throw error;
  }
  return { membership, segment: hold(membership, answer, mapping), id, isNew: true };
}

/** Whoever has lost his connection is not heard, and the file may be younger than that. It may also be another user's. */
function tryRemove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // What could not be made is told, and not this.
  }
}

function attach(membership: Membership, answer: SegmentAnswer): Held {
  const { id, file, sizeBytes } = answer;
  try {
    return { membership, segment: hold(membership, answer, Mapping.attach(file, sizeBytes)), id, isNew: false };
  } catch (error) {
    membership.link.tell({ type: 'segmentDetach', id });
    throw error;
  }
}

function hold(membership: Membership, { id }: SegmentAnswer, mapping: Mapping): Segment {
  const { member, link } = membership;
  const name = formatSegment(link.epoch, id);
  const segment = new Segment({ mapping, member, name, release: () => membership.release(id) });
  membership.hold(id, segment);
  return segment;
}

interface NamedRequest {
  readonly name: string;
  readonly sizeBytes: number;
  readonly initialize: (segment: DsmSegment) => void | Promise<void>;
  readonly signal: AbortSignal | undefined;
}

async function openNamed(
  membership: Membership,
  { name, sizeBytes, initialize, signal }: NamedRequest,
): Promise<DsmSegment> {
  const { answer, wasReleased } = await membership.watchReleases(() =>
    ask(membership, { type: 'segmentNamed', name, sizeBytes }, signal),
  );
  if (!answer.created) {
    const { id } = answer;
    // It is one reference however often it was asked for, so what we have let go meanwhile is not ours.
    if (wasReleased(id)) return openNamed(membership, { name, sizeBytes, initialize, signal });
    const segment = membership.find(id);
    return new DsmSegment(
      segment === undefined ? attach(membership, answer) : { membership, segment, id, isNew: false },
    );
  }
  const segment = new DsmSegment(await make(membership, answer, signal));
  try {
    await initialize(segment);
    await membership.link.ask({ type: 'segmentInitialised', id: answer.id }, () => {});
    return segment;
  } catch (error) {
    segment.detach();
    throw error;
  }
}

function checkSize(sizeBytes: number): void {
  if (Number.isSafeInteger(sizeBytes) && sizeBytes >= 1 && sizeBytes <= MAX_SEGMENT_BYTES) return;
  if (sizeBytes > MAX_SEGMENT_BYTES) {
    throw new BgworkerError('ERR_SEGMENT_TOO_LARGE', 'a segment cannot be so large', {
      detail: `${sizeBytes} bytes were asked for, and ${MAX_SEGMENT_BYTES} are the most`,
      hint: 'divide it among several segments',
    });
  }
  throw new BgworkerError('ERR_INVALID_ARGUMENT', 'invalid size of a segment', {
    detail: `sizeBytes is ${typeof sizeBytes === 'string' ? JSON.stringify(sizeBytes) : String(sizeBytes)}`,
    hint: `give a whole number of bytes from 1 to ${MAX_SEGMENT_BYTES}`,
  });
}

/** Without types, options in the place of the function are soon written. */
function checkNamed(name: unknown, initialize: unknown): void {
  if (typeof name === 'string' && typeof initialize === 'function') return;
  throw new BgworkerError('ERR_INVALID_ARGUMENT', 'invalid arguments of namedSegment', {
    detail: `the name is of type ${typeof name}, initialize of type ${typeof initialize}`,
    hint: 'namedSegment(name, sizeBytes, initialize, options): without an initialisation, give undefined in its place',
  });
}

function wrongSize(name: string, asked: number, present: number): BgworkerError {
  return new BgworkerError('ERR_SEGMENT_SIZE_MISMATCH', 'the segment of this name has another size', {
    detail: `${JSON.stringify(name)} has ${present} bytes, and ${asked} were asked for`,
    hint: 'ask for the size it has, or use another name',
  });
}

async function nullFor<T>(code: string, promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof BgworkerError && error.code === code) return null;
    throw error;
  }
}
