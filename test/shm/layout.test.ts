/**
 * What the pictures of memory show (src/shm/layout.ts) is all there is: whatever a thing does, it touches no word that its
 * description does not have. Two members of one process use each thing, and every access to words is looked at.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCK_SCAN_PARTS, BlockScan } from '../../src/parallel/blockScan.js';
import { SharedBarrier } from '../../src/shm/barrier.js';
import { barrierParts } from '../../src/shm/barrierParty.js';
import type { Chunk } from '../../src/shm/chunk.js';
import { conditionVariableParts, SharedConditionVariable } from '../../src/shm/conditionVariable.js';
import { WORK_COUNTER_PARTS, WorkCounter } from '../../src/shm/counter.js';
import { LATCH_PARTS, SharedLatch } from '../../src/shm/latch.js';
import type { Part } from '../../src/shm/layout.js';
import { lockParts, SharedLock } from '../../src/shm/lock.js';
import { Mapping } from '../../src/shm/mapping.js';
import { MessageQueue, QUEUE_PARTS } from '../../src/shm/messageQueue.js';
import { contentsParts, TableOfContents } from '../../src/shm/tableOfContents.js';
import { LongWords, Words } from '../../src/shm/words.js';
import { Company } from './support/company.js';

/** Where the words of an object begin in their segment. */
const offsets = new WeakMap<Words | LongWords, number>();
/** The bytes that were touched, by where the word begins and how long it is. */
const touched = new Map<number, number>();
const methods = ['load', 'store', 'add', 'exchange', 'compareExchange'] as const;

for (const [name, { prototype }, bytes] of [
  ['words', Words, 4],
  ['longWords', LongWords, 8],
] as const) {
  const make = Mapping.prototype[name] as (offset: number, count: number) => Words | LongWords;
  Mapping.prototype[name] = function (this: Mapping, offset: number, count: number) {
    const words = make.call(this, offset, count);
    offsets.set(words, offset);
    return words;
  } as never;
  for (const method of methods) {
    const real = prototype[method] as (...args: unknown[]) => unknown;
    prototype[method] = function (this: Words | LongWords, index: number, ...rest: unknown[]) {
      touched.set((offsets.get(this) ?? 0) + index * bytes, bytes);
      return real.call(this, index, ...rest);
    } as never;
  }
}

/** Runs what is done with the thing after it was made, by two members. */
async function look(
  sizeBytes: number,
  parts: readonly Part[],
  create: (chunk: Chunk) => unknown,
  use: (one: Chunk, other: Chunk) => unknown,
): Promise<void> {
  await using company = new Company();
  const segment = await company.segment(company.member(), sizeBytes);
  const shared = company.share(segment, company.member());
  create(segment.chunk());
  touched.clear();
  await use(segment.chunk(), shared.chunk());
  shared.detach();
  segment.detach();
  assert.ok(touched.size > 3);
  for (const [offset, bytes] of touched) {
    const isShown = parts.some((part) => {
      const end = part.sizeBytes === 'rest' ? sizeBytes : part.offsetBytes + part.sizeBytes;
      return offset >= part.offsetBytes && offset + bytes <= end;
    });
    assert.ok(isShown, `the word of ${bytes} bytes at ${offset} is not described`);
  }
}

test('a latch', () =>
  look(SharedLatch.sizeFor(), LATCH_PARTS, SharedLatch.create, async (one, other) => {
    const latch = SharedLatch.attach(one);
    latch.own();
    const waiting = latch.wait();
    SharedLatch.attach(other).set();
    await waiting;
    latch.reset();
    latch.disown();
  }));

test('R-MQ-1: a message queue', () =>
  look(
    MessageQueue.sizeFor({ ringBytes: 256 }),
    QUEUE_PARTS,
    (chunk) => MessageQueue.create(chunk),
    async (one, other) => {
      const sender = MessageQueue.attach(one).sender();
      const receiver = MessageQueue.attach(other).receiver();
      for (const length of [0, 5, 100, 1_000]) {
        const received = receiver.receive();
        await sender.send(new Uint8Array(length));
        assert.equal((await received).length, length);
      }
    },
  ));

test('a lock, and a condition variable', async () => {
  const sizes = { maxShared: 5, maxWaiters: 3 };
  await look(
    SharedLock.sizeFor(sizes),
    lockParts(sizes),
    (chunk) => SharedLock.create(chunk, sizes),
    async (one, other) => {
      const [mine, yours] = [SharedLock.attach(one), SharedLock.attach(other)];
      for (const [first, second] of [
        ['exclusive', 'exclusive'],
        ['exclusive', 'shared'],
        ['shared', 'exclusive'],
        ['shared', 'shared'],
      ] as const) {
        const held = await mine.acquire(first);
        const waiting = yours.acquire(second);
        held.release();
        (await waiting).release();
      }
      await mine.acquire();
      assert.equal(yours.tryAcquire(), undefined);
    },
  );
  await look(
    SharedConditionVariable.sizeFor(sizes),
    conditionVariableParts(sizes),
    (chunk) => SharedConditionVariable.create(chunk, sizes),
    async (one, other) => {
      let isTrue = false;
      const waiting = SharedConditionVariable.attach(one).wait(() => isTrue);
      isTrue = true;
      SharedConditionVariable.attach(other).broadcast();
      await waiting;
    },
  );
});

test('a barrier', async () => {
  for (const options of [{ parties: 2 }, { maxParties: 3 }]) {
    await look(
      SharedBarrier.sizeFor(options),
      barrierParts(options),
      (chunk) => SharedBarrier.create(chunk, options),
      async (one, other) => {
        const parties = [SharedBarrier.attach(one), SharedBarrier.attach(other)];
        for (const party of parties) party.join();
        await Promise.all(parties.map((party) => party.arriveAndWait()));
      },
    );
  }
});

test('a work counter, a block scan, and a table of contents', async () => {
  await look(
    WorkCounter.sizeFor(),
    WORK_COUNTER_PARTS,
    (chunk) => WorkCounter.create(chunk, { items: 10, workers: 2 }),
    (one, other) => [WorkCounter.attach(one).next(), WorkCounter.attach(other).next()],
  );
  await look(
    BlockScan.sizeFor(),
    BLOCK_SCAN_PARTS,
    (chunk) => BlockScan.create(chunk, { blocks: 10, startBlock: 3 }),
    (one, other) => {
      const scan = BlockScan.attach(one);
      assert.deepEqual([...scan, ...BlockScan.attach(other)].length, 10);
      scan.restart();
      assert.equal(scan.allocated, 0);
    },
  );
  await look(640, contentsParts(2), TableOfContents.create, (one, other) => {
    const contents = TableOfContents.attach(one);
    contents.insert('a key', contents.allocate(100));
    contents.insert(7, contents.allocate(0));
    assert.equal(TableOfContents.attach(other).lookup('a key').sizeBytes, 100);
  });
});
