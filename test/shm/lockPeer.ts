/** What the children of lock.test.ts and conditionVariable.test.ts do. Things are found by the table of contents. */
import type { LockMode } from '../../src/shm/index.js';
import { SharedConditionVariable, SharedLatch, SharedLock } from '../../src/shm/index.js';
import type { Seat } from './support/company.js';
import { bells, sitAtTable } from './support/table.js';

/** Adds to two numbers under the lock, and now and then looks whether they are the same. Gives how often they were not. */
export async function addAndLook(seat: Seat): Promise<number> {
  const { rounds, isBlocking } = seat.arg as { readonly rounds: number; readonly isBlocking: boolean };
  const table = sitAtTable(seat);
  const lock = SharedLock.attach(table.lookup('lock'));
  const { shownBytes } = table.lookup('numbers');
  const numbers = new Float64Array(shownBytes.buffer, shownBytes.byteOffset, 2);
  const get = (mode: LockMode) => (isBlocking ? lock.acquireBlocking(mode) : lock.acquire(mode));
  let torn = 0;
  for (let round = 0; round < rounds; round++) {
    const held = await get('exclusive');
    numbers[0] = (numbers[0] ?? 0) + 1;
    numbers[1] = (numbers[1] ?? 0) + 1;
    held.release();
    if (round % 8 !== 0) continue;
    const reading = await get('shared');
    if (numbers[0] !== numbers[1]) torn += 1;
    reading.release();
  }
  return torn;
}

/** Holds the lock, or waits for it, and then for its end. */
export async function holdAndStay(seat: Seat): Promise<void> {
  const { mode, isHeld } = seat.arg as { readonly mode: LockMode; readonly isHeld: boolean };
  const table = sitAtTable(seat);
  const lock = SharedLock.attach(table.lookup('lock'));
  const { ready, never } = bells(table);
  never.own();
  if (!isHeld) ready.set();
  await lock.acquire(mode);
  ready.set();
  await never.wait();
}

/** Takes what is put there, so often, and gives the sum. */
export async function take(seat: Seat): Promise<number> {
  const { times, isBlocking } = seat.arg as { readonly times: number; readonly isBlocking: boolean };
  const table = sitAtTable(seat);
  const { words } = table.lookup('slot');
  const full = SharedConditionVariable.attach(table.lookup('full'));
  const empty = SharedConditionVariable.attach(table.lookup('empty'));
  let sum = 0;
  const isThere = (): boolean => {
    const found = words.exchange(0, 0);
    sum += found;
    return found !== 0;
  };
  for (let time = 0; time < times; time++) {
    if (isBlocking) full.waitBlocking(isThere);
    else await full.wait(isThere);
    empty.signal();
  }
  return sum;
}

/** Sleeps at the condition variable for what never comes. */
export async function sleepForEver(seat: Seat): Promise<void> {
  const table = sitAtTable(seat);
  const ready = SharedLatch.attach(table.lookup('ready'));
  let looks = 0;
  await SharedConditionVariable.attach(table.lookup('full')).wait(() => {
    looks += 1;
    if (looks > 1) setImmediate(() => ready.set());
    return false;
  });
}
