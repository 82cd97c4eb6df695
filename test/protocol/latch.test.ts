import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { mock, test } from 'node:test';
import { Latch } from '../../src/protocol/index.js';

test('R-LAT-7: a latch that is set ends a wait at once, before the clock and again and again', async () => {
  const latch = new Latch();
  latch.set();
  latch.set();
  assert.equal(await latch.wait({ timeoutMs: 0 }), 'latchSet');
  assert.equal(await latch.wait(), 'latchSet');
  latch.reset();
  assert.equal(await latch.wait({ timeoutMs: 0 }), 'timeout');
});

test('a set wakes all who wait, even if it is reset in the same turn', async () => {
  const latch = new Latch();
  const waits = Promise.all([latch.wait(), latch.wait()]);
  latch.set();
  latch.reset();
  assert.deepEqual(await waits, ['latchSet', 'latchSet']);
  assert.equal(latch.isSet, false);
  assert.equal(latch.isWaitedFor, false);
});

test('a wait ends with its time, with its signal, or is refused, and leaves nothing behind', async () => {
  const latch = new Latch();
  const controller = new AbortController();
  const { signal } = controller;
  assert.equal(await latch.wait({ timeoutMs: 1, signal }), 'timeout');
  const wait = latch.wait({ signal, timeoutMs: 1e9 });
  assert.equal(latch.isWaitedFor, true);
  controller.abort('why');
  await assert.rejects(wait, (reason) => reason === 'why');
  latch.set();
  await assert.rejects(latch.wait({ signal }), (reason) => reason === 'why');
  await assert.rejects(latch.wait({ timeoutMs: -1 }), { code: 'ERR_INVALID_ARGUMENT' });
  await assert.rejects(latch.wait({ timeoutMs: NaN }), { code: 'ERR_INVALID_ARGUMENT' });
  assert.equal(latch.isWaitedFor, false);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('a wait may be longer than a timer of Node can be', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const latch = new Latch();
    let ended = false;
    const wait = latch.wait({ timeoutMs: 2 ** 31 + 10 }).then(() => {
      ended = true;
    });
    mock.timers.tick(2 ** 31 - 1);
    await null;
    assert.equal(ended, false);
    mock.timers.tick(11);
    await wait;
  } finally {
    mock.timers.reset();
  }
});
