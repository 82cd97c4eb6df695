/**
 * `npm run simulate -- [--seed N] [--steps M] [--seeds K]`: drives the core through random lives and holds it to its
 * promises. When one is broken it prints the promise, the seed and step that repeat it and the last events, and exits 1.
 */
import { parseArgs } from 'node:util';
import { simulate } from './life.js';

const { values } = parseArgs({
  options: { seed: { type: 'string' }, steps: { type: 'string' }, seeds: { type: 'string' } },
});
const first = Number(values.seed ?? Date.now() % 1_000_000_000);
const steps = Number(values.steps ?? 1_000_000);
const seeds = Number(values.seeds ?? 1);

for (let seed = first; seed < first + seeds; seed += 1) {
  const started = performance.now();
  const failure = simulate(seed, steps);
  const seconds = (performance.now() - started) / 1_000;
  if (failure === undefined) {
    console.log(`seed ${seed}: ${steps} steps, every promise kept, ${seconds.toFixed(1)} s`);
    continue;
  }
  const { error, step, life, events } = failure;
  for (const event of events) console.error(JSON.stringify(event));
  console.error(error);
  console.error(
    `\nseed ${seed}, step ${step}, life ${life}. Again: npm run simulate -- --seed ${seed} --steps ${step}`,
  );
  process.exitCode = 1;
  break;
}
