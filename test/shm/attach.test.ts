/**
 * Attaching to what lives in a segment: to a part of it, and again and again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WORK_COUNTER_PARTS } from '../../src/shm/counter.js';
import type { Chunk } from '../../src/shm/index.js';
import {
  AtomicCounter,
  SharedBarrier,
  SharedConditionVariable,
  SharedLatch,
  SharedLock,
  WorkCounter,
} from '../../src/shm/index.js';
import { Company } from './support/company.js';

interface Thing {
  readonly sizeBytes: number;
  create(chunk: Chunk): unknown;
  attach(chunk: Chunk): unknown;
}

const things: Readonly<Record<string, Thing>> = {
  latch: { sizeBytes: SharedLatch.sizeFor(), create: SharedLatch.create, attach: SharedLatch.attach },
  lock: { sizeBytes: SharedLock.sizeFor(), create: SharedLock.create, attach: SharedLock.attach },
  'condition variable': {
    sizeBytes: SharedConditionVariable.sizeFor(),
    create: SharedConditionVariable.create,
    attach: SharedConditionVariable.attach,
  },
  'barrier of a static party': {
    sizeBytes: SharedBarrier.sizeFor({ parties: 20 }),
    create: (chunk) => SharedBarrier.create(chunk, { parties: 20 }),
    attach: SharedBarrier.attach,
  },
  'barrier of a dynamic party': {
    sizeBytes: SharedBarrier.sizeFor({}),
    create: (chunk) => SharedBarrier.create(chunk, {}),
    attach: SharedBarrier.attach,
  },
  counter: { sizeBytes: AtomicCounter.sizeFor(), create: AtomicCounter.create, attach: AtomicCounter.attach },
  'work counter': {
    sizeBytes: WorkCounter.sizeFor(),
    create: (chunk) => WorkCounter.create(chunk, { items: 1 }),
    attach: WorkCounter.attach,
  },
};

for (const [name, { sizeBytes, create, attach }] of Object.entries(things)) {
  test(`a ${name} is attached to with all of its memory, or not at all`, async () => {
    await using company = new Company();
    const segment = await company.segment(company.member(), 64 * 1024);
    create(segment.chunk(0, sizeBytes));
    attach(segment.chunk(0, sizeBytes));
    for (const less of [0, 4, 8, 12, sizeBytes - 4]) {
      assert.throws(() => attach(segment.chunk(0, less)), { code: 'ERR_WRONG_MEMORY' }, String(less));
    }
  });
}

test('who attaches to a thing again and again, and has nothing of it, leaves nothing behind in its segment', async () => {
  await using company = new Company();
  const segment = await company.segment(company.member(), 64 * 1024);
  const [lock, variable, barrier] = [0, 1, 2].map((index) => segment.chunk(index * 8192, 8192)) as [
    Chunk,
    Chunk,
    Chunk,
  ];
  SharedLock.create(lock);
  SharedConditionVariable.create(variable);
  SharedBarrier.create(barrier, {});
  for (let time = 0; time < 100; time++) {
    using held = await SharedLock.attach(lock).acquire();
    assert.equal(SharedLock.attach(lock).tryAcquire('shared'), undefined);
    assert.equal(held.isHeld, true);
    assert.equal(
      await SharedConditionVariable.attach(variable).wait(() => time % 2 === 0, { timeoutMs: 0 }),
      time % 2 === 0 || 'timeout',
    );
    const participant = SharedBarrier.attach(barrier);
    participant.join();
    assert.equal(segment.busy.size, 2);
    participant.leave();
  }
  assert.equal(segment.busy.size, 0);
});

test('a work counter whose sizes were overwritten is none, and it never hands out what is not in its range', async () => {
  await using company = new Company();
  const chunk = (await company.segment(company.member(), 4096)).chunk();
  const counter = WorkCounter.create(chunk, { items: 4 });
  const wordOf = (name: string): number =>
    (WORK_COUNTER_PARTS.find((part) => part.name === name)?.offsetBytes ?? 0) / 8;
  chunk.longWords.store(wordOf('handed out'), -(2n ** 60n));
  assert.deepEqual(counter.next(), { begin: 0, end: 1 });
  chunk.longWords.store(wordOf('pieceItems'), 0n);
  assert.throws(() => WorkCounter.attach(chunk), { code: 'ERR_WRONG_MEMORY' });
});
