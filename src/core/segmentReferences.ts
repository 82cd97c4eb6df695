/**
 * Changes to what is known of shared memory, each of them whole: a segment and whoever holds it always know each other, a
 * name leads to its segment, and the bytes of all are counted. What was touched is checked after the transition.
 *
 * Not here: when a segment may be had, and when it goes (segments.ts).
 */
import type { MemberId, Segment } from './sharedMemory.js';
import type { Draft } from './state.js';

/** The next number, and a segment that nobody holds yet. */
export function addSegment(draft: Draft, name: string | null, sizeBytes: number): Segment {
  const { memory } = draft;
  const segment: Segment = { id: memory.nextId, name, sizeBytes, isPinned: false, holders: [] };
  draft.memory = {
    ...memory,
    nextId: memory.nextId + 1,
    sizeBytes: memory.sizeBytes + sizeBytes,
    names: name === null ? memory.names : memory.names.set(name, segment.id),
  };
  putSegment(draft, segment);
  return segment;
}

/** The one way to change a segment. */
export function putSegment(draft: Draft, segment: Segment): void {
  draft.memory = { ...draft.memory, segments: draft.memory.segments.set(segment.id, segment) };
  draft.touchedSegments.push(segment.id);
}

/** It is nobody's any more, and its name is free. */
export function dropSegment(draft: Draft, { id, name, sizeBytes }: Segment): void {
  const { memory } = draft;
  draft.memory = {
    ...memory,
    segments: memory.segments.delete(id),
    names: name === null ? memory.names : memory.names.delete(name),
    beingInitialised: memory.beingInitialised.delete(id),
    sizeBytes: memory.sizeBytes - sizeBytes,
  };
  draft.touchedSegments.push(id);
}

/** Both sides of it: the segment knows its holder, and the holder its segment. */
export function hold(draft: Draft, segment: Segment, member: MemberId): Segment {
  if (segment.holders.includes(member)) return segment;
  const held: Segment = { ...segment, holders: [...segment.holders, member] };
  putSegment(draft, held);
  const { memory } = draft;
  draft.memory = {
    ...memory,
    members: memory.members.set(member, [...(memory.members.get(member) ?? []), segment.id]),
  };
  return held;
}

/** As `hold`, undone. */
export function letGo(draft: Draft, segment: Segment, member: MemberId): Segment {
  const left: Segment = { ...segment, holders: segment.holders.filter((holder) => holder !== member) };
  putSegment(draft, left);
  const { memory } = draft;
  const held = memory.members.get(member);
  if (held !== undefined) {
    draft.memory = {
      ...memory,
      members: memory.members.set(
        member,
        held.filter((id) => id !== segment.id),
      ),
    };
  }
  return left;
}
