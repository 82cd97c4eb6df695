/** How a member waits and wakes, where it does not matter for what: places of the test's own. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Place } from '../../src/shm/index.js';
import { Member } from '../../src/shm/index.js';
import { Company } from './support/company.js';

/** A wait that ends when `look` says so. */
function placeOf<T>(look: () => T | undefined): Place<T> {
  return { event: 'Test', look, sleep: () => {}, rise: () => {} };
}

test('R-MQ-36: a blocking wait is told once when it has lasted, also just after another, and a short one is not', async () => {
  await using company = new Company();
  const other = company.member();
  const told: string[] = [];
  const member = new Member({
    number: company.nextNumber(),
    doorbells: company.folder,
    beginWait: (event, isBlocking) => {
      told.push(`${event} ${isBlocking}`);
      other.wake(member.number);
      return () => told.push('over');
    },
  });
  const untilTold = placeOf(() => (told.at(-1) === 'Test true' ? 'told' : undefined));
  for (let round = 0; round < 3; round++) {
    assert.equal(member.waitBlocking(untilTold, { timeoutMs: 1 }), 'timeout');
    assert.equal(told.length, 2 * round);
    assert.equal(member.waitBlocking(untilTold), 'told');
  }
  assert.deepEqual(told, ['Test true', 'over', 'Test true', 'over', 'Test true', 'over']);
  member.close();
});

test('a wait that is called off by one who hears the same ring takes nothing any more', async () => {
  await using company = new Company();
  const member = company.member();
  const controller = new AbortController();
  const ready = { one: false, other: false };
  let taken = 0;
  const one = member.wait(
    placeOf(() => {
      if (!ready.one) return undefined;
      controller.abort(new Error('enough'));
      return true;
    }),
  );
  const take = placeOf(() => (ready.other ? ++taken : undefined));
  const other = assert.rejects(member.wait(take, { signal: controller.signal }), /enough/);
  await nextTurn();
  ready.one = true;
  ready.other = true;
  member.wake(member.number);
  await Promise.all([one, other]);
  assert.equal(taken, 0);
  // Both have let go of the doorbell, and not twice: a wait that follows still hears it.
  const last = member.wait(take, {});
  assert.equal(await last, 1);
});

test('a wait that cannot begin leaves nothing behind', async () => {
  await using company = new Company();
  const told: string[] = [];
  const member = new Member({
    number: company.nextNumber(),
    doorbells: company.folder,
    beginWait: () => () => told.push('over'),
  });
  let looks = 0;
  const place = placeOf(() => void looks++);
  const listen = (): never => assert.fail('no stream');
  await assert.rejects(member.wait({ ...place, listen }), /no stream/);
  assert.deepEqual(told, ['over']);
  const looksBefore = looks;
  member.wake(member.number);
  await nextTurn();
  assert.equal(looks, looksBefore);
  member.close();
});

/** Until this is disposed of, no file can be opened. */
function withoutDescriptors(): Disposable {
  const limit = (soft: string): unknown =>
    execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${soft}:`], { stdio: 'ignore' });
  const before = execFileSync('prlimit', ['--pid', String(process.pid), '--nofile', '--output=SOFT', '--noheadings']);
  limit('256');
  const opened: number[] = [];
  try {
    for (;;) opened.push(openSync('/dev/null', 'r'));
  } catch {
    // That was the last one.
  }
  return {
    [Symbol.dispose]: () => {
      for (const descriptor of opened) closeSync(descriptor);
      limit(before.toString().trim());
    },
  };
}

const hasLimits = spawnSync('prlimit', ['--version']).status === 0;
test('one who has no descriptor left wakes whoever sleeps, and knows who is gone', {
  skip: !hasLimits && 'prlimit is not there',
}, async () => {
  await using company = new Company();
  const member = company.member();
  const others = [company.member(), company.member(), company.member()];
  let isOver = false;
  const waits = others.map((other) => other.wait(placeOf(() => (isOver ? 'woken' : undefined))));
  const gone = company.nextNumber();
  await nextTurn();
  isOver = true;
  {
    using _none = withoutDescriptors();
    for (const { number } of others) {
      assert.equal(member.isGone(gone), true);
      assert.equal(member.wake(number), true);
      assert.equal(member.isGone(number), false);
    }
    others[2]?.lose(new Error('the test is over'));
    others[2]?.close();
    assert.equal(member.wake(others[2]?.number ?? 0), false);
    assert.equal(member.isGone(others[2]?.number ?? 0), true);
    assert.equal(member.wake(others[0]?.number ?? 0), true);
  }
  await Promise.allSettled(waits);
  assert.equal(await waits[0], 'woken');
  assert.equal(await waits[1], 'woken');
});
