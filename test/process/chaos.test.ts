/** Some seconds of the chaos that `npm run chaos` runs for as long as one likes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chaos } from './chaos.js';

test('some seconds of chaos leave no wait hanging, no orphan, no descriptor and no directory', async (t) => {
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const { counts, findings } = await chaos(6, seed);
  assert.deepEqual(findings, [], `npm run chaos -- --seed ${seed}`);
  assert((counts['waits'] ?? 0) > 20, JSON.stringify(counts));
});
