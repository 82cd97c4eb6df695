/** What a merge of sorted sources is: what a stable sort makes of all of them, one behind the other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MergeHeap } from '../../src/parallel/mergeHeap.js';

interface Row {
  readonly key: number;
  readonly source: number;
  readonly number: number;
}

const byKey = (a: Row, b: Row): number => a.key - b.key;

/** All rows in the order of the heap, to which the sources come in the order that is given. */
function merged(sources: readonly (readonly Row[])[], arrivals: readonly number[], compare = byKey): Row[] {
  const heap = new MergeHeap<Row>(compare);
  const iterators = sources.map((source) => source.values());
  for (const source of arrivals) {
    const first = iterators[source]!.next();
    if (!first.done) heap.push(first.value, source);
  }
  const rows: Row[] = [];
  while (heap.size > 0) {
    const { top, topSource } = heap;
    assert.equal(top.source, topSource);
    rows.push(top);
    const next = iterators[topSource]!.next();
    if (next.done) heap.pop();
    else heap.replaceTop(next.value);
  }
  return rows;
}

const sorted = fc.array(fc.nat(9), { maxLength: 12 }).map((keys) => keys.sort((a, b) => a - b));

test('R-GM-1: rows come in the order of a stable sort, equal ones by the number of their source', () => {
  fc.assert(
    fc.property(fc.array(sorted, { maxLength: 9 }), fc.infiniteStream(fc.nat()), (lists, chances) => {
      const sources = lists.map((keys, source) => keys.map((key, number) => ({ key, source, number })));
      const arrivals = sources
        .map((_, source) => ({ source, chance: chances.next().value as number }))
        .sort((a, b) => a.chance - b.chance)
        .map(({ source }) => source);
      assert.deepEqual(merged(sources, arrivals), sources.flat().sort(byKey));
    }),
  );
});

test('where nothing is ordered, each source is taken to its end before the next one', () => {
  const sources = [0, 1, 2].map((source) => [0, 1, 2].map((number) => ({ key: 9 - number, source, number })));
  for (const compare of [() => 0, () => Number.NaN]) {
    assert.deepEqual(merged(sources, [2, 0, 1], compare), sources.flat());
  }
});

test('an empty heap has nothing on top', () => {
  const heap = new MergeHeap<Row>(byKey);
  assert.throws(() => heap.top, /empty/);
  assert.throws(() => heap.topSource, /empty/);
  assert.throws(() => heap.pop(), /empty/);
});
