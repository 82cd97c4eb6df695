/**
 * What a worker of a gather runs: the plan, whose rows it sends to the leader by its tuple queue, until there are no more or
 * they are wanted no more. That the leader has detached is no error: the plan is ended, quietly, and the run is over (R-GA-6).
 *
 * PostgreSQL: ParallelQueryMain of execParallel.c.
 */
import type { WorkerPlace } from '../protocol/index.js';
import { deserializeValue } from '../protocol/index.js';
import { isMadeOf } from '../worker/forParallel.js';
import { defineEntryPoint } from './entryPoint.js';
import { attachScan, attachTupleQueue } from './gatherMemory.js';
import type { Participant } from './participant.js';
import { makeParticipant } from './participant.js';
import type { PlanIterator, PlanRows } from './planRows.js';
import { iteratePlan } from './planRows.js';
import { RowOutlet } from './rowOutlet.js';
import { loadFunction } from './workerMain.js';

/** What the leader has each worker do. */
export interface GatherCommand {
  /** Where the plan is. */
  readonly plan: WorkerPlace;
  /** What it is given, serialised by itself: what cannot be is named as its user knows it. */
  readonly arg: Uint8Array;
  /** As large is each tuple queue. */
  readonly queueBytes: number;
  readonly hasScan: boolean;
}

export const GatherMain = defineEntryPoint(
  import.meta,
  async (participant: Participant, command: GatherCommand): Promise<void> => {
    const { number, contents, counts } = participant;
    const plan = await loadFunction(command.plan.module, command.plan.exportName);
    const outlet = new RowOutlet(attachTupleQueue(contents, number, command.queueBytes).sender());
    try {
      const rows = plan(
        asPlanSees(participant, outlet, command.hasScan) as never,
        deserializeValue(command.arg) as never,
      );
      await sendAll(iteratePlan(rows as PlanRows<unknown>), outlet);
      await outlet.end();
    } catch (error) {
      // It was told to stop, and has.
      if (outlet.isWanted || !isMadeOf(outlet.notWanted.reason, error)) throw error;
    } finally {
      outlet.close();
      Object.assign(counts, outlet.counts);
    }
  },
);

/** Its signal aborts too when the leader wants no more rows, and how far it is can be seen where workers are looked at. */
function asPlanSees(participant: Participant, outlet: RowOutlet, hasScan: boolean): Participant {
  const { number, workersPlanned, contents, context } = participant;
  const scan = hasScan ? attachScan(contents, () => outlet.isWanted) : undefined;
  let signal: AbortSignal | undefined;
  let isTold = false;
  outlet.onTurn = () => {
    if (scan !== undefined && !isTold) context?.progress(scan.allocated, scan.blocks);
  };
  return makeParticipant({
    number,
    workersPlanned,
    contents,
    context,
    scan,
    signal: () => {
      signal ??= AbortSignal.any([participant.signal, outlet.notWanted]);
      return signal;
    },
    progress: (done, total) => {
      isTold = true;
      participant.progress(done, total ?? undefined);
      context?.progress(done, total ?? undefined);
    },
  });
}

/** The plan is ended as a loop ends what it goes through: also when a row cannot be sent. */
async function sendAll(rows: PlanIterator<unknown>, outlet: RowOutlet): Promise<void> {
  if (rows.isAsync) return sendAsync(rows.iterator, outlet);
  for (const row of { [Symbol.iterator]: () => rows.iterator }) {
    if (outlet.push(row) && (await outlet.flush()) === 'detached') return;
  }
}

async function sendAsync(iterator: AsyncIterator<unknown>, outlet: RowOutlet): Promise<void> {
  const awaited: AsyncIterator<unknown> = {
    next: () => outlet.awaitAnswer(iterator.next()),
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
  };
  for await (const row of { [Symbol.asyncIterator]: () => awaited }) {
    if (outlet.notWanted.aborted || (outlet.push(row) && (await outlet.flush()) === 'detached')) return;
  }
}
