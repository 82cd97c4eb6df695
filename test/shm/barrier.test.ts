/**
 * The barrier: PostgreSQL's rules, and what a death does, between real processes. Its interleavings are gone through in
 * model/barrier.test.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { barrierParts } from '../../src/shm/barrierParty.js';
import type { BarrierOptions } from '../../src/shm/index.js';
import { AtomicCounter, SharedBarrier } from '../../src/shm/index.js';
import { Company } from './support/company.js';
import type { Table } from './support/table.js';
import { put, setTable } from './support/table.js';

const peer = new URL('./barrierPeer.js', import.meta.url).href;

function putBarrier(table: Table, options: BarrierOptions): SharedBarrier {
  return put(table, 'barrier', SharedBarrier.sizeFor(options), (chunk) => SharedBarrier.create(chunk, options));
}

/** Other participants of this process. */
function others({ contents }: Table, count: number): readonly SharedBarrier[] {
  return Array.from({ length: count }, () => SharedBarrier.attach(contents.lookup('barrier')));
}

test('R-BAR-1, R-BAR-2: a static party needs no joining, nobody leaves it, and the last to arrive is elected', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const barrier = putBarrier(table, { parties: 3 });
  const [second, third, fourth] = others(table, 3) as [SharedBarrier, SharedBarrier, SharedBarrier];
  for (let phase = 0; phase < 3; phase++) {
    assert.equal(barrier.phase, phase);
    const waiting = [barrier.arriveAndWait(), second.arriveAndWait()];
    assert.deepEqual(third.arriveAndWaitBlocking(), { elected: true, phase: phase + 1, lost: 0 });
    for (const result of await Promise.all(waiting)) {
      assert.deepEqual(result, { elected: false, phase: phase + 1, lost: 0 });
    }
  }
  assert.throws(() => fourth.join(), { code: 'ERR_BARRIER_FULL' });
  await assert.rejects(fourth.arriveAndWait(), { code: 'ERR_BARRIER_FULL' });
  assert.throws(() => barrier.leave(), { code: 'ERR_BARRIER_STATIC' });
  assert.throws(() => barrier.join(), { code: 'ERR_BARRIER_JOINED' });
});

test('R-BAR-3, R-BAR-4: one joins at any phase, and none goes on while somebody has joined and not arrived', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const barrier = putBarrier(table, { maxParties: 3 });
  const [second, third] = others(table, 2) as [SharedBarrier, SharedBarrier];
  await assert.rejects(barrier.arriveAndWait(), { code: 'ERR_BARRIER_NOT_JOINED' });
  assert.throws(() => barrier.leave(), { code: 'ERR_BARRIER_NOT_JOINED' });
  assert.equal(barrier.join(), 0);
  assert.deepEqual(await barrier.arriveAndWait(), { elected: true, phase: 1, lost: 0 });
  assert.equal(second.join(), 1);
  assert.equal(third.join(), 1);
  assert.equal(barrier.participants, 3);
  const waiting = [barrier.arriveAndWait(), second.arriveAndWait()];
  assert.throws(() => barrier.leave(), { code: 'ERR_BARRIER_IN_USE' });
  assert.equal(barrier.phase, 1);
  assert.deepEqual(await third.arriveAndWait(), { elected: true, phase: 2, lost: 0 });
  for (const { phase, elected } of await Promise.all(waiting))
    assert.deepEqual({ phase, elected }, { phase: 2, elected: false });
});

test('R-BAR-2, R-BAR-3: who leaves releases the others, of whom exactly one is elected; the last one out is told', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const barrier = putBarrier(table, { maxParties: 3 });
  const [second, third] = others(table, 2) as [SharedBarrier, SharedBarrier];
  for (const one of [barrier, second, third]) assert.equal(one.join(), 0);
  const waiting = [barrier.arriveAndWait(), second.arriveAndWait()];
  assert.equal(third.leave(), false);
  const results = await Promise.all(waiting);
  assert.deepEqual(results.map(({ elected }) => elected).sort(), [false, true]);
  assert.equal(second.arriveAndLeave(), false);
  assert.equal(barrier.phase, 1);
  assert.equal(barrier.arriveAndLeave(), true);
  assert.equal(barrier.phase, 2);
  assert.equal(third.join(), 2);
  assert.equal(third.leave(), true);
  assert.equal(barrier.phase, 2);
  assert.equal(barrier.join(), 2);
  assert.equal(second.join(), 2);
  assert.equal(barrier.arriveAndLeaveExceptLast(), false);
  assert.equal(second.arriveAndLeaveExceptLast(), true);
  assert.equal(second.participants, 1);
  assert.deepEqual(await second.arriveAndWait(), { elected: true, phase: 4, lost: 0 });
});

test('an arrival stands when its wait is called off, and the next call waits for what has become of it', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const barrier = putBarrier(table, { parties: 2 });
  const [other] = others(table, 1) as [SharedBarrier];
  const controller = new AbortController();
  const waiting = barrier.arriveAndWait({ signal: controller.signal });
  await assert.rejects(barrier.arriveAndWait(), { code: 'ERR_BARRIER_IN_USE' });
  controller.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  assert.equal(barrier.arriveAndWaitBlocking({ timeoutMs: 1 }), 'timeout');
  assert.deepEqual(await other.arriveAndWait(), { elected: true, phase: 1, lost: 0 });
  assert.deepEqual(await barrier.arriveAndWait(), { elected: false, phase: 1, lost: 0 });
  assert.equal(await barrier.arriveAndWait({ timeoutMs: 1 }), 'timeout');
});

