/**
 * One run of `parallelMap` or `pool.map`, and what may come of it. Whatever is done to it, it gives the right results: in
 * their order, each once, none that is another's. It ends with the last of them, or with an error that something which
 * was done to it explains.
 */
import { WorkerStartError } from '../../../src/index.js';
import type { MapOptions, MapOutcome, ParallelRun } from '../../../src/parallel/index.js';
import { createPool, parallelMap } from '../../../src/parallel/index.js';
import type { Random } from '../../simulation/random.js';
import { isErrorOf, isLoss, isRefusalOf } from './failures.js';
import { drawItems, Source, SourceError } from './items.js';
import type { Class, Interruption, Stage, Taken } from './stage.js';
import { describeError, drawClass, drawInterruptions, Interruptions, processesOf, take } from './stage.js';
import type { Item } from './work.js';
import { answerOf, work } from './work.js';

interface MapPlan {
  readonly kind: Class;
  readonly pooled: boolean;
  readonly items: readonly Item[];
  readonly source: Source;
  readonly interruptions: readonly Interruption[];
  readonly leaveAfter: number | undefined;
  readonly options: Pick<
    MapOptions,
    'workers' | 'order' | 'onError' | 'leaderParticipation' | 'batchItems' | 'debugParallel'
  >;
}

export function drawMap(random: Random): MapPlan {
  const items = drawItems(random);
  const batchItems = random.pick([undefined, undefined, 1, 7, 50]);
  return {
    kind: drawClass(random),
    pooled: random.chance(0.3),
    items,
    source: new Source(random, items),
    interruptions: drawInterruptions(random, items.length),
    leaveAfter: random.chance(0.15) ? 1 + random.below(items.length + 1) : undefined,
    options: {
      workers: random.below(5),
      order: random.pick(['input', 'completed'] as const),
      onError: random.pick(['throw', 'yield'] as const),
      leaderParticipation: random.chance(0.3),
      debugParallel: random.chance(0.1),
      ...(batchItems === undefined ? {} : { batchItems }),
    },
  };
}

/** Gives what was wrong. */
export async function runMap(stage: Stage, plan: MapPlan): Promise<string | undefined> {
  const interruptions = new Interruptions(stage, plan.interruptions);
  const { run, close } = startMap(stage, plan, interruptions.signal);
  const taken = await take(run, plan.leaveAfter, interruptions);
  const explanation = run.explain();
  await close();
  const left = await interruptions.end();
  stage.count(`map ${plan.options.order} ${plan.options.onError}: ${taken.ending.how}`);
  const hadLeader = explanation.participants.some(({ number }) => number === -1);
  if (left !== undefined) return left;
  if (plan.source.isHeld) return 'the source was not let go of';
  const { workersLaunched, workersPlanned, rows } = explanation;
  if (workersLaunched > workersPlanned) return `${workersLaunched} of ${workersPlanned} workers were launched`;
  if (rows !== taken.rows.length) return `${taken.rows.length} rows were given, and ${rows} counted`;
  return new MapJudge(plan, interruptions, hadLeader).judge(taken);
}

function startMap(
  stage: Stage,
  { kind, pooled, source, options }: MapPlan,
  signal: AbortSignal,
): { readonly run: ParallelRun<unknown>; close(): Promise<void> } {
  const processes = processesOf(stage, kind);
  if (!pooled) {
    // Both faces of it give the same run; which one decides nothing but its type.
    const run = parallelMap(source.items(), work, { ...processes, ...options, signal } as MapOptions & {
      onError: 'throw';
    });
    return { run, close: async () => {} };
  }
  const pool = createPool({ ...processes, size: Math.max(1, options.workers ?? 1) });
  const run = pool.map(source.items(), work, { ...options, signal } as MapOptions & { onError: 'throw' });
  return { run, close: () => pool.close() };
}

class MapJudge {
  readonly #plan: MapPlan;
  readonly #interruptions: Interruptions;
  readonly #hadLeader: boolean;
  readonly #innocentLosses: string[] = [];

