/**
 * The types of gather: argument and rows follow from the plan, and what does not fit is refused by the compiler. The lines
 * marked `@ts-expect-error` fail to compile if it is not. Nothing here is run but the test of the module's existence.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectTypeOf } from 'expect-type';
import type { GatherRun, Plan } from '../../src/parallel/index.js';
import { Gather, GatherMerge, gather, gatherMerge } from '../../src/parallel/index.js';
import { typed, typedLater } from './gatherPlans.js';

async function types(): Promise<void> {
  expectTypeOf(typed).toEqualTypeOf<Plan<number, [id: number, name: string]>>();
  expectTypeOf(typedLater).toEqualTypeOf<Plan<void, { readonly id: number }>>();

  const run = gather(typed, 1);
  expectTypeOf(run).toEqualTypeOf<GatherRun<[id: number, name: string]>>();
  for await (const row of run) expectTypeOf(row).toEqualTypeOf<[id: number, name: string]>();
  expectTypeOf(await gather(typedLater).toArray()).toEqualTypeOf<{ readonly id: number }[]>();
  const { done, value } = await gather(typedLater, undefined, { workers: 1 }).next();
  if (done !== true) expectTypeOf(value).toEqualTypeOf<{ readonly id: number }>();

  // @ts-expect-error a plan that wants an argument
  gather(typed);
  // @ts-expect-error the argument of another plan
  gather(typed, 'text');
  // @ts-expect-error there is no such option
  gather(typed, 1, { worker_count: 2 });
  // @ts-expect-error a function is no plan
  gather((from: number) => [from], 1);

  const warm = new Gather(typed, { workers: 1 });
  expectTypeOf(warm.rows(1)).toEqualTypeOf<GatherRun<[id: number, name: string]>>();
  // @ts-expect-error a plan that wants an argument
  warm.rows();
  expectTypeOf(new Gather(typedLater).rows()).toEqualTypeOf<GatherRun<{ readonly id: number }>>();

  const merged = gatherMerge(typed, 1, { compare: ([a], [b]) => a - b });
  expectTypeOf(merged).toEqualTypeOf<GatherRun<[id: number, name: string]>>();
  // @ts-expect-error without an order there is nothing to merge by
  gatherMerge(typed, 1, { workers: 2 });
  // @ts-expect-error rows of another plan
  gatherMerge(typed, 1, { compare: (a: string, b: string) => a.localeCompare(b) });
  new GatherMerge(typedLater, { compare: (a, b) => a.id - b.id }).rows();
}

test('argument and rows follow from the plan', () => {
  assert.equal(typeof types, 'function');
});
