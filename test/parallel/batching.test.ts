/**
 * How the size of a batch follows from what was measured: nothing here runs, time is an argument.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BATCH_MS, BatchSize, MAX_BATCH_BYTES, MAX_BATCH_ITEMS, visibleBytes } from '../../src/parallel/batching.js';

/** Gives the sizes of `rounds` batches in a row, each answered before the next is cut. */
function sizes(rounds: number, msPerItem: number, bytesPerItem = 1): number[] {
  const size = new BatchSize({ participants: 2 });
  return Array.from({ length: rounds }, () => {
    const items = size.next(null);
    size.measured({ items, ms: items * msPerItem, bytes: items * bytesPerItem });
    return items;
  });
}

test('batches begin with one item and double while that is cheap, up to a limit', () => {
  const doubling = Array.from({ length: Math.log2(MAX_BATCH_ITEMS) + 1 }, (_, power) => 2 ** power);
  assert.deepEqual(sizes(doubling.length + 2, 0), [...doubling, MAX_BATCH_ITEMS, MAX_BATCH_ITEMS]);
});

test('a batch aims at some milliseconds of work, and an item that takes longer is a batch of its own', () => {
  assert.deepEqual(sizes(7, 1), [1, 2, 4, 8, 16, 20, 20]);
  assert.deepEqual(sizes(3, BATCH_MS), [1, 1, 1]);
  assert.deepEqual(sizes(3, 1000), [1, 1, 1]);
});

test('a batch of large items stays below a mebibyte, as far as one of them does', () => {
  assert.deepEqual(sizes(5, 0, MAX_BATCH_BYTES / 4), [1, 2, 4, 4, 4]);
  assert.deepEqual(sizes(3, 0, MAX_BATCH_BYTES * 4), [1, 1, 1]);
});

test('items that become expensive shrink the batch at once', () => {
  const size = new BatchSize({ participants: 2 });
  for (let items = size.next(null); items < 1024; items = size.next(null)) size.measured({ items, ms: 0, bytes: 1 });
  size.measured({ items: 1024, ms: 1024 * BATCH_MS, bytes: 1 });
  assert.equal(size.next(null), 1);
});

test('answers of one round double the size once, however many they are', () => {
  const size = new BatchSize({ participants: 4 });
  for (let answer = 0; answer < 8; answer++) size.measured({ items: 1, ms: 0.01, bytes: 10 });
  assert.equal(size.next(null), 2);
});

test('batches shrink towards the end, to a fair share of what is left', () => {
  const size = new BatchSize({ participants: 2 });
  for (let round = 0; round < 3; round++) size.measured({ items: 4, ms: 4, bytes: 1 });
  assert.deepEqual(
    [100, 20, 16, 8, 4, 1].map((left) => size.next(left)),
    [8, 5, 4, 2, 1, 1],
  );
});

test('behind a batch that takes long nothing waits in the same process', () => {
  const size = new BatchSize({ participants: 2 });
  assert.equal(size.underWay(null), 1);
  size.measured({ items: 1, ms: 1, bytes: 1 });
  assert.equal(size.underWay(null), 2);
  size.measured({ items: 1, ms: 100, bytes: 1 });
  assert.equal(size.underWay(null), 1);
});

test('near the end only what is short waits behind something in the same process', () => {
  const size = new BatchSize({ participants: 2 });
  size.measured({ items: 1, ms: 10, bytes: 1 });
  assert.deepEqual(
    [100, 8, 1].map((left) => size.underWay(left)),
    [2, 1, 1],
  );
  size.measured({ items: 2, ms: 0.01, bytes: 1 });
  assert.deepEqual(
    [100, 8, 1].map((left) => size.underWay(left)),
    [2, 2, 2],
  );
});

test('a fixed size stays what it is, whatever is measured', () => {
  const size = new BatchSize({ participants: 2, fixed: 7 });
  size.measured({ items: 7, ms: 10_000, bytes: 1e9 });
  assert.deepEqual([size.next(null), size.next(1)], [7, 7]);
});

test('whatever is measured, a batch has an item at least and never more than the limit, nor twice what was answered', () => {
  const answer = fc.record({
    ms: fc.double({ min: 0, max: 1e6, noNaN: true }),
    bytes: fc.nat(1e9),
    left: fc.option(fc.nat(1e6)),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.array(answer, { maxLength: 50 }), (participants, answers) => {
      const size = new BatchSize({ participants });
      let last = 1;
      for (const { ms, bytes, left } of answers) {
        const items = size.next(left);
        assert.ok(Number.isInteger(items) && items >= 1 && items <= MAX_BATCH_ITEMS, `${items} items`);
        assert.ok(items <= 2 * last, `${items} items after ${last}`);
        size.measured({ items, ms, bytes });
        last = size.next(null);
      }
    }),
    { seed: 20 },
  );
});

test('what a long text or a buffer weighs is seen before it is sent', () => {
  assert.equal(visibleBytes('x'.repeat(1000)), 1000);
  assert.equal(visibleBytes(new Float64Array(10)), 80);
  assert.equal(visibleBytes(new ArrayBuffer(12)), 12);
  assert.equal(visibleBytes({ text: 'x'.repeat(1000) }), 0);
});
