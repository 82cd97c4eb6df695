/** What the children of counter.test.ts and tableOfContents.test.ts do. */
import { AtomicCounter, TableOfContents, WorkCounter } from '../../src/shm/index.js';
import type { Seat } from './support/company.js';
import { sit } from './support/company.js';
import { sitAtTable } from './support/table.js';

/** Takes pieces until there are none; adds them up, and all of them by ones. */
export function work(seat: Seat): readonly (readonly [number, number])[] {
  const table = sitAtTable(seat);
  const work = WorkCounter.attach(table.lookup('work'));
  const counter = AtomicCounter.attach(table.lookup('counter'));
  const pieces: (readonly [number, number])[] = [];
  for (let piece = work.next(); piece !== null; piece = work.next()) {
    pieces.push([piece.begin, piece.end]);
    for (let item = piece.begin; item < piece.end; item++) counter.add(1);
  }
  return pieces;
}

/** Puts in so many keys, which others put in too. Gives those that were its own, with where it has put them. */
export function insertAll(seat: Seat): readonly (readonly [string, number])[] {
  const contents = TableOfContents.attach(sit(seat).segment.chunk());
  const own: (readonly [string, number])[] = [];
  for (let index = 0; index < (seat.arg as number); index++) {
    const chunk = contents.allocate(64);
    chunk.words.store(0, seat.number);
    try {
      contents.insert(`key ${index}`, chunk);
      own.push([`key ${index}`, chunk.offsetBytes]);
    } catch (error) {
      if ((error as { readonly code?: string }).code !== 'ERR_KEY_IN_CONTENTS') throw error;
    }
  }
  return own;
}
