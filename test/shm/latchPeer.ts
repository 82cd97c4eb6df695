/** What the children of latch.test.ts do. */
import { SharedLatch } from '../../src/shm/latch.js';
import type { Seat } from './support/company.js';
import { sit } from './support/company.js';

/** Sets latch 1 each time latch 0 is set, so many times; asleep in between on the event loop, or blocking. */
export async function answer(seat: Seat): Promise<number> {
  const { rounds, isBlocking } = seat.arg as { readonly rounds: number; readonly isBlocking: boolean };
  const { segment } = sit(seat);
  const mine = SharedLatch.attach(segment.chunk(0, SharedLatch.sizeFor()));
  const theirs = SharedLatch.attach(segment.chunk(SharedLatch.sizeFor(), SharedLatch.sizeFor()));
  mine.own();
  for (let round = 0; round < rounds; round++) {
    if (isBlocking) mine.waitBlocking();
    else await mine.wait();
    mine.reset();
    theirs.set();
  }
  return rounds;
}

/** Owns latch 0 and waits to be killed. */
export async function ownAndStay(seat: Seat): Promise<void> {
  const { segment } = sit(seat);
  const mine = SharedLatch.attach(segment.chunk(0, SharedLatch.sizeFor()));
  mine.own();
  SharedLatch.attach(segment.chunk(SharedLatch.sizeFor(), SharedLatch.sizeFor())).set();
  await mine.wait();
}
