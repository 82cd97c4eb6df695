/**
 * The lock between real processes, some of which are killed while they hold it, wait for it, or read. Its interleavings
 * are gone through in model/lock.test.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SharedLockOptions } from '../../src/shm/index.js';
import { SharedLock } from '../../src/shm/index.js';
import { lockParts } from '../../src/shm/lock.js';
import { Company } from './support/company.js';
import type { Table } from './support/table.js';
import { put, setTable } from './support/table.js';

const peer = new URL('./lockPeer.js', import.meta.url).href;

function putLock(table: Table, options?: SharedLockOptions): SharedLock {
  return put(table, 'lock', SharedLock.sizeFor(options), (chunk) => SharedLock.create(chunk, options));
}

/** The same lock, as another member of this process has it. */
function another(company: Company, { segment, contents }: Table): SharedLock {
  const { offsetBytes, sizeBytes } = contents.lookup('lock');
  return SharedLock.attach(company.share(segment, company.member()).chunk(offsetBytes, sizeBytes));
}

test('four processes that add under the lock lose nothing, and who reads under it sees nothing half done', async () => {
  await using company = new Company();
  const table = await setTable(company);
  putLock(table);
  const { shownBytes } = put(table, 'numbers', 16, (chunk) => chunk);
  const rounds = 2000;
  const children = [true, false, true, false].map((isBlocking) =>
    company.child(peer, 'addAndLook', table.segment, { rounds, isBlocking }),
  );
  assert.deepEqual(await Promise.all(children.map(({ result }) => result)), [0, 0, 0, 0]);
  const numbers = new Float64Array(shownBytes.buffer, shownBytes.byteOffset, 2);
  assert.deepEqual([...numbers], [4 * rounds, 4 * rounds]);
});

for (const isBlocking of [true, false]) {
  const how = isBlocking ? 'blocking' : 'on the event loop';
  test(`the holder is killed: the next gets the lock, ${how}, and all are told until one has put it right`, async () => {
    await using company = new Company();
    const table = await setTable(company);
    const { segment, ready } = table;
    const lock = putLock(table);
    const child = company.child(peer, 'holdAndStay', segment, { mode: 'exclusive', isHeld: true });
    await ready.wait();
    assert.equal(lock.tryAcquire(), undefined);
    assert.equal(lock.tryAcquire('shared'), undefined);
    assert.equal(lock.ownerDied, false);
    if (isBlocking) {
      child.process.kill('SIGKILL');
      lock.acquireBlocking('shared').release();
    } else {
      const waiting = [lock.acquire('shared'), lock.acquire('shared')];
      await child.kill();
      segment.member.tellGone(child.number);
      for (const reading of await Promise.all(waiting)) {
        assert.equal(reading.ownerDied, true);
        reading.release();
      }
    }
    const reading = await lock.acquire('shared');
    assert.equal(reading.ownerDied, true);
    assert.throws(() => reading.markConsistent(), { code: 'ERR_LOCK_NOT_HELD' });
    reading.release();
    const held = lock.acquireBlocking();
    assert.equal(held.ownerDied, true);
    held.release();
    const again = await lock.acquire();
    assert.equal(again.ownerDied, true);
    again.markConsistent();
    assert.equal(again.ownerDied, false);
    again.release();
    assert.equal(lock.ownerDied, false);
    assert.equal((await lock.acquire('shared')).ownerDied, false);
  });

  test(`one that reads is killed: who waits to write goes on, ${how}, and nothing is broken`, async () => {
    await using company = new Company();
    const table = await setTable(company);
    const lock = putLock(table);
    const child = company.child(peer, 'holdAndStay', table.segment, { mode: 'shared', isHeld: true });
    await table.ready.wait();
    lock.acquireBlocking('shared').release();
    assert.equal(lock.acquireBlocking('exclusive', { timeoutMs: 0 }), 'timeout');
    if (isBlocking) {
      child.process.kill('SIGKILL');
      assert.equal(lock.acquireBlocking().ownerDied, false);
      return;
    }
    const waiting = lock.acquire();
    await child.kill();
    table.segment.member.tellGone(child.number);
    assert.equal((await waiting).ownerDied, false);
  });
}

for (const mode of ['exclusive', 'shared'] as const) {
  test(`one that waits for a lock (${mode}) is killed, and the next gets it all the same`, async () => {
    await using company = new Company();
    const table = await setTable(company);
    const lock = putLock(table);
    const held = await lock.acquire();
    const child = company.child(peer, 'holdAndStay', table.segment, { mode, isHeld: false });
    await table.ready.wait();
    const next = another(company, table).acquire();
    await child.kill();
    held.release();
    (await next).release();
    assert.equal(lock.tryAcquire()?.ownerDied, false);
  });
}

test('readers hold it together; a writer that waits lets no more in, and they are next before another writer', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const lock = putLock(table);
  const [second, third] = [another(company, table), another(company, table)];
  const readings = [lock.tryAcquire('shared'), second.tryAcquire('shared'), lock.tryAcquire('shared')];
  const order: string[] = [];
  const enter = (name: string) => (held: { release(): void }) => {
    order.push(name);
    return held;
  };
  const writer = second.acquire().then(enter('writer'));
  assert.equal(third.tryAcquire('shared'), undefined);
  const reader = third.acquire('shared').then(enter('reader'));
  const lateWriter = lock.acquire().then(enter('late writer'));
  for (const reading of readings) reading?.release();
  (await writer).release();
  (await reader).release();
  (await lateWriter).release();
  assert.deepEqual(order, ['writer', 'reader', 'late writer']);
});

