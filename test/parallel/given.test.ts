/**
 * What newcomers give instead of what is wanted: each is refused before anything begins, with what to write.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BgworkerError, run } from '../../src/index.js';
import type { Names } from '../../src/parallel/given.js';
import { checkOptions } from '../../src/parallel/given.js';
import type { Plan, Pool } from '../../src/parallel/index.js';
import {
  createPool,
  defineEntryPoint,
  gather,
  gatherMerge,
  ParallelContext,
  parallelMap,
  parallelReduce,
} from '../../src/parallel/index.js';
import { typed } from './gatherPlans.js';
import { double, sum } from './mapWorkers.js';

type Wrong = never;
const wrong = (value: unknown): Wrong => value as Wrong;
const entryPoint = defineEntryPoint(import.meta, () => {});

async function refusal(of: () => unknown): Promise<string> {
  try {
    await of();
  } catch (error) {
    assert.ok(error instanceof BgworkerError, String(error));
    return `${error.code}: ${error.message}; ${error.detail}; ${error.hint}`;
  }
  assert.fail('it was accepted');
}

test('an option that does not exist is refused, with the one that was meant', async () => {
  const pool: Pool = createPool({ size: 1 });
  for (const [of, expected] of [
    [
      () => parallelMap([1], double, wrong({ concurrency: 4 })),
      /concurrency is no option of parallelMap; .* workers\?$/,
    ],
    [() => parallelMap([1], double, wrong({ batchSize: 4 })), /did you mean batchItems\?$/],
    [() => parallelMap([1], double, wrong({ unheardOf: 4 })), /the options are workers, signal, /],
    [
      () => parallelMap([1], double, wrong(4)),
      /invalid options of parallelMap; got 4; give an object: \{ workers: … \}/,
    ],
    [() => parallelReduce([1], sum, wrong({ order: 'input' })), /order is no option of parallelReduce/],
    [() => createPool(wrong({ maxThreads: 4 })), /did you mean size\?$/],
    [() => createPool(wrong({ workers: 4 })), /did you mean size\?$/],
    [() => pool.run(double, 1, wrong({ timeout: 4 })), /timeout is no option of pool.run; did you mean timeoutMs\?$/],
    [() => pool.run(double, 1, wrong({ timeoutMs: '4' })), /invalid timeout; timeoutMs is 4; give milliseconds/],
    [() => pool.map([1], double, wrong({ client: null })), /client is no option of pool.map/],
    [() => pool.reduce([1], sum, wrong({ name: 'sum' })), /name is no option of pool.reduce/],
    [() => gather(typed, 1, wrong({ size: 2 })), /size is no option of gather; did you mean workers\?$/],
    [() => gather(typed, 1, wrong({ order: 'input' })), /order is no option of gather; the options are workers, /],
    [
      () => parallelMap([1], double, wrong({ timeoutMs: 1 })),
      /timeoutMs is no option of parallelMap; did you mean signal\?$/,
    ],
    [() => new ParallelContext(entryPoint, wrong({ scan: {} })), /scan is no option of ParallelContext/],
  ] as const) {
    assert.match(await refusal(of), expected);
  }
  await pool.close();
});

test('an option of the wrong type is refused before anything begins', async () => {
  for (const [of, expected] of [
    [() => parallelMap([1], double, wrong({ signal: {} })), /invalid signal; .*; give an AbortSignal/],
    [() => parallelMap([1], double, wrong({ onProgress: 1 })), /invalid onProgress; onProgress is 1; give a function/],
    [() => parallelMap([1], double, wrong({ client: {} })), /invalid client; .*; give what startPostmaster/],
    [() => parallelMap([1], double, wrong({ leaderParticipation: 'no' })), /is no; give true or false/],
    [() => createPool(wrong({ worker: 2 })), /invalid worker; worker is 2; .* of a pool `size`$/],
    [() => gather(typed, 1, wrong({ scan: 10 })), /invalid scan; scan is 10; give an object: \{ blocks: 100 \}/],
    [() => gatherMerge(typed, 1, wrong({})), /invalid compare; compare is undefined; give the function/],
    [() => gatherMerge(typed, 1, wrong(undefined)), /invalid compare/],
    [() => parallelMap(wrong(Promise.resolve([1])), double), /items cannot be iterated; .*; it is a promise: await it/],
  ] as const) {
    assert.match(await refusal(of), expected);
  }
});

test('a plan is no worker, and a worker no plan: each is told by what it is run', async () => {
  const pool = createPool({ size: 1 });
  for (const [of, expected] of [
    [() => run(wrong(typed), 1), /ERR_NOT_A_WORKER: .*; got a plan, which gather\(\)/],
    [() => pool.run(wrong(entryPoint)), /ERR_NOT_A_WORKER: .*; got an entry point, which a ParallelContext runs/],
    [() => pool.run(wrong(() => 1)), /; got a function; /],
    [() => parallelMap([1], wrong(typed)), /ERR_NOT_A_WORKER: .*; got a plan/],
    [() => parallelMap(wrong(double), wrong([1])), /; got an array; first the items/],
    [() => parallelReduce([1], wrong({ initial: 0 })), /got an object with initial; /],
    [() => parallelReduce([1], wrong(double)), /that is no aggregate; got a worker, .*defineAggregate/],
    [() => gather(wrong(double)), /that is no plan; got a worker, which run\(\) and parallelMap\(\) take/],
    [() => gather(wrong(sum)), /that is no plan; got an aggregate, which parallelReduce\(\) takes/],
    [() => new ParallelContext(wrong(typed)), /that is no entry point; got a plan/],
  ] as const) {
    assert.match(await refusal(of), expected);
  }
  await pool.close();
});

test('a field given as undefined is a field not given', () => {
  const names: Names<{ workers?: number | undefined; signal?: AbortSignal | undefined }> = {
    workers: true,
    signal: true,
  };
  checkOptions('a test', { workers: undefined, signal: undefined }, names);
});

/** Compiled, and never called. */
export async function typedWrongly(plan: Plan<number, number>): Promise<void> {
  // @ts-expect-error a plan is no worker
  await run(plan, 1);
  // @ts-expect-error a plan is no worker
  parallelMap([1], plan);
  // @ts-expect-error a worker is no plan
  gather(double, 1);
  // @ts-expect-error a plan is no entry point
  new ParallelContext(plan);
}
