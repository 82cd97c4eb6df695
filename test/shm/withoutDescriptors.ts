/**
 * A program in which two members wake each other when it has no descriptor left: run with a low `ulimit -n`. It ends with
 * 0 when everybody was woken.
 */
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { SharedConditionVariable, SharedLatch, SharedLock } from '../../src/shm/index.js';
import { Company } from './support/company.js';

const MARGIN_BYTES = 16 * 1024;

await using company = new Company();
const segment = await company.segment(company.member(), 3 * MARGIN_BYTES);
const others = [1, 2, 3].map(() => company.share(segment, company.member()));
const lock = SharedLock.create(segment.chunk(0, MARGIN_BYTES));
const variable = SharedConditionVariable.create(segment.chunk(MARGIN_BYTES, MARGIN_BYTES));
const latch = SharedLatch.create(segment.chunk(2 * MARGIN_BYTES, 64));
latch.own();
const held = await lock.acquire();
const waiting = others.map(async (other, index) => {
  const next = await SharedLock.attach(other.chunk(0, MARGIN_BYTES)).acquire(index === 0 ? 'exclusive' : 'shared');
  next.release();
});
let isTrue = false;
const signalled = others.map((other) =>
  SharedConditionVariable.attach(other.chunk(MARGIN_BYTES, MARGIN_BYTES)).wait(() => isTrue),
);
const set = latch.wait();

const taken: number[] = [];
try {
  for (;;) taken.push(openSync('/dev/null', 'r'));
} catch (error) {
  assert.equal((error as NodeJS.ErrnoException).code, 'EMFILE');
}
held.release();
isTrue = true;
variable.broadcast();
SharedLatch.attach((others[0] as (typeof others)[0]).chunk(2 * MARGIN_BYTES, 64)).set();
await Promise.all([...waiting, ...signalled, set]);
for (const descriptor of taken) closeSync(descriptor);
