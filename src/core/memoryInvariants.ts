/**
 * What must hold of shared memory in every state: segments and their holders know each other, what nobody holds is pinned,
 * and names and bytes are counted right. When it is looked at stands in invariants.ts.
 */
import { assert } from '../base/index.js';
import type { Segment } from './sharedMemory.js';
import type { State } from './state.js';
import { isGoingDown } from './state.js';

export function checkSegment({ memory, clients, shutdown }: State, segment: Segment): void {
  const { id, name, isPinned, holders, sizeBytes } = segment;
  const initialisation = memory.beingInitialised.get(id);
  assert(id < memory.nextId && memory.segments.get(id) === segment, 'a segment has its own number');
  assert(sizeBytes > 0, 'a segment has a size');
  assert(isPinned || holders.length > 0, 'a segment that nobody holds is pinned');
  assert(name === null || memory.names.get(name) === id, 'a segment is found by its name');
  assert(new Set(holders).size === holders.length, 'nobody holds a segment twice');
  for (const holder of holders) {
    assert(clients.has(holder), 'who holds a segment is connected');
    assert(memory.members.get(holder)?.includes(id) === true, 'who holds a segment knows it');
  }
  assert(shutdown.state !== 'exited', 'no segment is left behind');
  if (initialisation === undefined) return;
  assert(name !== null && !isPinned, 'only what has a name is waited for, and it is pinned when it is ready');
  assert(holders.length === 1 && holders[0] === initialisation.by, 'what is not ready is one alone');
}

/** All of it. */
export function checkMemory(state: State): void {
  const { members, segments, names, beingInitialised, sizeBytes } = state.memory;
  let bytes = 0;
  let named = 0;
  let held = 0;
  for (const [, segment] of segments.entries()) {
    checkSegment(state, segment);
    bytes += segment.sizeBytes;
    held += segment.holders.length;
    if (segment.name !== null) named += 1;
  }
  assert(bytes === sizeBytes, 'the bytes of segments are counted right');
  assert(named === names.size, 'every name has its segment');
  for (const [member, ids] of members.entries()) {
    assert(state.clients.has(member), 'members are connected');
    held -= ids.length;
  }
  assert(held === 0, 'who has a segment is its holder');
  for (const [id, { waiting }] of beingInitialised.entries()) {
    assert(segments.has(id), 'what is being initialised is there');
    assert(waiting.length === 0 || !isGoingDown(state), 'nobody waits for a segment in a shutdown');
    for (const { client } of waiting) assert(members.has(client), 'who waits for a segment has joined');
  }
}
