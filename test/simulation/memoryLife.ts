/**
 * What clients do with shared memory, at random: few names and sizes, so that they meet; now and then something that is
 * not theirs, or that nobody has.
 */
import type { ClientId } from '../../src/core/index.js';
import type { Fact } from '../../src/postmaster/fact.js';
import type { MemoryWatch } from './memoryWatch.js';
import type { Random } from './random.js';

export function randomMemoryFact(random: Random, client: ClientId, request: number, memory: MemoryWatch): Fact {
  const asked = { client, request };
  if (!memory.members.has(client) && random.chance(0.8)) return { type: 'memoryJoinRequested', ...asked };
  // Whoever was told to make one ready mostly does.
  const [own] = [...memory.segments].find(([, { initialiser }]) => initialiser === client) ?? [];
  if (own !== undefined && random.chance(0.5)) return { type: 'segmentInitialised', ...asked, id: own };
  const id = random.pick(memory.ids);
  const sizeBytes = random.pick([0, 1, 4096, 4096, 4096, 2 ** 40]);
  return random.pick<Fact>([
    { type: 'segmentRequested', ...asked, sizeBytes },
    { type: 'namedSegmentRequested', ...asked, name: `s${random.below(3)}`, sizeBytes },
    { type: 'namedSegmentRequested', ...asked, name: random.pick(['', 's0', 'x'.repeat(64)]), sizeBytes },
    { type: 'segmentAttachRequested', ...asked, id },
    { type: 'segmentAttachRequested', ...asked, id },
    { type: 'segmentDetached', client, id },
    { type: 'segmentDetached', client, id },
    { type: 'segmentInitialised', ...asked, id },
    { type: 'segmentPinRequested', ...asked, id },
    { type: 'segmentUnpinRequested', ...asked, id },
    { type: 'memoryJoinRequested', ...asked },
  ]);
}
