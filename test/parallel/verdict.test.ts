/**
 * What becomes of items whose process died, decided without any process.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Batch, comparePlaces, cut, halves } from '../../src/parallel/batch.js';
import type { Verdict } from '../../src/parallel/verdict.js';
import { judgeDeath } from '../../src/parallel/verdict.js';

const died = new Error('died');
const places = (verdict: Verdict): unknown =>
  'failed' in verdict
    ? verdict.failed
    : verdict.again.map(({ from, items, suspectedOf }) => [from, items, suspectedOf]);

test('what a process had not begun with, another one can have as it is', () => {
  const { whole } = new Batch(0, 0, ['a', 'b']);
  assert.deepEqual(places(judgeDeath(whole, false, true, died)), [[0, ['a', 'b'], null]]);
});

test('what it had begun with runs again alone: of a map each item, of an aggregate the whole', () => {
  const { whole } = new Batch(0, 0, ['a', 'b']);
  assert.deepEqual(places(judgeDeath(whole, true, true, died)), [
    [0, ['a'], died],
    [1, ['b'], died],
  ]);
  assert.deepEqual(places(judgeDeath(whole, true, false, died)), [[0, ['a', 'b'], died]]);
});

test('what ends its process when it runs alone has failed', () => {
  const { whole } = new Batch(0, 0, ['a']);
  const again = new Error('died again');
  assert.equal(places(judgeDeath({ ...whole, suspectedOf: died }, true, true, again)), again);
  assert.deepEqual(places(judgeDeath({ ...whole, suspectedOf: died }, false, true, again)), [[0, ['a'], died]]);
});

test('items that are too long together are parted until each is alone', () => {
  const { whole } = new Batch(0, 0, ['a', 'b', 'c']);
  assert.deepEqual(places({ again: halves(whole) }), [
    [0, ['a'], null],
    [1, ['b', 'c'], null],
  ]);
});

test('of a part that was given back before its end, the first are settled and the rest is another part', () => {
  const batch = new Batch(0, 0, ['a', 'b', 'c']);
  const { first, result, rest } = cut(batch.whole, 1, {
    values: [1, undefined, undefined],
    errors: new Map(),
    bytes: 1,
  });
  assert.deepEqual([first.items, result.values, rest.from, rest.items], [['a'], [1], 1, ['b', 'c']]);
  batch.settle(first, result);
  batch.settle(rest, { values: [2, 3], errors: new Map(), bytes: 1 });
  assert.deepEqual([batch.isSettled, batch.values], [true, [1, 2, 3]]);
});

test('a batch is settled when all its parts are, in whatever order, and has its results in that of the items', () => {
  const batch = new Batch(3, 100, ['a', 'b', 'c']);
  const verdict = judgeDeath(batch.whole, true, true, died);
  const parts = 'again' in verdict ? [...verdict.again].sort(comparePlaces).reverse() : [];
  for (const part of parts) {
    assert.ok(!batch.isSettled);
    const isBad = part.items[0] === 'b';
    batch.settle(part, {
      values: [isBad ? undefined : `${part.items[0]}!`],
      errors: new Map(isBad ? [[0, died]] : []),
      bytes: 1,
    });
  }
  assert.ok(batch.isSettled && batch.hasFailedBefore(2) && !batch.hasFailedBefore(1));
  assert.deepEqual([batch.values, batch.errors, batch.bytes], [['a!', undefined, 'c!'], new Map([[1, died]]), 3]);
});
