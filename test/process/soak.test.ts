/** Some seconds of the soak that `npm run soak` runs for an hour, and whether it would notice a leak. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soak, soakRegistrations } from './soak.js';
import type { Reading } from './support/gauges.js';
import { whatGrew } from './support/gauges.js';

/** Few enough to be full before anything is judged. */
const settings = { finalWordsKept: 10 };

test('a hundred short workers leave no descriptor and no file behind, and each ends as it must', async (t) => {
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const { counts, findings, readings } = await soak({ workers: 100, readings: 5, seed, settings });
  assert.deepEqual(findings, [], `npm run soak -- --seed ${seed}`);
  assert.equal(sumOf(counts), 100);
  assert.equal(readings.length, 5);
});

test('thousands of workers that end before they have a process leave nothing behind', async () => {
  const { counts, findings, perSecond } = await soakRegistrations({ workers: 3_000, readings: 5, seed: 1, settings });
  assert.deepEqual(findings, []);
  assert.deepEqual(counts, { terminatedBeforeStart: 3_000 });
  assert(perSecond > 0);
});

const steady: Omit<Reading, 'workers'> = {
  postmasterHeapBytes: 7_000_000,
  postmasterPrivateBytes: 20_000_000,
  postmasterRssBytes: 60_000_000,
  postmasterDescriptors: 25,
  guardianPrivateBytes: 150_000,
  guardianDescriptors: 4,
  clientHeapBytes: 9_000_000,
  clientDescriptors: 24,
  files: 0,
};

/** A hundred readings of a hundred thousand workers. */
function readingsOf(change: (workers: number) => Partial<Reading>): Reading[] {
  return Array.from({ length: 100 }, (_, step) => {
    const workers = 1_000 * (step + 1);
    return { ...steady, workers, ...change(workers) };
  });
}

test('memory that goes up and down, and grows only while it warms up, is flat', () => {
  const readings = readingsOf((workers) => ({
    postmasterHeapBytes: steady.postmasterHeapBytes + 100 * Math.min(workers, 20_000),
    postmasterPrivateBytes: steady.postmasterPrivateBytes + 5_000_000 * Math.abs(Math.sin(workers)),
  }));
  assert.deepEqual(whatGrew(readings), []);
});

for (const [what, change, gauge] of [
  ['50 bytes', (n) => ({ postmasterHeapBytes: steady.postmasterHeapBytes + 50 * n }), 'postmasterHeapBytes'],
  ['200 bytes', (n) => ({ postmasterPrivateBytes: steady.postmasterPrivateBytes + 200 * n }), 'postmasterPrivateBytes'],
  ['a group number', (n) => ({ guardianPrivateBytes: steady.guardianPrivateBytes + 6 * n }), 'guardianPrivateBytes'],
  ['a handle', (n) => ({ clientHeapBytes: steady.clientHeapBytes + 100 * n }), 'clientHeapBytes'],
  ['now and then a descriptor', (n) => ({ clientDescriptors: 24 + Math.floor(n / 50_000) }), 'clientDescriptors'],
  ['once a file', (n) => ({ files: n === 50_000 ? 1 : 0 }), '1 files'],
] as readonly (readonly [string, (workers: number) => Partial<Reading>, string])[]) {
  test(`it is noticed when each worker leaves ${what}`, () => {
    const findings = whatGrew(readingsOf(change));
    assert.equal(findings.length, 1, findings.join('\n'));
    assert(findings[0]?.startsWith(gauge), findings[0]);
  });
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
