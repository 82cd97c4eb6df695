/** Some seconds of the stress that `npm run stress:shm` runs for ten minutes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stress } from './stress.js';

test('queues and latches under stress, with kills: nothing is torn, nobody stalls, nothing is left', async (t) => {
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const { counts, findings } = await stress({ seed, forMs: 2_000 });
  assert.deepEqual(findings, [], `npm run stress:shm -- --seed ${seed}`);
  assert.ok((counts['scenes'] ?? 0) > 0);
});
