/**
 * In which order participants are served (rowSources.ts), and how the leader's own share is pulled (leaderRows.ts): with
 * sources that answer what the test says, without a process or a queue.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LeaderRows } from '../../src/parallel/leaderRows.js';
import type { RowAnswer, RowSource } from '../../src/parallel/rowSources.js';
import { ServiceOrder } from '../../src/parallel/rowSources.js';

/** Gives the values of its script; null is "not yet". Then it is done. */
class Script implements RowSource<string> {
  readonly number: number;
  readonly #script: (string | null)[];
  asked = 0;

  constructor(number: number, script: readonly (string | null)[]) {
    this.number = number;
    this.#script = [...script];
  }

  tryNext(): RowAnswer<string> | null {
    this.asked += 1;
    const value = this.#script.shift();
    if (value === undefined) return { done: true };
    return value === null ? null : { done: false, value };
  }
}

/** A promise, and how to keep it. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** All that it gives, with `.` for each time one would have to wait. */
function served(order: ServiceOrder<string>): string {
  const said: string[] = [];
  for (;;) {
    const answer = order.tryNext();
    if (answer === null) said.push('.');
    else if (answer.done) return said.join(' ');
    else said.push(answer.value);
  }
}

test('R-GA-3: the present worker is drained before the next is asked, and the leader serves only when none has a row', () => {
  const scripts = [
    ['a1', 'a2', null, null, 'a3'],
    ['b1', 'b2'],
    [null, 'c1'],
  ];
  const workers = scripts.map((script, number) => new Script(number, script));
  const order = new ServiceOrder(workers, new Script(-1, ['l1', 'l2', 'l3']));
  assert.equal(served(order), 'a1 a2 b1 b2 l1 c1 a3 l2 l3');
});

test('R-GA-3: a leader that does not take part waits when no worker has a row', () => {
  const workers = [new Script(0, [null, 'a1', null, null]), new Script(1, [null, null, 'b1'])];
  assert.equal(served(new ServiceOrder(workers, null)), '. a1 . b1');
});

test('R-GA-4: a worker that is done is not asked again, and the leader goes on when all workers are', () => {
  const workers = [new Script(0, []), new Script(1, ['b1']), new Script(2, [])];
  const order = new ServiceOrder(workers, new Script(-1, ['l1', null, 'l2']));
  assert.equal(served(order), 'b1 l1 . l2');
  assert.deepEqual(
    workers.map(({ asked }) => asked),
    [1, 2, 1],
  );
});

test('whoever may still give a row is waited for, and nobody else', () => {
  const [first, second] = [new Script(0, []), new Script(1, [null, null])];
  const leader = new Script(-1, []);
  const order = new ServiceOrder([first, second], leader);
  assert.deepEqual(order.awaited, [first, second, leader]);
  assert.equal(order.tryNext(), null);
  assert.deepEqual(order.awaited, [second]);
});

test('whatever the participants answer and when, each row is given once, those of one participant in their order', () => {
  const script = fc.array(fc.oneof(fc.constant(null), fc.integer().map(String)), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(script, { maxLength: 5 }), fc.option(script), (scripts, own) => {
      const named = (rows: readonly (string | null)[], who: number): (string | null)[] =>
        rows.map((row, index) => (row === null ? null : `${who}:${index}`));
      const inputs = scripts.map((rows, number) => named(rows, number));
      const leader = own === null ? null : new Script(-1, named(own, -1));
      const order = new ServiceOrder(
        inputs.map((rows, number) => new Script(number, rows)),
        leader,
      );
      const given = served(order)
        .split(' ')
        .filter((word) => word.includes(':'));
      const all = [...inputs, ...(own === null ? [] : [named(own, -1)])];
      for (const rows of all) {
        const expected = rows.filter((row) => row !== null);
        const who = expected[0]?.split(':')[0];
        if (who === undefined) continue;
        assert.deepEqual(
          given.filter((word) => word.startsWith(`${who}:`)),
          expected,
        );
      }
      assert.equal(given.length, all.flat().filter((row) => row !== null).length);
    }),
    { numRuns: 100 },
  );
});

test('a leader with a synchronous plan answers at once, and begins when it is first asked', () => {
  const said: string[] = [];
  const leader = new LeaderRows(-1, function* () {
    said.push('begun');
    yield 1;
    yield 2;
  });
  assert.deepEqual(said, []);
  assert.deepEqual(
    [leader.tryNext(), leader.tryNext(), leader.tryNext()],
    [{ done: false, value: 1 }, { done: false, value: 2 }, { done: true }],
  );
  assert.equal(leader.given, 2);
});

test('a leader with an asynchronous plan answers when it can, keeps its row, and says when it is there', async () => {
  const gateway = gate();
  const leader = new LeaderRows(-1, async function* () {
    await gateway.opened;
    yield 1;
  });
  assert.equal(leader.tryNext(), null);
  assert.equal(leader.tryNext(), null);
  assert.equal(leader.isThere, false);
  const looked = new Promise<void>((done) => leader.listen(done));
  gateway.open();
  await looked;
  assert.equal(leader.isThere, true);
  assert.deepEqual(leader.tryNext(), { done: false, value: 1 });
  assert.equal(leader.isThere, false);
});

test("what the leader's plan throws is thrown when it is asked, and the plan is not asked again", async () => {
  const failing = new LeaderRows(-1, function* (): Iterable<number> {
    yield 1;
    throw new Error('broken');
  });
  failing.tryNext();
  assert.throws(() => failing.tryNext(), /broken/);
  await failing.end();
  const later = new LeaderRows(-1, async function* (): AsyncIterable<number> {
    yield* [];
    throw new Error('broken later');
  });
  assert.equal(later.tryNext(), null);
  await new Promise<void>((done) => later.listen(done));
  assert.throws(() => later.tryNext(), /broken later/);
  await later.end();
});

test("R-GA-4: a leader's plan that is ended early tidies up, when it has what it is awaiting", async () => {
  const said: string[] = [];
  const tidy = (name: string) =>
    new LeaderRows(-1, function* () {
      try {
        yield* [1, 2];
      } finally {
        said.push(name);
      }
    });
  const begun = tidy('begun');
  begun.tryNext();
  await begun.end();
  await tidy('not begun').end();
  assert.deepEqual(said, ['begun']);

  const gateway = gate();
  const waiting = new LeaderRows(-1, async function* () {
    try {
      await gateway.opened;
      yield 1;
    } finally {
      said.push('awaited');
    }
  });
  assert.equal(waiting.tryNext(), null);
  const end = waiting.end();
  assert.deepEqual(said, ['begun']);
  gateway.open();
  await end;
  assert.deepEqual(said, ['begun', 'awaited']);
  assert.equal(waiting.isThere, false);
});

test("what the leader's plan throws while it is ended is thrown by that, unless it was abandoned", async () => {
  const asked = (): LeaderRows<number> => {
    const leader = new LeaderRows(-1, async function* (): AsyncIterable<number> {
      yield* [];
      throw new Error('late');
    });
    assert.equal(leader.tryNext(), null);
    return leader;
  };
  await assert.rejects(asked().end(), /late/);
  asked().abandon();
});

test('a plan may return whatever can be iterated over, and what cannot be is refused', () => {
  assert.deepEqual(new LeaderRows(-1, () => [7]).tryNext(), { done: false, value: 7 });
  for (const wrong of [undefined, null, 7, 'text', {}]) {
    assert.throws(() => new LeaderRows(-1, () => wrong as never).tryNext(), { code: 'ERR_NO_ROWS' });
  }
});
