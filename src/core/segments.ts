/**
 * The rules of shared memory: who may have which segment, and what goes when somebody leaves. Joining is free; everything
 * else is refused to who has not joined. The end of a connection is the end of its member: its references are dropped, and
 * whoever shared a segment with it at that moment is told, since something of the dead one may stand in there.
 *
 * - A segment without a holder is removed, unless it is pinned: exactly once, by the effect `removeSegment`.
 * - One with a name is made ready by exactly one asker, while the others wait for their answers. When that one fails or
 *   dies, the memory goes with it, and the next in line is given a fresh segment: nobody ever meets one half made.
 * - A shutdown makes nothing new, and nobody waits in it. What is there goes with the postmaster.
 *
 * Model: dsm.c and dsm_registry.c. A name is free again when its segment is unpinned and left by all, which C has not.
 */
import type { MemoryEvent, SegmentId } from './event.js';
import { refuse, reply } from './notification.js';
import type { Refusal } from './refusal.js';
import { SHUTTING_DOWN } from './registration.js';
import { addSegment, dropSegment, hold, letGo, putSegment } from './segmentReferences.js';
import * as refusals from './segmentRefusals.js';
import type { MemberId, Segment, SegmentAsker } from './sharedMemory.js';
import { NO_SHARED_MEMORY } from './sharedMemory.js';
import type { Draft } from './state.js';
import { isGoingDown } from './state.js';

type Asked<Type extends MemoryEvent['type']> = Extract<MemoryEvent, { type: Type }>;

/** Asked again it is answered the same. */
export function joinMemory(draft: Draft, asked: Asked<'memoryJoinRequested'>): void {
  const { memory } = draft;
  if (!memory.members.has(asked.client)) {
    if (isGoingDown(draft)) return refuse(draft, asked, SHUTTING_DOWN);
    draft.memory = { ...memory, members: memory.members.set(asked.client, []) };
  }
  reply(draft, asked, { answer: 'memory', member: asked.client });
}

export function createSegment(draft: Draft, asked: Asked<'segmentRequested'>): void {
  const refusal = notJoined(draft, asked) ?? whyNotNew(draft, asked.sizeBytes);
  if (refusal !== undefined) return refuse(draft, asked, refusal);
  giveSegment(draft, asked, addSegment(draft, null, asked.sizeBytes), true);
}

export function findOrCreateSegment(draft: Draft, asked: Asked<'namedSegmentRequested'>): void {
  const { name, sizeBytes } = asked;
  const wrong = notJoined(draft, asked) ?? refusals.whyNoName(name) ?? refusals.whyNoSize(sizeBytes);
  if (wrong !== undefined) return refuse(draft, asked, wrong);
  const { memory } = draft;
  const segment = memory.segments.get(memory.names.get(name) ?? 0);
  if (segment === undefined) {
    const refusal = whyNotNew(draft, sizeBytes);
    return refusal === undefined ? letInitialise(draft, name, sizeBytes, asked, []) : refuse(draft, asked, refusal);
  }
  if (segment.sizeBytes !== sizeBytes) return refuse(draft, asked, refusals.sizeMismatch(segment, sizeBytes));
  const initialisation = memory.beingInitialised.get(segment.id);
  // Who holds it already is told of it again: it is one reference in any case.
  if (initialisation === undefined) return void giveSegment(draft, asked, segment, false);
  if (isGoingDown(draft)) return refuse(draft, asked, SHUTTING_DOWN);
  const { client, request } = asked;
  const waiting = [...initialisation.waiting, { client, request }];
  draft.memory = {
    ...memory,
    beingInitialised: memory.beingInitialised.set(segment.id, { ...initialisation, waiting }),
  };
}