  constructor(plan: MapPlan, interruptions: Interruptions, hadLeader: boolean) {
    this.#plan = plan;
    this.#interruptions = interruptions;
    this.#hadLeader = hadLeader;
  }

  judge({ rows, ending }: Taken<unknown>): string | undefined {
    const { items, options, source } = this.#plan;
    const seen = new Set<number>();
    for (const [at, row] of rows.entries()) {
      const judged =
        options.onError === 'throw' ? indexOfAnswer(row) : this.#judgeOutcome(row as MapOutcome<Item, number>);
      if (typeof judged === 'string') return judged;
      if (seen.has(judged)) return `item ${judged} came twice`;
      if (items[judged] === undefined) return `item ${judged} came from nowhere`;
      if (options.order === 'input' && judged !== at) return `item ${judged} came as number ${at}`;
      seen.add(judged);
    }
    if (this.#innocentLosses.length > this.#mayLose)
      return `not ${this.#mayLose} were lost, but ${this.#innocentLosses}`;
    if (ending.how === 'failed') return this.#judgeError(ending.error, seen);
    if (ending.how === 'left') return undefined;
    if (seen.size !== items.length) return `${seen.size} of ${items.length} items came, and no error`;
    if (source.failsBefore !== undefined) return 'the source failed, and nobody said so';
    const passed = items.find(({ n, deed }) => options.onError === 'throw' && deed === 'refuse' && seen.has(n));
    return passed === undefined ? undefined : `item ${passed.n} refuses, and nobody said so`;
  }

  /**
   * How many items that do nothing wrong: one for each process that was killed. Those that had begun together with one that
   * ends its process are suspected, and all of them are lost where no other process can be had for them.
   */
  get #mayLose(): number {
    const { items, kind } = this.#plan;
    const { killed } = this.#interruptions;
    const hasEnded = killed > 0 || items.some(({ deed }) => deed === 'die' || deed === 'exit');
    return hasEnded && kind !== 'parallel' ? items.length : killed;
  }

  /** Gives its index, or what is wrong with it. */
  #judgeOutcome(outcome: MapOutcome<Item, number>): number | string {
    const { item, index, error, value } = outcome;
    if (item !== this.#plan.items[index] && item.n !== index) return `item ${item.n} came with index ${index}`;
    const { deed } = item;
    if (error === undefined) {
      if (value !== answerOf(index)) return `the value of item ${index} is ${value}`;
      if (deed === 'refuse') return `item ${index} refuses, and has a value`;
      if ((deed === 'die' || deed === 'exit') && !this.#hadLeader)
        return `item ${index} ends its process, and has a value`;
      return index;
    }
    if (isRefusalOf(error, index)) return deed === 'refuse' ? index : `item ${index} refused without a reason`;
    if (!isLoss(error)) return `item ${index} failed with ${describeError(error)}`;
    if (deed !== 'die' && deed !== 'exit') this.#innocentLosses.push(`${index}: ${describeError(error)}`);
    return index;
  }

  #judgeError(error: unknown, seen: ReadonlySet<number>): string | undefined {
    const { items, options, source } = this.#plan;
    const { isAborted, reason } = this.#interruptions;
    if (error === reason) return isAborted ? undefined : 'it was called off by nobody';
    if (error instanceof SourceError) return source.failsBefore === undefined ? 'its source did not fail' : undefined;
    const missing =
      options.order === 'input' ? items.slice(seen.size, seen.size + 1) : items.filter(({ n }) => !seen.has(n));
    // That no process can start is nobody's error, and ends the run.
    const mayBeLost =
      this.#mayLose > 0 && (options.onError === 'throw' ? isLoss(error) : error instanceof WorkerStartError);
    const isExpected = mayBeLost || (options.onError === 'throw' && missing.some((item) => isErrorOf(error, item)));
    return isExpected ? undefined : `it failed with ${describeError(error)}`;
  }
}

function indexOfAnswer(row: unknown): number | string {
  const index = (Number(row) - 1) / 3;
  return typeof row === 'number' && Number.isInteger(index) ? index : `${String(row)} is nobody's answer`;
}