test('tasks of one process take turns; blocking, what nobody could end is refused', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const lock = putLock(table);
  const held = await lock.acquire();
  let isIn = false;
  const other = lock.acquire().then((held) => {
    isIn = true;
    return held;
  });
  assert.throws(() => lock.acquireBlocking(), { code: 'ERR_LOCK_HELD' });
  assert.throws(() => lock.acquireBlocking('shared'), { code: 'ERR_LOCK_HELD' });
  assert.equal(isIn, false);
  held.release();
  (await other).release();
  const reading = lock.acquireBlocking('shared');
  assert.throws(() => lock.acquireBlocking(), { code: 'ERR_LOCK_HELD' });
  lock.acquireBlocking('shared').release();
  reading.release();
  lock.acquireBlocking().release();
});

test('a lock is given back once, a disposal is no second time, and what was called off holds nothing', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const lock = putLock(table, { maxShared: 1, maxWaiters: 1 });
  const second = another(company, table);
  const held = await lock.acquire();
  await assert.rejects(second.acquire('exclusive', { signal: AbortSignal.abort(new Error('enough')) }), /enough/);
  const controller = new AbortController();
  const waiting = second.acquire('exclusive', { signal: controller.signal });
  await assert.rejects(lock.acquire(), { code: 'ERR_TOO_MANY_WAITERS' });
  controller.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  const reader = second.acquire('shared', { timeoutMs: 1 });
  assert.throws(() => second.tryAcquire('shared'), { code: 'ERR_TOO_MANY_HOLDERS' });
  assert.equal(await reader, 'timeout');
  assert.equal(await second.acquire('exclusive', { timeoutMs: 1 }), 'timeout');
  held.release();
  assert.equal(held.isHeld, false);
  held[Symbol.dispose]();
  assert.throws(() => held.release(), { code: 'ERR_LOCK_NOT_HELD' });
  {
    using reading = await second.acquire('shared');
    assert.equal(lock.tryAcquire(), undefined);
    assert.equal(reading.mode, 'shared');
  }
  lock.tryAcquire()?.release();
});

test('a segment that is detached with a lock held leaves it as if its holder had died; who waits there fails', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const lock = putLock(table);
  const sharing = company.share(table.segment, company.member());
  const { offsetBytes, sizeBytes } = table.contents.lookup('lock');
  const leaving = SharedLock.attach(sharing.chunk(offsetBytes, sizeBytes));
  const held = await leaving.acquire();
  const waiting = lock.acquire();
  const failing = [leaving.acquire(), leaving.acquire('shared')];
  const rejected = failing.map((one) => assert.rejects(one, { code: 'ERR_SEGMENT_DETACHED' }));
  sharing.detach();
  await Promise.all(rejected);
  assert.equal(held.isHeld, false);
  assert.throws(() => held.release(), { code: 'ERR_LOCK_NOT_HELD' });
  const next = await waiting;
  assert.equal(next.ownerDied, true);
  next.markConsistent();
  next.release();
  assert.equal(lock.tryAcquire()?.ownerDied, false);
});

test('one that waits until the readers have gone is woken, whatever another task of its process tries meanwhile', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const lock = putLock(table);
  const reading = await another(company, table).acquire('shared');
  const waiting = lock.acquire();
  assert.equal(lock.tryAcquire(), undefined);
  assert.equal(await lock.acquire('exclusive', { timeoutMs: 1 }), 'timeout');
  reading.release();
  (await waiting).release();
});

test('whatever is written where it stands how many slots and stands were used, the lock is given back', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const lock = putLock(table, { maxShared: 4, maxWaiters: 4 });
  const { words } = table.contents.lookup('lock');
  const held = await lock.acquire();
  const waiting = [lock.acquire('shared'), lock.acquire()];
  // The high mark of the slots, then that of the stands, as lockParts() has them.
  for (const { name, offsetBytes } of lockParts({ maxShared: 4, maxWaiters: 4 })) {
    if (name.endsWith('used')) words.store(offsetBytes / 4, 2 ** 31 - 1);
  }
  held.release();
  for (const one of waiting) (await one).release();
});

test('what is no mode is refused, and nothing is held: options in its place are not a shared lock', async () => {
  await using company = new Company();
  const lock = putLock(await setTable(company));
  for (const mode of ['Exclusive', { timeoutMs: 1 }, null] as unknown as 'shared'[]) {
    await assert.rejects(lock.acquire(mode), { code: 'ERR_INVALID_ARGUMENT' });
    assert.throws(() => lock.acquireBlocking(mode), { code: 'ERR_INVALID_ARGUMENT' });
    assert.throws(() => lock.tryAcquire(mode), { code: 'ERR_INVALID_ARGUMENT' });
  }
  lock.tryAcquire()?.release();
  assert.equal(lock.ownerDied, false);
});

test('a segment, or its bytes, is no chunk of it', async () => {
  await using company = new Company();
  const { segment } = await setTable(company);
  for (const given of [segment, new Uint8Array(4096), undefined] as unknown as Parameters<
    typeof SharedLock.create
  >[0][]) {
    assert.throws(() => SharedLock.create(given), { code: 'ERR_INVALID_ARGUMENT' });
    assert.throws(() => SharedLock.attach(given), { code: 'ERR_INVALID_ARGUMENT' });
  }
});