/** From now on it is pinned and everybody's who asks for its name. */
export function segmentInitialised(draft: Draft, asked: Asked<'segmentInitialised'>): void {
  const { memory } = draft;
  const segment = memory.segments.get(asked.id);
  const initialisation = memory.beingInitialised.get(asked.id);
  if (segment === undefined || initialisation?.by !== asked.client) {
    return refuse(draft, asked, notJoined(draft, asked) ?? refusals.unknownSegment(asked.id, memory.nextId));
  }
  draft.memory = { ...memory, beingInitialised: memory.beingInitialised.delete(asked.id) };
  let ready: Segment = { ...segment, isPinned: true };
  putSegment(draft, ready);
  reply(draft, asked, { answer: 'done' });
  for (const asker of initialisation.waiting) ready = giveSegment(draft, asker, ready, false);
}

/** Refused to who has it, as in C: one process would have two mappings that know nothing of each other. */
export function attachSegment(draft: Draft, asked: Asked<'segmentAttachRequested'>): void {
  const segment = readySegment(draft, asked);
  if (segment === undefined) return;
  if (segment.holders.includes(asked.client)) return refuse(draft, asked, refusals.attachedAlready(asked.id));
  giveSegment(draft, asked, segment, false);
}

export function pinSegment(draft: Draft, asked: Asked<'segmentPinRequested'>): void {
  const segment = readySegment(draft, asked);
  if (segment === undefined) return;
  if (!segment.holders.includes(asked.client)) return refuse(draft, asked, refusals.notAttached(asked.id));
  if (segment.isPinned) return refuse(draft, asked, refusals.pinned(asked.id));
  putSegment(draft, { ...segment, isPinned: true });
  reply(draft, asked, { answer: 'done' });
}

export function unpinSegment(draft: Draft, asked: Asked<'segmentUnpinRequested'>): void {
  const segment = readySegment(draft, asked);
  if (segment === undefined) return;
  if (!segment.isPinned) return refuse(draft, asked, refusals.notPinned(asked.id));
  const unpinned: Segment = { ...segment, isPinned: false };
  putSegment(draft, unpinned);
  reply(draft, asked, { answer: 'done' });
  removeIfUnused(draft, unpinned);
}

/** What it does not hold any more it may let go again: both ends of a connection can say so at once. */
export function detachSegment(draft: Draft, client: MemberId, id: SegmentId): void {
  const segment = draft.memory.segments.get(id);
  if (segment?.holders.includes(client)) removeIfUnused(draft, letGo(draft, segment, client));
}

/** Its connection has ended: everything that it held or waited for goes, and its neighbours are told. */
export function memberGone(draft: Draft, member: MemberId): void {
  const held = draft.memory.members.get(member);
  if (held === undefined) return;
  stopWaiting(draft, (asker) => asker.client === member);
  const neighbours = new Set<MemberId>();
  for (const id of held) {
    for (const holder of draft.memory.segments.get(id)?.holders ?? []) neighbours.add(holder);
  }
  neighbours.delete(member);
  for (const id of held) detachSegment(draft, member, id);
  draft.memory = { ...draft.memory, members: draft.memory.members.delete(member) };
  tellGone(draft, [...neighbours], member);
  draft.effects.push({ type: 'clearMember', member });
}

/** Whoever waits for a segment with this request is answered that it waits no more. */
export function withdrawSegment(draft: Draft, client: MemberId, request: number): void {
  const isMeant = (asker: SegmentAsker): boolean => asker.client === client && asker.request === request;
  for (const asker of stopWaiting(draft, isMeant)) refuse(draft, asker, refusals.WITHDRAWN);
}

/** Nobody waits in a shutdown. */
export function refuseWaitingForSegments(draft: Draft): void {
  for (const asker of stopWaiting(draft, () => true)) refuse(draft, asker, SHUTTING_DOWN);
}

/** With the postmaster everything goes, pinned or not (R-DSM-30). */
export function removeAllSegments(draft: Draft): void {
  const { memory } = draft;
  for (const id of [...memory.segments.keys()].sort((one, other) => one - other)) {
    draft.effects.push({ type: 'removeSegment', id });
  }
  draft.memory = { ...NO_SHARED_MEMORY, nextId: memory.nextId };
}

