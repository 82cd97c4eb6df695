/**
 * One run of `gather` or `gatherMerge`, or several of a `Gather` or `GatherMerge` that stays warm. Its plan scans blocks, so that who gives a
 * row is nobody's choice, and every row has a number. Rows may come from anybody; but each comes once, those of a merge in
 * their order and without a gap, and an end without an error means that all of them came.
 */
import type { Explanation, GatherOptions, GatherRun } from '../../../src/parallel/index.js';
import { Gather, GatherMerge, gather, gatherMerge, ParallelWorkerError } from '../../../src/parallel/index.js';
import type { Random } from '../../simulation/random.js';
import { isRefusalOf } from './failures.js';
import { drawDeeds } from './items.js';
import type { Class, Interruption, Stage, Taken } from './stage.js';
import { describeError, drawClass, drawInterruptions, Interruptions, processesOf, take } from './stage.js';
import type { Deed, Job, Row, Shape } from './work.js';
import { numberOf, rowsAtOnce, rowsInTime } from './work.js';

type Options = Pick<GatherOptions, 'workers' | 'leaderParticipation' | 'singleCopy' | 'queueBytes' | 'debugParallel'>;

interface GatherPlan {
  readonly isMerge: boolean;
  readonly isWarm: boolean;
  readonly kind: Class;
  readonly inTime: boolean;
  readonly blocks: number;
  readonly rowsPerBlock: number;
  readonly shape: Shape;
  readonly options: Options;
  /** More than one only where it stays warm. */
  readonly rounds: readonly Round[];
}

/** What is done to one run. */
interface Round {
  readonly deeds: Readonly<Record<number, Deed>>;
  readonly interruptions: readonly Interruption[];
  readonly leaveAfter: number | undefined;
}

export function drawGather(random: Random): GatherPlan {
  const isMerge = random.chance(0.4);
  const isWarm = random.chance(0.4);
  const blocks = random.pick([1, 3, 16, 60]);
  const rowsPerBlock = random.pick([1, 10, 40]);
  const queueBytes = random.pick([undefined, undefined, 1_024, 8_192]);
  return {
    isMerge,
    isWarm,
    kind: drawClass(random),
    inTime: random.chance(0.4),
    blocks,
    rowsPerBlock,
    shape: random.pick(['number', 'array', 'object'] as const),
    options: {
      workers: random.below(5),
      leaderParticipation: random.chance(0.6),
      debugParallel: random.chance(0.1),
      ...(queueBytes === undefined ? {} : { queueBytes }),
      ...(!isMerge && random.chance(0.1) ? { singleCopy: true } : {}),
    },
    rounds: Array.from({ length: isWarm ? 1 + random.below(4) : 1 }, () => ({
      deeds: drawDeeds(random, blocks),
      // Of one that stays warm the runs have no signal: who wants no more leaves the loop.
      interruptions: drawInterruptions(random, blocks * rowsPerBlock).filter(({ kind }) => !isWarm || kind === 'kill'),
      leaveAfter: random.chance(0.2) ? 1 + random.below(blocks * rowsPerBlock) : undefined,
    })),
  };
}

/** Gives what was wrong. */
export async function runGather(stage: Stage, plan: GatherPlan): Promise<string | undefined> {
  const judge = new GatherJudge(plan);
  const compare = (one: Row, other: Row): number => orderOf(plan, one) - orderOf(plan, other);
  const rows = plan.inTime ? rowsInTime : rowsAtOnce;
  const options = { ...processesOf(stage, plan.kind), ...plan.options, scan: { blocks: plan.blocks } };
  if (!plan.isWarm) {
    return runRound(stage, judge, plan.rounds[0]!, (job, signal) =>
      plan.isMerge
        ? gatherMerge(rows, job, { ...options, signal, compare })
        : gather(rows, job, { ...options, signal }),
    );
  }
  const warm = plan.isMerge ? new GatherMerge(rows, { ...options, compare }) : new Gather(rows, options);
  try {
    for (const round of plan.rounds) {
      const wrong = await runRound(stage, judge, round, (job) => warm.rows(job));
      if (wrong !== undefined) return wrong;
    }
  } finally {
    await warm.end();
  }
  return undefined;
}

