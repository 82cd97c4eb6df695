/**
 * What stands behind a gather from run to run: one parallel context, whose workers and memory the next run uses again
 * (PostgreSQL: rescan, R-GA-8), and, for each run, who takes part in it. After a failure the context is destroyed, and the next
 * run makes another.
 *
 * PostgreSQL: ExecGather and ExecReScanGather of nodeGather.c, with ExecInitParallelPlan and ExecParallelReinitialize.
 */
import { BgworkerError } from '../base/index.js';
import type { WorkerPlace } from '../protocol/index.js';
import { findWorker, serializeValue, workerBrand } from '../protocol/index.js';
import type { ContentsEstimator, MessageQueue, TableOfContents } from '../shm/index.js';
import { isMadeOf } from '../worker/forParallel.js';
import type { BlockScanOptions } from './blockScan.js';
import { ParallelContext } from './context.js';
import type { Plan } from './entryPoint.js';
import type { Progress } from './explain.js';
import type { GatherCommand } from './gatherMain.js';
import {
  allocateGather,
  attachScan,
  createScan,
  createTupleQueue,
  DEFAULT_QUEUE_BYTES,
  estimateGather,
} from './gatherMemory.js';
import { GatherProgress } from './gatherProgress.js';
import type { OpenRun, RunOwner } from './gatherRun.js';
import { Run } from './gatherRun.js';
import type { Names } from './given.js';
import { checkKind, checkOptions } from './given.js';
import { LeaderRows } from './leaderRows.js';
import { LEADER_NUMBER, makeParticipant } from './participant.js';
import type { ParallelOptions } from './processOptions.js';
import { checkCount, leaderTakesPart, PROCESS_NAMES, plannedWorkers, RUN_NAMES } from './processOptions.js';
import { rowsNotWanted } from './rowOutlet.js';
import type { RowOrder, RowSource } from './rowSources.js';
import { TupleReceiver } from './tupleQueue.js';
import { WorkerRows } from './workerRows.js';

/** How rows are gathered. */
export interface GatherOptions extends ParallelOptions {
  /**
   * Whether the leader computes rows too, when no worker has one to give. Default: true. It does in any case when no worker
   * was launched. PostgreSQL: parallel_leader_participation.
   */
  readonly leaderParticipation?: boolean | undefined;
  /** One participant gives all rows: a worker; the leader if none is to be had. For plans that cannot be divided. */
  readonly singleCopy?: boolean | undefined;
  /** What the participants share out among themselves, by `participant.scan`. */
  readonly scan?: BlockScanOptions | undefined;
  /** What else they share, in `participant.contents`. */
  readonly share?: GatherShare | undefined;
  /** How large each worker's tuple queue is. Default: 65536. */
  readonly queueBytes?: number | undefined;
  /** Is told what `run.progress` is now: the sum of what participants said last. What it throws ends the run. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export const GATHER_NAMES: Names<GatherOptions> = {
  ...RUN_NAMES,
  leaderParticipation: true,
  singleCopy: true,
  scan: true,
  share: true,
  queueBytes: true,
  onProgress: true,
  ...PROCESS_NAMES,
};

/** State of your own in the memory of a gather. */
export interface GatherShare {
  /** Adds what it needs, before there is any memory. */
  estimate?(estimator: ContentsEstimator): void;
  /** Puts it there, before the workers are launched. */
  fill(contents: TableOfContents): void;
  /** Before each further run over the same memory, which is as the last one left it. */
  refill?(contents: TableOfContents): void;
}

/** How a gather and a gather merge differ. */
export interface GatherKind<Row> {
  /** As in Explanation. */
  readonly node: string;
  /** What it can be told. */
  readonly names: Names<GatherOptions>;
  order(workers: readonly RowSource<Row>[], leader: RowSource<Row> | null): RowOrder<Row>;
}

/** PostgreSQL has no limit; this one keeps the estimate of a segment within what a segment can be. */
const MAX_QUEUE_BYTES = 2 ** 28;
/** Several rows, and what a queue keeps beside them. */
const MIN_QUEUE_BYTES = 1_024;

export class GatherLife<Arg, Row> {
  readonly #kind: GatherKind<Row>;
  readonly #plan: Plan<Arg, Row>;
  readonly #options: GatherOptions;
  readonly #queueBytes: number;
  readonly #planned: number;
  #context: ParallelContext<GatherCommand> | null = null;
  #present: Run<Row> | null = null;
  #isEnded = false;

  constructor(kind: GatherKind<Row>, plan: Plan<Arg, Row>, options: GatherOptions) {
    checkKind(plan, 'plan', 'definePlan');
    checkOptions(kind.node === 'Gather' ? 'gather' : 'gatherMerge', options, kind.names);
    const { queueBytes = DEFAULT_QUEUE_BYTES, singleCopy = false, leaderParticipation = true } = options;
    checkCount('queueBytes', queueBytes, MIN_QUEUE_BYTES, MAX_QUEUE_BYTES);
    this.#kind = kind;
    this.#plan = plan;
    this.#options = options;
    this.#queueBytes = queueBytes;
    const planned = plannedWorkers(options, leaderParticipation);
    this.#planned = singleCopy ? Math.min(1, planned) : planned;
  }

