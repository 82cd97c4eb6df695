/**
 * What a worker tells of its waits: those that last, and of the others nothing. Time is in the test's hand.
 * That a blocking wait begins here only when it has lasted: test/shm/member.test.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WaitEvents } from '../../src/worker/waitEvents.js';

/** How long a wait has to last. */
const LASTS_MS = 50;

test('a wait is told when it has lasted, and its end then; one that is over before is told to nobody', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const told: (string | null)[] = [];
  const waits = new WaitEvents(({ event }) => told.push(event));
  waits.begin('Short')();
  t.mock.timers.tick(LASTS_MS);
  assert.deepEqual(told, []);
  const end = waits.begin('Long');
  t.mock.timers.tick(LASTS_MS);
  assert.deepEqual(told, ['Long']);
  end();
  end();
  t.mock.timers.tick(LASTS_MS);
  assert.deepEqual(told, ['Long', null]);
});

test('of several waits the newest is told, and an older one again when that is over', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const told: (string | null)[] = [];
  const waits = new WaitEvents(({ event }) => told.push(event));
  const endOlder = waits.begin('Older');
  const endNewer = waits.begin('Newer');
  t.mock.timers.tick(LASTS_MS);
  endNewer();
  t.mock.timers.tick(LASTS_MS);
  endOlder();
  assert.deepEqual(told, ['Newer', 'Older', null]);
});

test('a blocking wait, which begins here when it has lasted, is told at once, however soon after another', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const told: (string | null)[] = [];
  const waits = new WaitEvents(({ event }) => told.push(event));
  const endOlder = waits.begin('Older');
  t.mock.timers.tick(LASTS_MS);
  waits.begin('Blocks', true)();
  t.mock.timers.tick(LASTS_MS);
  endOlder();
  waits.begin('Blocks again', true)();
  assert.deepEqual(told, ['Older', 'Blocks', 'Older', null, 'Blocks again', null]);
});

test('a name that is too long is cut', () => {
  const told: (string | null)[] = [];
  new WaitEvents(({ event }) => told.push(event)).begin('x'.repeat(100), true);
  assert.deepEqual(told, ['x'.repeat(64)]);
});
