/**
 * Short runs of the simulation, and every seed that ever found something. `npm run simulate` runs longer ones.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from './life.js';

const STEPS = 25_000;

/** A seed that failed once, how many steps it needs, and what it had found. */
const FOUND: readonly { readonly seed: number; readonly steps: number; readonly what: string }[] = [];

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`random lives keep every promise (seed ${seed})`, () => keepsEveryPromise(seed, STEPS));
}

for (const { seed, steps, what } of FOUND) {
  test(`${what} (seed ${seed})`, () => keepsEveryPromise(seed, steps));
}

test('the same seed lives the same lives', () => {
  assert.deepEqual(simulate(42, 2_000), simulate(42, 2_000));
});

function keepsEveryPromise(seed: number, steps: number): void {
  const failure = simulate(seed, steps);
  if (failure === undefined) return;
  const { error, step, events } = failure;
  const last = events.slice(-10).map((event) => JSON.stringify(event));
  const again = `npm run simulate -- --seed ${seed} --steps ${step}`;
  assert.fail(`${error instanceof Error ? error.message : String(error)}\n${last.join('\n')}\nagain: ${again}`);
}
