/**
 * The handle as text: what is written can be read, and what is no handle is not taken for one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatHandle, formatKey, isSameWorker, parseHandle } from '../../src/core/index.js';

test('a handle that was written is read as the same handle', () => {
  const epoch = fc.stringMatching(/^[0-9a-z]{1,32}$/);
  fc.assert(
    fc.property(epoch, fc.nat({ max: 999_999_999 }), fc.nat({ max: 999_999_999_999_999 }), (name, slot, generation) => {
      const handle = { epoch: name, slot, generation };
      assert.deepEqual(parseHandle(formatHandle(handle)), handle);
    }),
  );
});

for (const text of [
  '',
  '3',
  '3:17',
  'K2:3:17',
  'k2:3:',
  'k2:-1:1',
  'k2:3:17 ',
  'k2:3:1e3',
  'k2:1234567890:1',
  'a:b:c:d',
]) {
  test(`${JSON.stringify(text)} is no handle`, () => assert.equal(parseHandle(text), undefined));
}

test('a worker is the same one only in the same slot and generation', () => {
  const key = { slot: 3, generation: 17 };
  assert.equal(formatKey(key), '3:17');
  assert.ok(isSameWorker(key, { slot: 3, generation: 17 }));
  assert.ok(!isSameWorker(key, { slot: 3, generation: 18 }));
  assert.ok(!isSameWorker(key, { slot: 4, generation: 17 }));
});
