/**
 * Reading items: at once or with waiting, in batches, and how the one who gives them is told that nobody wants more.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Source } from '../../src/parallel/source.js';

const nothing = (): void => {};

test('a source that is read at once gives as many items as are asked for, and fewer where they are long', () => {
  const source = new Source(['a', 'bb', 'x'.repeat(100), 'c', 'd'], nothing);
  assert.deepEqual([source.total, source.left, source.hasEnded], [5, 5, false]);
  assert.deepEqual(source.take(2), ['a', 'bb']);
  assert.deepEqual(source.take(10, 50), ['x'.repeat(100)]);
  assert.deepEqual([source.take(10), source.left, source.hasEnded], [['c', 'd'], 0, true]);
});

test('how many items there are is known of lists, typed arrays, sets and maps, and of nothing else', () => {
  const sources = [new Uint8Array(3), new Set([1, 2]), new Map([[1, 2]]), [].values(), 'text'];
  assert.deepEqual(
    sources.map((items) => new Source<unknown>(items, nothing).total),
    [3, 2, 1, null, null],
  );
});

test('a source that has to be waited for is read ahead up to one batch, and says when there is something', async () => {
  let reads = 0;
  let changes = 0;
  const items = async function* (): AsyncGenerator<number> {
    for (;;) yield reads++;
  };
  const source = new Source(items(), () => changes++);
  assert.deepEqual(source.take(4), []);
  await setImmediate();
  assert.deepEqual([reads, changes, source.left], [4, 1, null]);
  assert.deepEqual(source.take(3), [0, 1, 2]);
  await setImmediate();
  assert.equal(reads, 6);
  await source.close();
});

test('what a source throws is its end, behind what it gave before', async () => {
  const error = new Error('broken');
  const items = function* (): Generator<number> {
    yield 1;
    throw error;
  };
  const atOnce = new Source(items(), nothing);
  assert.deepEqual([atOnce.take(5), atOnce.hasEnded, atOnce.failure], [[1], true, { error }]);
  const waiting = new Source(
    (async function* () {
      yield* items();
    })(),
    nothing,
  );
  waiting.take(5);
  await setImmediate();
  assert.deepEqual(
    [waiting.hasEnded, waiting.take(5), waiting.hasEnded, waiting.failure],
    [false, [1], true, { error }],
  );
  const unwilling = new Source<number>(
    {
      [Symbol.iterator]() {
        throw error;
      },
    },
    nothing,
  );
  assert.deepEqual([unwilling.take(1), unwilling.failure], [[], { error }]);
});

test('a source is told once that nobody wants more, unless it ended by itself or was never asked', async () => {
  const told: string[] = [];
  const make = (name: string) =>
    (function* () {
      try {
        yield 1;
        yield 2;
      } finally {
        told.push(name);
      }
    })();
  const [left, ended, unread] = ['left', 'ended', 'unread'].map((name) => new Source(make(name), nothing));
  left?.take(1);
  ended?.take(9);
  for (const source of [left, ended, unread, left]) await source?.close();
  assert.deepEqual(told, ['ended', 'left']);
});

test('what cannot be iterated is refused', () => {
  for (const items of [7, null, {}, () => []]) {
    assert.throws(() => new Source(items as never, nothing), { code: 'ERR_INVALID_ARGUMENT' });
  }
});
