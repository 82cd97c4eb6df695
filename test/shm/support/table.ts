/**
 * A table of contents over a segment of a company, with what most tests need in it: two latches, by which a child says
 * that it is where it should be, and waits for what never comes.
 */
import type { Segment } from '../../../src/shm/index.js';
import { SharedLatch, TableOfContents } from '../../../src/shm/index.js';
import type { Company, Seat } from './company.js';
import { sit } from './company.js';

export interface Table {
  readonly segment: Segment;
  readonly contents: TableOfContents;
  /** Ours: a child sets it when it is ready. */
  readonly ready: SharedLatch;
}

export async function setTable(company: Company, sizeBytes = 64 * 1024): Promise<Table> {
  const segment = await company.segment(company.member(), sizeBytes);
  const contents = TableOfContents.create(segment.chunk());
  const latches = ['ready', 'never'].map((key) => {
    const chunk = contents.allocate(SharedLatch.sizeFor());
    const latch = SharedLatch.create(chunk);
    contents.insert(key, chunk);
    return latch;
  });
  const ready = latches[0] as SharedLatch;
  ready.own();
  return { segment, contents, ready };
}

/** Of what is made in a chunk that is allocated and put in. */
export function put<T>({ contents }: Table, key: string, sizeBytes: number, create: (chunk: Chunk) => T): T {
  const chunk = contents.allocate(sizeBytes);
  const thing = create(chunk);
  contents.insert(key, chunk);
  return thing;
}

type Chunk = ReturnType<TableOfContents['lookup']>;

/** In a child. */
export function sitAtTable(seat: Seat): TableOfContents {
  return TableOfContents.attach(sit(seat).segment.chunk());
}

export function bells(contents: TableOfContents): { readonly ready: SharedLatch; readonly never: SharedLatch } {
  return {
    ready: SharedLatch.attach(contents.lookup('ready')),
    never: SharedLatch.attach(contents.lookup('never')),
  };
}
