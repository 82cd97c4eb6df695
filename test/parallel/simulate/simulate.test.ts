/** Some of the runs that `npm run simulate:parallel` does by the thousand, and those that once found something. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate, upTo } from './simulate.js';

/** As many as fit in two seconds. */
const RUNS = 24;

test('parallel work that is killed, refused, called off and left at random gives what is right, or says why not', async (t) => {
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const { counts, findings } = await simulate({ seed, runs: upTo(RUNS), atOnce: 4, sitting: RUNS / 3 });
  assert.deepEqual(findings, [], `npm run simulate:parallel -- --seed ${seed}`);
  assert.equal(counts['runs'], RUNS);
});

test('a map whose processes are killed twice, each with several batches that it had not begun, goes on', async () => {
  const { findings } = await simulate({ seed: 63, runs: [44], atOnce: 1 });
  assert.deepEqual(findings, []);
});
