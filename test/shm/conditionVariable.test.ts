/**
 * The condition variable between real processes. Its interleavings are gone through in model/conditionVariable.test.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SharedConditionVariable, SharedLock } from '../../src/shm/index.js';
import { Company } from './support/company.js';
import type { Table } from './support/table.js';
import { put, setTable } from './support/table.js';

const peer = new URL('./lockPeer.js', import.meta.url).href;

function putCondition(table: Table, key: string, maxWaiters = 8): SharedConditionVariable {
  return put(table, key, SharedConditionVariable.sizeFor({ maxWaiters }), (chunk) =>
    SharedConditionVariable.create(chunk, { maxWaiters }),
  );
}

/** The end of a child is a signal, which interrupts. */
async function waitBlockingThroughSignals(condition: SharedConditionVariable, predicate: () => boolean): Promise<void> {
  for (;;) {
    try {
      condition.waitBlocking(predicate);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_WAIT_INTERRUPTED') throw error;
      await nextTurn();
    }
  }
}

test('what is put into one place by one process is taken by others, each once, and nobody sleeps beside it', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const { words } = put(table, 'slot', 4, (chunk) => chunk);
  const [full, empty] = [putCondition(table, 'full'), putCondition(table, 'empty')];
  const times = 500;
  const children = [true, false].map((isBlocking) => company.child(peer, 'take', table.segment, { times, isBlocking }));
  let sum = 0;
  for (let number = 1; number <= 2 * times; number++) {
    const isPut = (): boolean => words.compareExchange(0, 0, number) === 0;
    if (number % 2 === 0) await waitBlockingThroughSignals(empty, isPut);
    else await empty.wait(isPut);
    full.signal();
    sum += number;
  }
  const [one = 0, other = 0] = (await Promise.all(children.map(({ result }) => result))) as number[];
  assert.equal(one + other, sum);
});

test('a sleeper that was killed takes no signal from one that lives', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const full = putCondition(table, 'full');
  const child = company.child(peer, 'sleepForEver', table.segment);
  await table.ready.wait();
  let isTrue = false;
  const waiting = full.wait(() => isTrue);
  await child.kill();
  isTrue = true;
  full.signal();
  assert.equal(await waiting, true);
});

test('signals go to the one that has waited longest; one that is called off passes its own on; a broadcast reaches all', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const condition = putCondition(table, 'full', 3);
  const order: string[] = [];
  let items = 0;
  const take = (name: string) => () => {
    if (items === 0) return false;
    items -= 1;
    order.push(name);
    return true;
  };
  const { offsetBytes, sizeBytes } = table.contents.lookup('full');
  const other = SharedConditionVariable.attach(
    company.share(table.segment, company.member()).chunk(offsetBytes, sizeBytes),
  );
  const controller = new AbortController();
  const first = other.wait(take('first'), { signal: controller.signal });
  const second = condition.wait(take('second'));
  const third = condition.wait(() => order.length > 0);
  await assert.rejects(
    condition.wait(() => false),
    { code: 'ERR_TOO_MANY_WAITERS' },
  );
  items = 1;
  condition.signal();
  controller.abort(new Error('enough'));
  await assert.rejects(first, /enough/);
  assert.equal(await second, true);
  condition.broadcast();
  assert.equal(await third, true);
  assert.deepEqual(order, ['second']);
  assert.equal(await condition.wait(() => false, { timeoutMs: 1 }), 'timeout');
  assert.equal(
    condition.waitBlocking(() => false, { timeoutMs: 1 }),
    'timeout',
  );
  const failing = condition.wait(() => {
    throw new Error('cannot look');
  });
  await assert.rejects(failing, /cannot look/);
});

test('with a lock: it is released while one sleeps, held when one looks, and held again however the wait ends', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const condition = putCondition(table, 'full');
  const lock = put(table, 'lock', SharedLock.sizeFor(), (chunk) => SharedLock.create(chunk));
  const held = await lock.acquire();
  let isTrue = false;
  const waiting = condition.wait(() => held.isHeld && isTrue, { with: { lock, held } });
  assert.equal(held.isHeld, false);
  const other = await lock.acquire();
  isTrue = true;
  condition.signal();
  other.release();
  assert.equal(await waiting, true);
  assert.equal(held.isHeld, true);
  assert.equal(lock.tryAcquire(), undefined);
  assert.equal(await condition.wait(() => false, { with: { lock, held }, timeoutMs: 1 }), 'timeout');
  assert.equal(held.isHeld, true);
  const controller = new AbortController();
  const aborted = condition.wait(() => false, { with: { lock, held }, signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(aborted, /enough/);
  assert.equal(held.isHeld, true);
  held.release();
  await assert.rejects(
    condition.wait(() => false, { with: { lock, held } }),
    { code: 'ERR_LOCK_NOT_HELD' },
  );
  assert.equal(lock.tryAcquire()?.isHeld, true);
});

test('a wait fails when its segment is detached, and its signal goes to another', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const condition = putCondition(table, 'full');
  const sharing = company.share(table.segment, company.member());
  const { offsetBytes, sizeBytes } = table.contents.lookup('full');
  const leaving = SharedConditionVariable.attach(sharing.chunk(offsetBytes, sizeBytes));
  let isTrue = false;
  const failing = assert.rejects(
    leaving.wait(() => isTrue),
    { code: 'ERR_SEGMENT_DETACHED' },
  );
  const waiting = condition.wait(() => isTrue);
  isTrue = true;
  condition.signal();
  sharing.detach();
  assert.equal(await waiting, true);
  await failing;
});
