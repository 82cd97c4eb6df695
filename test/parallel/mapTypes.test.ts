/**
 * The types of parallelMap and parallelReduce follow from the worker, and what does not fit is refused by the compiler.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectTypeOf } from 'expect-type';
import type { Aggregate, MapOptions, MapOutcome, ParallelRun, Pool, PoolMapOptions } from '../../src/parallel/index.js';
import { parallelMap, parallelReduce } from '../../src/parallel/index.js';
import type { MeanState } from './mapWorkers.js';
import { double, mean, sum } from './mapWorkers.js';

/** Compiled, and never called. */
async function typed(pool: Pool): Promise<void> {
  expectTypeOf(parallelMap([1], double)).toEqualTypeOf<ParallelRun<number>>();
  expectTypeOf(pool.map(new Set([1]), double, { order: 'completed' })).toEqualTypeOf<ParallelRun<number>>();
  const yielded = parallelMap([1], double, { onError: 'yield' });
  expectTypeOf(yielded).toEqualTypeOf<ParallelRun<MapOutcome<number, number>>>();
  for await (const outcome of yielded) {
    if (outcome.error === undefined) expectTypeOf(outcome.value).toEqualTypeOf<number>();
    else expectTypeOf(outcome.error).toEqualTypeOf<Error>();
    expectTypeOf(outcome.item).toEqualTypeOf<number>();
  }
  // Who passes options on may not know which way errors go.
  const passOn = (options: MapOptions) => parallelMap([1], double, options);
  expectTypeOf(passOn({})).toEqualTypeOf<ParallelRun<number | MapOutcome<number, number>>>();
  expectTypeOf(pool.map([1], double, {} as PoolMapOptions)).toEqualTypeOf<ReturnType<typeof passOn>>();
  expectTypeOf(parallelMap([1], double)).toExtend<AsyncDisposable>();
  expectTypeOf(await parallelReduce([1], sum)).toEqualTypeOf<number>();
  expectTypeOf(await pool.reduce([1], mean)).toEqualTypeOf<{ mean: number | null; pids: number[] }>();
  expectTypeOf(mean).toEqualTypeOf<Aggregate<number, MeanState, { mean: number | null; pids: number[] }>>();

  // @ts-expect-error items of another kind than the worker takes
  parallelMap(['one'], double);
  // @ts-expect-error a function is no worker
  parallelMap([1], (value: number) => value);
  // @ts-expect-error there is no such order
  parallelMap([1], double, { order: 'sorted' });
  // @ts-expect-error the processes of a pool are the pool's
  pool.map([1], double, { worker: {} });
  // @ts-expect-error a worker is no aggregate
  await parallelReduce([1], double);
  // @ts-expect-error items of another kind than the aggregate takes
  await parallelReduce(['one'], sum);
}

test('the types of results follow from the worker, and those of a reduction from the aggregate', () => {
  assert.equal(typeof typed, 'function');
});
