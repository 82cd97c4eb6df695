/**
 * A table of contents in memory of this process alone, for a leader without workers: what it and its entry points do with
 * shared state works there too, without koffi and without a postmaster.
 *
 * PostgreSQL: pcxt->private_memory, which InitializeParallelDSM falls back to (R-PAR-2).
 */
import { Mapping, Member, Segment, TableOfContents } from '../shm/index.js';

/** Memory that nobody else has. */
export interface PrivateMemory {
  readonly contents: TableOfContents;
  /** From here on it is an error to use it. Safe to call twice. */
  release(): void;
}

export function makePrivateMemory(sizeBytes: number): PrivateMemory {
  const segment = new Segment({
    mapping: Mapping.private(sizeBytes),
    member: Member.alone(),
    name: 'private memory',
    release: () => {},
  });
  return {
    contents: TableOfContents.create(segment.chunk()),
    release: () => void segment.detach(),
  };
}