test('three processes go through a hundred phases together, and one of them is elected in each', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const parties = 3;
  putBarrier(table, { parties });
  put(table, 'counter', AtomicCounter.sizeFor(), (chunk) => AtomicCounter.create(chunk));
  const children = [true, false, true].map((isBlocking) =>
    company.child(peer, 'goThrough', table.segment, { phases: 100, parties, isBlocking }),
  );
  const results = await Promise.all(children.map(({ result }) => result));
  let elected = 0;
  for (const result of results as { readonly elected: number; readonly early: number }[]) {
    elected += result.elected;
    assert.equal(result.early, 0);
  }
  assert.equal(elected, 100);
});

for (const isBlocking of [true, false]) {
  const how = isBlocking ? 'blocking' : 'on the event loop';
  test(`F-80, R-BAR-5: one of a static party is killed: the barrier is broken, and who waits, ${how}, or comes is told`, async () => {
    await using company = new Company();
    const table = await setTable(company);
    const barrier = putBarrier(table, { parties: 3 });
    const [second] = others(table, 1) as [SharedBarrier];
    second.join();
    const child = company.child(peer, 'joinAndStay', table.segment);
    await table.ready.wait();
    const broken = { code: 'ERR_BARRIER_BROKEN', detail: `member ${child.number} died, or detached the segment` };
    if (isBlocking) {
      second.arriveAndWaitBlocking({ timeoutMs: 0 });
      child.process.kill('SIGKILL');
      assert.throws(() => barrier.arriveAndWaitBlocking(), broken);
    } else {
      const waiting = assert.rejects(barrier.arriveAndWait(), broken);
      await child.kill();
      table.segment.member.tellGone(child.number);
      await waiting;
    }
    await assert.rejects(second.arriveAndWait(), broken);
    assert.throws(() => (others(table, 1)[0] as SharedBarrier).join(), broken);
  });

  test(`F-80, R-BAR-5: one of a dynamic party is killed: the others, who wait ${how}, go on, and are told how many are lost`, async () => {
    await using company = new Company();
    const table = await setTable(company);
    const barrier = putBarrier(table, { maxParties: 2 });
    barrier.join();
    const child = company.child(peer, 'joinAndStay', table.segment);
    await table.ready.wait();
    assert.equal(await barrier.arriveAndWait({ timeoutMs: 0 }), 'timeout');
    const result = { elected: true, phase: 1, lost: 1 };
    if (isBlocking) {
      child.process.kill('SIGKILL');
      assert.deepEqual(barrier.arriveAndWaitBlocking(), result);
    } else {
      const waiting = barrier.arriveAndWait();
      await child.kill();
      table.segment.member.tellGone(child.number);
      assert.deepEqual(await waiting, result);
    }
    assert.equal(barrier.participants, 1);
    assert.equal(barrier.leave(), true);
  });
}

test('who detaches the segment leaves a dynamic party and breaks a static one', async () => {
  for (const options of [{ maxParties: 2 }, { parties: 2 }]) {
    await using company = new Company();
    const table = await setTable(company);
    const barrier = putBarrier(table, options);
    const { offsetBytes, sizeBytes } = table.contents.lookup('barrier');
    const sharing = company.share(table.segment, company.member());
    const leaving = SharedBarrier.attach(sharing.chunk(offsetBytes, sizeBytes));
    leaving.join();
    barrier.join();
    const waiting = barrier.arriveAndWait();
    const outcome =
      options.parties === undefined
        ? waiting.then((result) => assert.deepEqual(result, { elected: true, phase: 1, lost: 0 }))
        : assert.rejects(waiting, { code: 'ERR_BARRIER_BROKEN' });
    sharing.detach();
    await outcome;
    await assert.rejects(leaving.arriveAndWait(), { code: 'ERR_SEGMENT_DETACHED' });
  }
});

test('F-80: one that was killed when it had arrived is not there any more: who leaves then is the last one out', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const barrier = putBarrier(table, { maxParties: 2 });
  barrier.join();
  const child = company.child(peer, 'joinAndStay', table.segment, 'arrived');
  await table.ready.wait();
  await child.kill();
  assert.equal(barrier.participants, 2);
  assert.equal(barrier.leave(), true);
  assert.equal(barrier.lost, 1);
});

test('a barrier for nobody is refused, and no parties is not a dynamic party', async () => {
  await using company = new Company();
  const { segment } = await setTable(company);
  for (const options of [{ parties: 0 }, { maxParties: 0 }, { parties: 1.5 }]) {
    assert.throws(() => SharedBarrier.create(segment.chunk(0, 1024), options), { code: 'ERR_INVALID_ARGUMENT' });
  }
});

for (const options of [{ maxParties: 2 }, { parties: 2 }]) {
  const party = options.parties === undefined ? 'dynamic' : 'static';
  test(`one that died while it took its seat is one that died, in a ${party} party`, async () => {
    await using company = new Company();
    const table = await setTable(company);
    const barrier = putBarrier(table, options);
    barrier.join();
    const dead = company.member();
    dead.close();
    const { words } = table.contents.lookup('barrier');
    const wordOf = (name: string): number =>
      (barrierParts(options).find((part) => part.name === name)?.offsetBytes ?? 0) / 4;
    words.store(wordOf('seats used'), 2);
    words.store(wordOf('seat 2: member'), -dead.number);
    const waiting = barrier.arriveAndWait();
    if (party === 'static') await assert.rejects(waiting, { code: 'ERR_BARRIER_BROKEN' });
    else assert.equal((await waiting).phase, 1);
  });
}
