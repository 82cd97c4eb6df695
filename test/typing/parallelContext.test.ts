/**
 * The types of parallel contexts: what is launched takes the argument of its entry point, and what is no entry point is
 * refused by the compiler. Nothing here is run but the test of the module's existence.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectTypeOf } from 'expect-type';
import type { EntryPoint, Plan } from '../../src/parallel/index.js';
import { defineEntryPoint, definePlan, ParallelContext } from '../../src/parallel/index.js';
import { defineWorker } from '../../src/worker/index.js';

const fill = defineEntryPoint(import.meta, (_, arg: { readonly rows: number }) => void arg.rows);
const idle = defineEntryPoint(import.meta, async ({ signal }) => signal.throwIfAborted());
const rows = definePlan(import.meta, function* (_, text: string) {
  yield text.length;
});
const worker = defineWorker(import.meta, (_, text: string) => text);

/** Compiled, and never called. */
async function typed(): Promise<void> {
  expectTypeOf(fill).toEqualTypeOf<EntryPoint<{ readonly rows: number }>>();
  expectTypeOf(idle).toEqualTypeOf<EntryPoint<void>>();
  expectTypeOf(rows).toEqualTypeOf<Plan<string, number>>();
  const context = new ParallelContext(fill);
  expectTypeOf(context).toEqualTypeOf<ParallelContext<{ readonly rows: number }>>();
  expectTypeOf(await context.launch({ rows: 1 })).toEqualTypeOf<number>();
  await new ParallelContext(idle).launch();

  // @ts-expect-error the argument of another entry point
  await context.launch('text');
  // @ts-expect-error an entry point that wants an argument
  await context.launch();
  // @ts-expect-error a plan is no entry point: it gives rows, and somebody has to take them
  new ParallelContext(rows);
  // @ts-expect-error a worker is given its context, and no participant
  new ParallelContext(worker);
  // @ts-expect-error an entry point that gives something: results lie in the memory
  defineEntryPoint(import.meta, () => 7);
  // @ts-expect-error a plan that gives no rows
  definePlan(import.meta, () => {});
}

test('what is shown here compiles', () => {
  assert.equal(typeof typed, 'function');
});