  /** A run that begins with the first row asked for. `isLast`: with its end all is over. */
  rows(arg: Arg, isLast = false): Run<Row> {
    this.#checkFree();
    const owner: RunOwner<Row> = {
      node: this.#kind.node,
      workersPlanned: this.#planned,
      checkFree: () => this.#checkFree(),
      open: () => {
        this.#present = run;
        return this.#open(arg);
      },
      finish: async () => {
        const reports = (await this.#context?.waitToFinish()) ?? [];
        if (isLast) await this.#destroy();
        return reports;
      },
      fail: async (error) => {
        const why = isLoss(error) ? ((await this.#context?.whyLost(error)) ?? error) : error;
        await this.#destroy();
        const { signal } = this.#options;
        return signal?.aborted === true ? signal.reason : why;
      },
    };
    const run = new Run(owner);
    return run;
  }

  /** Lets the workers go; a run that is under way fails. Safe to repeat. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#present?.abandon(ended());
    await this.#destroy();
  }

  #checkFree(): void {
    if (this.#isEnded) throw ended();
    if (this.#present?.isOpen === true) {
      throw new BgworkerError('ERR_GATHER_BUSY', 'a run of this gather is still open', {
        hint: 'take it to its end, leave its loop or await its return(); for two runs at once make two gathers',
      });
    }
  }

  async #destroy(): Promise<void> {
    const context = this.#context;
    this.#context = null;
    await context?.destroy();
  }

  async #open(arg: Arg): Promise<OpenRun<Row>> {
    const { onProgress, leaderParticipation = true, singleCopy = false } = this.#options;
    const plan = this.#planned > 0 ? await findWorker(this.#plan) : null;
    const context = await this.#prepare();
    const scan = this.#options.scan && createScan(context.contents, this.#options.scan);
    const progress = new GatherProgress(scan, onProgress);
    const unlisten = context.onProgress(progress.hear);
    const workers = plan === null ? [] : await this.#launch(context, plan, arg);
    const takesPart = leaderTakesPart(this.#options, leaderParticipation && !singleCopy, workers.length);
    const stop = new AbortController();
    const leader = takesPart ? this.#leader(arg, { contents: context.contents, progress, stop: stop.signal }) : null;
    return {
      order: this.#kind.order(workers, leader),
      workers,
      leader,
      progress,
      whyFewer: context.whyFewer,
      endLeader: async () => {
        stop.abort(rowsNotWanted());
        await leader?.end().catch((error) => {
          // It was told to stop, and has.
          if (!isMadeOf(stop.signal.reason, error)) throw error;
        });
      },
      abandonLeader: () => {
        stop.abort(rowsNotWanted());
        leader?.abandon();
      },
      get failure() {
        return context.failure;
      },
      onFailure: (listener) => context.onFailure(listener),
      close: () => {
        unlisten();
        progress.end();
      },
    };
  }

  /** New memory, or that of the run before. */
  async #prepare(): Promise<ParallelContext<GatherCommand>> {
    const { share, scan } = this.#options;
    if (this.#context !== null) {
      await this.#context.reinitialize();
      share?.refill?.(this.#context.contents);
      return this.#context;
    }
    // A module of its own for the workers' sake, which is made of what this one is joined with: so not before that is there.
    const { GatherMain } = await import('./gatherMain.js');
    const { signal, debugParallel, client, name, terminateTimeoutMs, worker } = this.#options;
    const context = new ParallelContext(GatherMain, {
      ...{ workers: this.#planned, signal, debugParallel },
      ...{ client, name, terminateTimeoutMs, worker },
    });
    this.#context = context;
    const sizes = { workers: this.#planned, queueBytes: this.#queueBytes, hasScan: scan !== undefined };
    estimateGather(context.estimator, sizes);
    share?.estimate?.(context.estimator);
    const contents = await context.initialize();
    allocateGather(contents, sizes);
    share?.fill(contents);
    return context;
  }

  async #launch(context: ParallelContext<GatherCommand>, plan: WorkerPlace, arg: Arg): Promise<WorkerRows<Row>[]> {
    const queueBytes = this.#queueBytes;
    const queues: MessageQueue[] = [];
    for (let number = 0; number < this.#planned; number++) {
      queues.push(createTupleQueue(context.contents, number, queueBytes));
    }
    await context.launch({
      plan,
      arg: serializeValue(arg, 'arg'),
      queueBytes,
      hasScan: this.#options.scan !== undefined,
    });
    return context.run.flatMap((worker) => {
      const receiver = queues[worker.number]?.receiver({ peer: worker.peer });
      return receiver === undefined ? [] : new WorkerRows<Row>(worker, new TupleReceiver(receiver));
    });
  }

  /** Its plan begins when it is asked for the first row. */
  #leader(arg: Arg, { contents, progress, stop }: LeaderParts): LeaderRows<Row> {
    const { signal, scan } = this.#options;
    const isOver = signal === undefined ? stop : AbortSignal.any([signal, stop]);
    const participant = makeParticipant({
      number: LEADER_NUMBER,
      workersPlanned: this.#planned,
      contents,
      context: null,
      scan: scan && attachScan(contents, () => !isOver.aborted),
      signal: () => isOver,
      progress: (done, total) => progress.tell(LEADER_NUMBER, { done, total }),
    });
    return new LeaderRows(LEADER_NUMBER, () => this.#plan[workerBrand].fn(participant, arg));
  }
}

interface LeaderParts {
  readonly contents: TableOfContents;
  readonly progress: GatherProgress;
  readonly stop: AbortSignal;
}

/** The memory has gone with the connection, as it is noticed here. */
function isLoss(error: unknown): error is BgworkerError {
  return error instanceof BgworkerError && (error.code === 'ERR_MEMORY_LOST' || error.code === 'ERR_SEGMENT_DETACHED');
}

function ended(): BgworkerError {
  return new BgworkerError('ERR_GATHER_ENDED', 'this gather has ended', {
    hint: 'its end() was called, or the block of its `await using` was left; make another',
  });
}
