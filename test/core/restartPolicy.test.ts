/**
 * Whether a worker that ended is started again, and when: the arithmetic. What follows from it is in the transcripts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BackgroundWorker } from '../../src/core/index.js';
import { completeBackgroundWorker } from '../../src/core/index.js';
import { decideFate } from '../../src/core/restartPolicy.js';
import type { Tenant } from '../../src/core/state.js';

function tenant(fields: Partial<BackgroundWorker>, failures: readonly number[] = [], failuresInARow = 0): Tenant {
  return {
    slot: 0,
    generation: 1,
    worker: completeBackgroundWorker({ name: 'a', module: 'file:///w.js', cwd: '/', ...fields }),
    registrationKey: null,
    registrant: null,
    watchers: [],
    sequence: 1,
    attempts: 1,
    startedFrom: null,
    deaths: 1,
    reason: null,
    result: null,
    failures,
    failuresInARow,
    progress: null,
    run: { state: 'resting', startAt: null },
  };
}

for (const [restart, verdict, fate] of [
  ['never', 'success', 'end'],
  ['never', 'failure', 'end'],
  ['never', 'crash', 'end'],
  ['onFailure', 'success', 'end'],
  ['onFailure', 'failure', 'restart'],
  ['onFailure', 'crash', 'restart'],
  ['always', 'success', 'restart'],
  ['always', 'failure', 'restart'],
  ['always', 'crash', 'restart'],
] as const) {
  test(`restart ${restart}, a ${verdict}: ${fate}`, () => {
    assert.equal(decideFate(tenant({ restart }), verdict, 0, 0, 0.5).fate, fate);
  });
}

test('without a backoff the interval is the same every time', () => {
  for (const failuresInARow of [0, 5, 1_000]) {
    const worker = tenant({ restart: 'always', restartTimeMs: 300, restartIntensity: null }, [], failuresInARow);
    const fate = decideFate(worker, 'failure', 1_000, 0, 0.9);
    assert.equal(fate.fate === 'restart' && fate.startAt, 1_300);
  }
});

test('a delay is a number, however often it failed and whatever the backoff, and never above its bound', () => {
  const backoff = fc.record({
    factor: fc.double({ min: 1, max: 100, noNaN: true }),
    maxMs: fc.nat(),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(
      backoff,
      fc.nat(),
      fc.nat(),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (restartBackoff, ms, row, dice) => {
        const worker = tenant({ restart: 'always', restartTimeMs: ms, restartBackoff }, [], row);
        const fate = decideFate(worker, 'failure', 0, 0, dice);
        assert.ok(fate.fate === 'restart' && fate.startAt >= 0, JSON.stringify(fate));
        assert.ok(fate.startAt <= restartBackoff.maxMs * (1 + restartBackoff.jitter) + 1e-6);
      },
    ),
  );
});

test('what is kept of failures is bounded by the limit', () => {
  const restartIntensity = { deaths: 3, periodMs: 100 };
  const worker = tenant({ restart: 'always', restartIntensity }, [1, 50]);
  assert.deepEqual(decideFate(worker, 'failure', 149, 0, 0), {
    fate: 'restart',
    startAt: 1_149,
    failures: [50, 149],
    failuresInARow: 1,
  });
  assert.deepEqual(decideFate(worker, 'failure', 100, 0, 0), { fate: 'crashLoop', deaths: 3, periodMs: 100 });
  const unlimited = tenant({ restart: 'always', restartIntensity: null }, []);
  const fate = decideFate(unlimited, 'failure', 149, 0, 0);
  assert.deepEqual(fate.fate === 'restart' && fate.failures, []);
});
