/**
 * The order of results and how far the source may be ahead, as properties of any sequence of events: processes of any
 * speed, and a taker who is quick, slow, or stands still for a while.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Order } from '../../src/parallel/arrangement.js';
import { Arrangement, MAX_BLOCKED_BATCHES, MAX_BLOCKED_BYTES } from '../../src/parallel/arrangement.js';

test('in the order of the source, what is done early waits for what was read before it', () => {
  const arrangement = new Arrangement<string>('input', 4);
  const [first, second, third] = [arrangement.open(), arrangement.open(), arrangement.open()];
  arrangement.settle(third, 'third', 1);
  arrangement.settle(second, 'second', 1);
  assert.equal(arrangement.take(), undefined);
  arrangement.settle(first, 'first', 1);
  assert.deepEqual([arrangement.take(), arrangement.take(), arrangement.take()], ['first', 'second', 'third']);
  assert.ok(arrangement.isEmpty);
});

test('as completed, what is done is there', () => {
  const arrangement = new Arrangement<string>('completed', 4);
  const [first, second] = [arrangement.open(), arrangement.open()];
  arrangement.settle(second, 'second', 1);
  assert.equal(arrangement.take(), 'second');
  assert.ok(!arrangement.isEmpty);
  arrangement.settle(first, 'first', 1);
  assert.equal(arrangement.take(), 'first');
  assert.ok(arrangement.isEmpty);
});

test('somebody who takes nothing stops the source', () => {
  for (const order of ['input', 'completed'] as const) {
    const arrangement = new Arrangement<number>(order, 4);
    let opened = 0;
    for (; arrangement.mayOpen; opened++) arrangement.settle(arrangement.open(), opened, 1);
    assert.equal(opened, 4, order);
    arrangement.take();
    assert.ok(arrangement.mayOpen, order);
  }
});

test('one item that takes long does not stop the others, up to a limit in bytes and in number', () => {
  for (const [bytes, most] of [
    [MAX_BLOCKED_BYTES / 64, 64],
    [0, MAX_BLOCKED_BATCHES],
    [2 * MAX_BLOCKED_BYTES, 4],
  ] as const) {
    const arrangement = new Arrangement<number>('input', 4);
    const slow = arrangement.open();
    let done = 0;
    for (; arrangement.mayOpen; done++) arrangement.settle(arrangement.open(), done, bytes);
    assert.equal(done, most);
    arrangement.settle(slow, -1, 1);
    for (let taken = 0; taken <= most; taken++) assert.equal(arrangement.take(), taken - 1);
    assert.ok(arrangement.mayOpen && arrangement.isEmpty);
  }
});

/** What happens next, if it can: a batch is read; one of those under way is done; the taker takes one. */
const event = fc.oneof(
  fc.constant({ do: 'read' as const }),
  fc.record({ do: fc.constant('finish' as const), which: fc.nat(1000) }),
  fc.constant({ do: 'take' as const }),
);

test('however things happen, each batch is taken once, in its order, and nobody waits for ever', () => {
  const orders = fc.constantFrom<Order>('input', 'completed');
  fc.assert(
    fc.property(orders, fc.integer({ min: 1, max: 8 }), fc.array(event, { maxLength: 300 }), (order, most, events) => {
      const arrangement = new Arrangement<number>(order, most);
      const underWay: number[] = [];
      const finished: number[] = [];
      const taken: number[] = [];
      let opened = 0;
      const read = (): void => {
        if (underWay.length === most || !arrangement.mayOpen) return;
        underWay.push(arrangement.open());
        opened += 1;
      };
      const finish = (which: number): void => {
        const [number] = underWay.splice(which % Math.max(1, underWay.length), 1);
        if (number === undefined) return;
        finished.push(number);
        arrangement.settle(number, number, 1);
      };
      const take = (): boolean => {
        const number = arrangement.take();
        if (number !== undefined) taken.push(number);
        return number !== undefined;
      };
      for (const happens of events) {
        if (happens.do === 'read') read();
        else if (happens.do === 'finish') finish(happens.which);
        else take();
        // Those under way may still all become ready.
        assert.ok(order === 'input' || finished.length - taken.length <= 2 * most);
      }
      while (underWay.length > 0) finish(0);
      while (take());
      assert.deepEqual(taken, order === 'input' ? taken.map((_, index) => index) : finished);
      assert.equal(taken.length, opened);
      assert.ok(arrangement.isEmpty && arrangement.mayOpen);
    }),
    { seed: 7 },
  );
});
