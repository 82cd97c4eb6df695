/**
 * The slot tree against a plain array, over the borders at which it grows a level (32 and 1,024 slots).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SlotTree } from '../../src/core/slotTree.js';

interface Slot {
  readonly launching: boolean;
  readonly used: boolean;
  readonly dueAt: number;
}

const NEVER = Number.POSITIVE_INFINITY;

/** A move: take the lowest free slot, or change one that was used before. */
interface Move {
  readonly take: boolean;
  /** Which of the slots that there are, as a share. */
  readonly at: number;
  readonly used: boolean;
  readonly dueAt: number;
}

const move: fc.Arbitrary<Move> = fc.record({
  take: fc.boolean(),
  at: fc.double({ min: 0, max: 0.999, noNaN: true }),
  used: fc.boolean(),
  dueAt: fc.oneof(fc.nat({ max: 5 }), fc.constant(NEVER)),
});

function agrees(tree: SlotTree<Slot>, model: readonly Slot[]): void {
  assert.equal(tree.launching, model.filter(({ launching }) => launching).length);
  assert.equal(tree.used, model.filter(({ used }) => used).length);
  const dueAt = Math.min(NEVER, ...model.map((slot) => slot.dueAt));
  assert.equal(tree.dueAt, dueAt);
  const firstDue = model.findIndex((slot) => slot.dueAt === dueAt);
  assert.equal(tree.firstDue(), dueAt === NEVER ? undefined : firstDue);
  assert.equal(tree.firstFree(), lowestFree(model));
}

function lowestFree(model: readonly Slot[]): number {
  const free = model.findIndex(({ used }) => !used);
  return free < 0 ? model.length : free;
}

for (const start of [0, 30, 1_020, 1_100]) {
  test(`beginning with ${start} slots, the tree answers as an array does`, () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
        const model: Slot[] = Array.from({ length: start }, () => ({ used: true, launching: false, dueAt: NEVER }));
        let tree = model.reduce((made, slot, index) => made.set(index, slot), SlotTree.empty<Slot>());
        for (const { take, at, used, dueAt } of moves) {
          const index = take || model.length === 0 ? lowestFree(model) : Math.floor(at * model.length);
          const isUsed = take || used;
          const slot = { used: isUsed, launching: isUsed && dueAt === 1, dueAt: isUsed ? dueAt : NEVER };
          model[index] = slot;
          tree = tree.set(index, slot);
          assert.equal(tree.get(index), slot);
          agrees(tree, model);
        }
        assert.deepEqual([...tree.entries()], [...model.entries()]);
        assert.deepEqual(
          [...tree.dueBy(3)],
          [...model.entries()].filter(([, slot]) => slot.dueAt <= 3),
        );
      }),
      { numRuns: start > 1_000 ? 20 : 100 },
    );
  });
}

test('what is no slot is not found', () => {
  const tree = Array.from({ length: 40 }).reduce<SlotTree<Slot>>(
    (made, _, index) => made.set(index, { used: true, launching: false, dueAt: NEVER }),
    SlotTree.empty(),
  );
  for (const index of [40, 1_023, 1_024, 2 ** 31, 2 ** 40, -1, -32, 0.5, 39.5, Number.NaN, NEVER]) {
    assert.equal(tree.get(index), undefined, String(index));
  }
  assert.ok(tree.get(39));
});

test('an old tree is as it was', () => {
  const one = SlotTree.empty<Slot>().set(0, { used: true, launching: false, dueAt: 5 });
  const two = one
    .set(0, { used: false, launching: false, dueAt: NEVER })
    .set(0, { used: true, launching: false, dueAt: 1 });
  assert.deepEqual([one.dueAt, two.dueAt], [5, 1]);
  assert.equal(SlotTree.empty().used, 0);
});
