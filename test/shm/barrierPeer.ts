/** What the children of barrier.test.ts do. Things are found by the table of contents. */
import { AtomicCounter, SharedBarrier } from '../../src/shm/index.js';
import type { Seat } from './support/company.js';
import { bells, sitAtTable } from './support/table.js';

/** Goes through phases; in each adds one to its counter, and the elected one looks whether all have. Gives how often it was. */
export async function goThrough(seat: Seat): Promise<{ readonly elected: number; readonly early: number }> {
  const { phases, parties, isBlocking } = seat.arg as { phases: number; parties: number; isBlocking: boolean };
  const table = sitAtTable(seat);
  const barrier = SharedBarrier.attach(table.lookup('barrier'));
  const counter = AtomicCounter.attach(table.lookup('counter'));
  let elected = 0;
  let early = 0;
  for (let phase = 0; phase < phases; phase++) {
    counter.add(1);
    const result = isBlocking ? barrier.arriveAndWaitBlocking() : await barrier.arriveAndWait();
    if (counter.load() < parties * (phase + 1)) early += 1;
    if (result.elected) elected += 1;
  }
  return { elected, early };
}

/** Joins, says so, and never arrives; or has arrived, and stays there. */
export async function joinAndStay(seat: Seat): Promise<void> {
  const table = sitAtTable(seat);
  const { ready, never } = bells(table);
  never.own();
  const barrier = SharedBarrier.attach(table.lookup('barrier'));
  barrier.join();
  if (seat.arg === 'arrived') await barrier.arriveAndWait({ timeoutMs: 0 });
  ready.set();
  await never.wait();
}
