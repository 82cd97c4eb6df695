/**
 * The persistent map against a Map: the same answers after any row of changes, and no map ever changes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PersistentMap } from '../../src/core/persistentMap.js';

type Change<K> = { readonly set: K; readonly value: number } | { readonly delete: K };

function changesOf<K>(key: fc.Arbitrary<K>): fc.Arbitrary<Change<K>[]> {
  const change = fc.oneof(fc.record({ set: key, value: fc.nat() }), fc.record({ delete: key }));
  return fc.array(change, { maxLength: 200 });
}

function behavesAsMap<K extends string | number>(changes: readonly Change<K>[]): void {
  const model = new Map<K, number>();
  let map = PersistentMap.empty<K, number>();
  for (const change of changes) {
    const before = [...map.entries()];
    const old = map;
    if ('set' in change) {
      model.set(change.set, change.value);
      map = map.set(change.set, change.value);
    } else {
      const had = model.delete(change.delete);
      map = map.delete(change.delete);
      assert.equal(map === old, !had, 'what was not there leaves the very same map');
    }
    assert.deepEqual([...old.entries()], before, 'the old map is as it was');
    assert.equal(map.size, model.size);
  }
  assert.deepEqual(new Map(map.entries()), model);
  assert.deepEqual(new Set(map.keys()), new Set(model.keys()));
  for (const [key, value] of model) assert.equal(map.get(key), value);
}

test('a persistent map answers as a Map does, with few string keys that come and go', () => {
  fc.assert(fc.property(changesOf(fc.constantFrom('a', 'b', 'c', '0:1', '1:0', '')), behavesAsMap));
});

test('a persistent map answers as a Map does, with any string keys', () => {
  fc.assert(fc.property(changesOf(fc.string({ maxLength: 4 })), behavesAsMap));
});

test('a persistent map answers as a Map does, with number keys', () => {
  const numbers = fc.oneof(fc.nat({ max: 40 }), fc.integer(), fc.maxSafeNat());
  fc.assert(fc.property(changesOf(numbers), behavesAsMap));
});

test('keys with the very same hash live together', () => {
  const [one, other] = collidingKeys();
  let map = PersistentMap.empty<string, number>().set('x', 0).set(one, 1).set(other, 2).set('y', 3);
  assert.deepEqual([map.get(one), map.get(other), map.size], [1, 2, 4]);
  map = map.set(one, 10);
  assert.deepEqual([map.get(one), map.get(other), map.size], [10, 2, 4]);
  map = map.delete(other);
  assert.deepEqual([map.get(one), map.get(other), map.size], [10, undefined, 3]);
  assert.equal(map.delete(other), map);
  assert.deepEqual(new Set(map.delete(one).keys()), new Set(['x', 'y']));
});

test('ten thousand keys go in and out', () => {
  let map = PersistentMap.empty<string, number>();
  for (let n = 0; n < 10_000; n += 1) map = map.set(`key ${n}`, n);
  assert.equal(map.size, 10_000);
  assert.ok([...map.entries()].every(([key, n]) => key === `key ${n}`));
  for (let n = 0; n < 10_000; n += 1) map = map.delete(`key ${n}`);
  assert.deepEqual([...map.entries()], []);
});

test('the order of its entries depends on its keys, not on how they came', () => {
  const keys = Array.from({ length: 100 }, (_, n) => `k${n}`);
  const build = (list: readonly string[]): readonly string[] => [
    ...list.reduce((map, key) => map.set(key, 1), PersistentMap.empty<string, number>()).keys(),
  ];
  assert.deepEqual(build(keys), build(keys.toReversed()));
});

/** Two keys of one hash, found by the hash that the map uses: FNV-1a, folded. */
function collidingKeys(): readonly [string, string] {
  const byHash = new Map<number, string>();
  for (let n = 0; ; n += 1) {
    const key = n.toString(36);
    let hash = 0x811c9dc5;
    for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
    hash = (hash ^ (hash >>> 15)) >>> 0;
    const found = byHash.get(hash);
    if (found !== undefined) return [found, key];
    byHash.set(hash, key);
  }
}
