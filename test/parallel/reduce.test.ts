/**
 * parallelReduce: PostgreSQL's rules of partial aggregation, by workers and without any.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Client } from '../../src/index.js';
import { startPostmaster } from '../../src/index.js';
import type { Explanation, Pool } from '../../src/parallel/index.js';
import { createPool, defineAggregate, parallelReduce } from '../../src/parallel/index.js';
import * as workers from './mapWorkers.js';

const { concatenate, mean, sum } = workers;

let client: Client;
let pool: Pool;
before(async () => {
  client = await startPostmaster({
    ...{ maxWorkerProcesses: 8, maxParallelWorkers: 8, spareWorkers: 2, output: 'ignore', logLevel: 'silent' },
    preload: [new URL('./mapWorkers.js', import.meta.url)],
  });
  pool = createPool({ client, size: 2 });
});
after(() => client.close());

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const alone = { workers: 0, debugParallel: false } as const;

test('R-AG-1: workers accumulate and their states travel, the leader combines and finalizes', async () => {
  const { mean: found, pids } = await pool.reduce(numbers(1000), mean, { batchItems: 50 });
  assert.equal(found, 499.5);
  assert.ok(pids.length >= 1 && !pids.includes(process.pid));
  let explained: Explanation | undefined;
  await pool.reduce(numbers(10), sum, {
    batchItems: 5,
    onExplain: (explanation) => {
      explained = explanation;
    },
  });
  assert.deepEqual([explained?.node, explained?.rows], ['Parallel Reduce', 1]);
});

test('R-AG-2: without a combine function there is no aggregate', () => {
  const { combine: _, ...rest } = { initial: () => 0, accumulate: (count: number) => count + 1, combine: () => 0 };
  assert.throws(() => defineAggregate(import.meta, rest as never), {
    code: 'ERR_INVALID_AGGREGATE',
    detail: 'combine is undefined',
  });
});

test('R-AG-3: combine puts states together in the order of the items, and the first is the start', async () => {
  const letters = Array.from({ length: 200 }, (_, index) => String.fromCharCode(97 + (index % 26)));
  for (const batchItems of [undefined, 7]) {
    assert.equal(await pool.reduce(letters, concatenate, { batchItems }), letters.join(''));
    assert.equal(await parallelReduce(letters, concatenate, { batchItems, ...alone }), letters.join(''));
  }
  assert.equal(await pool.reduce([3], workers.notCombined), 1, 'one state is combined with nothing');
});

test('R-AG-4: a mean of states of count and sum is exact for whole numbers, and bits of a sum follow from the batches alone', async () => {
  const fractions = numbers(500).map((number) => 1 / (number + 1) ** 2);
  const inWorkers = await pool.reduce(fractions, sum, { batchItems: 9 });
  assert.equal(await pool.reduce(fractions, sum, { batchItems: 9, workers: 1 }), inWorkers);
  assert.equal(await parallelReduce(fractions, sum, { batchItems: 9, ...alone }), inWorkers);
  assert.equal(await parallelReduce(numbers(1000), sum, alone), await pool.reduce(numbers(1000), sum));
});

test('of no items it is the result of the initial state', async () => {
  assert.deepEqual(await pool.reduce([], mean), { mean: null, pids: [] });
  assert.equal(await parallelReduce([], sum, { client }), 0);
});

test('what an aggregate throws, in a worker or in the leader, ends it', async () => {
  await assert.rejects(pool.reduce<workers.Deed, number, number>([1, 'throws'], workers.countDeeds), {
    code: 'ERR_OWN',
  });
  await assert.rejects(parallelReduce<workers.Deed, number, number>([1, 'throws'], workers.countDeeds, alone), {
    code: 'ERR_OWN',
  });
  await assert.rejects(pool.reduce(numbers(10), workers.notCombined, { batchItems: 1 }), {
    message: 'cannot be put together',
  });
  assert.equal(pool.running, 0);
});

test('a batch whose process died runs once more as a whole, and ends the run if that ends its process too', async () => {
  const deeds: workers.Deed[] = [1, 2, 'kills', 3];
  await assert.rejects(pool.reduce(deeds, workers.countDeeds, { batchItems: 2 }), { code: 'ERR_WORKER_FAILED' });
  assert.equal(await pool.reduce([1, 2], workers.countDeeds), 2);
});
