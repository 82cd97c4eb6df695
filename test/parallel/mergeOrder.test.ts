/** The order of a gather merge (mergeOrder.ts), with sources that answer what the test says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MergeOrder } from '../../src/parallel/mergeOrder.js';
import type { RowAnswer, RowSource } from '../../src/parallel/rowSources.js';

interface Keyed {
  readonly key: number;
  readonly from: string;
}

/** Gives rows of its keys; null is "not yet". Then it is done. */
class Script implements RowSource<Keyed> {
  readonly number: number;
  readonly #script: (number | null)[];
  #given = 0;

  constructor(number: number, script: readonly (number | null)[]) {
    this.number = number;
    this.#script = [...script];
  }

  tryNext(): RowAnswer<Keyed> | null {
    const key = this.#script.shift();
    if (key === undefined) return { done: true };
    if (key === null) return null;
    this.#given += 1;
    return { done: false, value: { key, from: `${this.number}:${this.#given}` } };
  }
}

function merge(scripts: readonly (readonly (number | null)[])[], leader?: readonly (number | null)[]) {
  const workers = scripts.map((script, number) => new Script(number, script));
  const compare = (a: Keyed, b: Keyed): number => a.key - b.key;
  return new MergeOrder(compare, workers, leader === undefined ? null : new Script(-1, leader));
}

/** All that it gives, with the numbers of those for whom one has to wait. */
function merged(order: MergeOrder<Keyed>): (string | readonly number[])[] {
  const said: (string | readonly number[])[] = [];
  for (;;) {
    const answer = order.tryNext();
    if (answer === null) said.push(order.awaited.map(({ number }) => number));
    else if (answer.done) return said;
    else said.push(`${answer.value.key} of ${answer.value.from}`);
  }
}

test('R-GM-2: the first row is given when a row of each is known, or that it is done', () => {
  const order = merge([[null, 2], [], [null, null, 1]], [3]);
  assert.deepEqual(merged(order), [[0, 2], [2], '1 of 2:1', '2 of 0:1', '3 of -1:1']);
});

test('R-GM-3: after a row it is the same input that is waited for, even if others have rows', () => {
  const order = merge([
    [1, null, null, 4],
    [2, 3],
  ]);
  assert.deepEqual(merged(order), ['1 of 0:1', [0], [0], '2 of 1:1', '3 of 1:2', '4 of 0:2']);
});

test('rows that compare as equal come from the leader first, then from each worker in turn', () => {
  const order = merge([[1, 1], [1]], [1, 2]);
  assert.deepEqual(merged(order), ['1 of -1:1', '1 of 0:1', '1 of 0:2', '1 of 1:1', '2 of -1:2']);
});

test('no inputs, and inputs without rows, give none', () => {
  assert.deepEqual(merged(merge([])), []);
  assert.deepEqual(merged(merge([[], []], [])), []);
});

for (const [who, order] of [
  ['the leader', () => merge([[1, 2]], [1, 3, 2])],
  [
    'worker 1',
    () =>
      merge([
        [1, 2],
        [0, 5, 4, 9],
      ]),
  ],
] as const) {
  test(`an input that is not sorted is an error that names ${who}`, () => {
    assert.throws(() => merged(order()), { code: 'ERR_NOT_SORTED', detail: new RegExp(`^${who} `) });
  });
}

test('whatever the inputs and whoever is late, what comes is a stable sort of all rows, the leader first', () => {
  const keys = fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 12 }).map((all) => all.sort((a, b) => a - b));
  const script = fc.tuple(keys, fc.infiniteStream(fc.boolean()));
  fc.assert(
    fc.property(fc.array(script, { maxLength: 4 }), fc.option(script), (scripts, leader) => {
      const withPauses = ([rows, pauses]: [number[], Iterator<boolean>]): (number | null)[] =>
        rows.flatMap((key) => (pauses.next().value ? [null, key] : [key]));
      const order = merge(scripts.map(withPauses), leader === null ? undefined : withPauses(leader));
      const inputs = [
        ...(leader === null ? [] : [[-1, leader[0]] as const]),
        ...scripts.map(([rows], n) => [n, rows] as const),
      ];
      const expected = inputs
        .flatMap(([number, rows]) => rows.map((key, index) => ({ key, from: `${number}:${index + 1}` })))
        .sort((a, b) => a.key - b.key)
        .map(({ key, from }) => `${key} of ${from}`);
      assert.deepEqual(
        merged(order).filter((said) => typeof said === 'string'),
        expected,
      );
    }),
    { numRuns: 100 },
  );
});