function orderOf({ shape }: GatherPlan, row: Row): number {
  return numberOf(row, shape) ?? -1;
}

async function runRound(
  stage: Stage,
  judge: GatherJudge,
  round: Round,
  start: (job: Job, signal: AbortSignal) => GatherRun<Row>,
): Promise<string | undefined> {
  const { rowsPerBlock, shape, isWarm, isMerge } = judge.plan;
  const interruptions = new Interruptions(stage, round.interruptions);
  const run = start({ rowsPerBlock, shape, deeds: round.deeds, leaderPid: process.pid }, interruptions.signal);
  const taken = await take(run, round.leaveAfter, interruptions);
  const explanation = run.explain();
  const left = await interruptions.end();
  stage.count(`${isWarm ? 'warm ' : ''}${isMerge ? 'merge' : 'gather'}: ${taken.ending.how}`);
  return left ?? judge.judge(round, interruptions, taken, explanation);
}

class GatherJudge {
  readonly plan: GatherPlan;
  /** Of all rounds: one that was killed while it was warm is missed by the next run. */
  #unexplainedKills = 0;

  constructor(plan: GatherPlan) {
    this.plan = plan;
  }

  judge(
    { deeds }: Round,
    interruptions: Interruptions,
    { rows, ending }: Taken<Row>,
    explanation: Explanation,
  ): string | undefined {
    const { workersLaunched, workersPlanned, participants } = explanation;
    this.#unexplainedKills += interruptions.killed;
    if (workersLaunched > workersPlanned) return `${workersLaunched} of ${workersPlanned} workers were launched`;
    if (this.plan.kind === 'none' && workersLaunched > 0) return `${workersLaunched} workers without a slot`;
    if (explanation.rows !== rows.length) return `${rows.length} rows were given, and ${explanation.rows} counted`;
    const hadLeader = participants.some(({ number }) => number === -1);
    const wrong = this.#judgeRows(deeds, rows, ending.how !== 'failed', hadLeader);
    if (wrong !== undefined) return wrong;
    if (ending.how === 'failed') return this.#judgeError(ending.error, deeds, interruptions);
    const all = this.plan.blocks * this.plan.rowsPerBlock;
    return ending.how === 'complete' && rows.length !== all
      ? `${rows.length} of ${all} rows came, and no error`
      : undefined;
  }

  #judgeRows(deeds: Round['deeds'], rows: readonly Row[], isWhole: boolean, hadLeader: boolean): string | undefined {
    const { blocks, rowsPerBlock, shape, isMerge } = this.plan;
    const seen = new Set<number>();
    let last = -1;
    for (const row of rows) {
      const n = numberOf(row, shape);
      if (n === undefined || n < 0 || n >= blocks * rowsPerBlock) return `${JSON.stringify(row)} is nobody's row`;
      if (seen.has(n)) return `row ${n} came twice`;
      // What one who is lost had not handed over may be missed in the order before his end is known.
      if (isMerge && (isWhole ? n !== last + 1 : n < last)) return `row ${n} came after row ${last}`;
      const deed = deeds[Math.floor(n / rowsPerBlock)];
      if (deed === 'refuse') return `row ${n} came, whose block refuses`;
      if ((deed === 'die' || deed === 'exit') && !hadLeader) return `row ${n} came, whose block ends its process`;
      seen.add(n);
      last = n;
    }
    return undefined;
  }

  #judgeError(error: unknown, deeds: Round['deeds'], { isAborted, reason }: Interruptions): string | undefined {
    if (error === reason) return isAborted ? undefined : 'it was called off by nobody';
    const all = Object.entries(deeds);
    if (all.some(([block, deed]) => deed === 'refuse' && isRefusalOf(error, Number(block)))) return undefined;
    if (!(error instanceof ParallelWorkerError)) return `it failed with ${describeError(error)}`;
    if (all.some(([, deed]) => deed === 'die' || deed === 'exit')) return undefined;
    this.#unexplainedKills -= 1;
    return this.#unexplainedKills < 0 ? `it failed with ${describeError(error)}` : undefined;
  }
}
