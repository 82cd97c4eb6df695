/**
 * One run of `parallelReduce` or `pool.reduce`. Its aggregate keeps all items in their order, so its result is right in one
 * way only; otherwise there is an error that something which was done to it explains.
 */
import type { BatchOptions } from '../../../src/parallel/index.js';
import { createPool, parallelReduce } from '../../../src/parallel/index.js';
import type { Random } from '../../simulation/random.js';
import { isErrorOf, isLoss } from './failures.js';
import { drawItems, Source, SourceError } from './items.js';
import type { Class, Interruption, Stage } from './stage.js';
import { describeError, drawClass, drawInterruptions, Interruptions, processesOf } from './stage.js';
import type { Item } from './work.js';
import { collect } from './work.js';

interface ReducePlan {
  readonly kind: Class;
  readonly pooled: boolean;
  readonly items: readonly Item[];
  readonly source: Source;
  readonly interruptions: readonly Interruption[];
  readonly options: Pick<BatchOptions, 'workers' | 'leaderParticipation' | 'batchItems' | 'debugParallel'>;
}

export function drawReduce(random: Random): ReducePlan {
  const items = drawItems(random);
  const batchItems = random.pick([undefined, 1, 7, 50]);
  return {
    kind: drawClass(random),
    pooled: random.chance(0.3),
    items,
    source: new Source(random, items),
    interruptions: drawInterruptions(random, 0),
    options: {
      workers: random.below(5),
      leaderParticipation: random.chance(0.3),
      debugParallel: random.chance(0.1),
      ...(batchItems === undefined ? {} : { batchItems }),
    },
  };
}

/** Gives what was wrong. */
export async function runReduce(stage: Stage, plan: ReducePlan): Promise<string | undefined> {
  const interruptions = new Interruptions(stage, plan.interruptions);
  const processes = processesOf(stage, plan.kind);
  const options = { ...plan.options, signal: interruptions.signal };
  const pool = plan.pooled ? createPool({ ...processes, size: Math.max(1, options.workers ?? 1) }) : undefined;
  const items = plan.source.items();
  const result =
    pool === undefined
      ? parallelReduce(items, collect, { ...processes, ...options })
      : pool.reduce(items, collect, options);
  const outcome = await result.then(
    (numbers) => ({ numbers }),
    (error: unknown) => ({ error }),
  );
  await pool?.close();
  const left = await interruptions.end();
  stage.count(`reduce: ${'numbers' in outcome ? 'complete' : 'failed'}`);
  if (left !== undefined) return left;
  if (plan.source.isHeld) return 'the source was not let go of';
  return 'numbers' in outcome ? judgeNumbers(outcome.numbers, plan) : judgeError(outcome.error, plan, interruptions);
}

function judgeNumbers(numbers: readonly number[], { items, source }: ReducePlan): string | undefined {
  const wrong = items.findIndex(({ n }) => numbers[n] !== n);
  if (wrong !== -1 || numbers.length !== items.length) return `item ${wrong} of ${items.length} is ${numbers[wrong]}`;
  if (source.failsBefore !== undefined) return 'the source failed, and nobody said so';
  const refusing = items.find(({ deed }) => deed === 'refuse');
  return refusing === undefined ? undefined : `item ${refusing.n} refuses, and nobody said so`;
}

function judgeError(error: unknown, { items, source }: ReducePlan, interruptions: Interruptions): string | undefined {
  const { isAborted, reason, killed } = interruptions;
  if (error === reason) return isAborted ? undefined : 'it was called off by nobody';
  if (error instanceof SourceError) return source.failsBefore === undefined ? 'its source did not fail' : undefined;
  if (items.some((item) => isErrorOf(error, item)) || (killed > 0 && isLoss(error))) return undefined;
  return `it failed with ${describeError(error)}`;
}