/** As for statuses, nothing is sent to a client that does not read; what it was not told it is told when it does. */
function tellGone(draft: Draft, neighbours: readonly MemberId[], member: MemberId): void {
  const [reading, blocked] = [[], []] as [MemberId[], MemberId[]];
  for (const id of neighbours) (draft.clients.get(id)?.blocked === true ? blocked : reading).push(id);
  if (reading.length > 0) draft.effects.push({ type: 'memberGone', clients: reading, member });
  for (const id of blocked) {
    const client = draft.clients.get(id);
    if (client === undefined) continue;
    const untoldGone = [...client.untoldGone, member].slice(-MAX_UNTOLD_GONE);
    draft.clients = draft.clients.set(id, { ...client, untoldGone });
  }
}

/** Who reads nothing for so long finds out at the doorbells of the dead. */
const MAX_UNTOLD_GONE = 10_000;

/** Gives it to the asker, and answers. */
function giveSegment(draft: Draft, asker: SegmentAsker, segment: Segment, created: boolean): Segment {
  const held = hold(draft, segment, asker.client);
  reply(draft, asker, { answer: 'segment', id: segment.id, sizeBytes: segment.sizeBytes, created });
  return held;
}

/** A fresh one, which this asker has to make ready for those who wait. */
function letInitialise(
  draft: Draft,
  name: string,
  sizeBytes: number,
  asker: SegmentAsker,
  waiting: readonly SegmentAsker[],
): void {
  const segment = addSegment(draft, name, sizeBytes);
  const { memory } = draft;
  const initialisation = { by: asker.client, waiting };
  draft.memory = { ...memory, beingInitialised: memory.beingInitialised.set(segment.id, initialisation) };
  giveSegment(draft, asker, segment, true);
}

function removeIfUnused(draft: Draft, segment: Segment): void {
  if (segment.isPinned || segment.holders.length > 0) return;
  const { name, sizeBytes } = segment;
  const [next, ...waiting] = draft.memory.beingInitialised.get(segment.id)?.waiting ?? [];
  dropSegment(draft, segment);
  draft.effects.push({ type: 'removeSegment', id: segment.id });
  if (name !== null && next !== undefined) letInitialise(draft, name, sizeBytes, next, waiting);
}

/** Takes those out of every queue, and gives them. */
function stopWaiting(draft: Draft, isMeant: (asker: SegmentAsker) => boolean): SegmentAsker[] {
  const stopped: SegmentAsker[] = [];
  for (const [id, initialisation] of draft.memory.beingInitialised.entries()) {
    const meant = initialisation.waiting.filter(isMeant);
    if (meant.length === 0) continue;
    stopped.push(...meant);
    const waiting = initialisation.waiting.filter((asker) => !isMeant(asker));
    const { memory } = draft;
    draft.memory = {
      ...memory,
      beingInitialised: memory.beingInitialised.set(id, { ...initialisation, waiting }),
    };
  }
  return stopped;
}

/** One that is being initialised is known to nobody but who does it. Otherwise it has been refused. */
function readySegment(draft: Draft, asked: SegmentAsker & { readonly id: SegmentId }): Segment | undefined {
  const { memory } = draft;
  const refusal = notJoined(draft, asked);
  const segment = memory.beingInitialised.has(asked.id) ? undefined : memory.segments.get(asked.id);
  if (refusal === undefined && segment !== undefined) return segment;
  refuse(draft, asked, refusal ?? refusals.unknownSegment(asked.id, memory.nextId));
  return undefined;
}

function notJoined(draft: Draft, { client }: SegmentAsker): Refusal | undefined {
  return draft.memory.members.has(client) ? undefined : refusals.NOT_JOINED;
}

function whyNotNew(draft: Draft, sizeBytes: number): Refusal | undefined {
  if (isGoingDown(draft)) return SHUTTING_DOWN;
  const { maxSegments } = draft.limits;
  return (
    refusals.whyNoSize(sizeBytes) ??
    (draft.memory.segments.size < maxSegments ? undefined : refusals.tooManySegments(maxSegments))
  );
}
