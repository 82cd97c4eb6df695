/**
 * What the workers of the simulation do. Each item, and each block of a scan, says what is to become of it, so that whoever
 * drew it knows what has to come out. The leader takes part in some runs and must not end itself: there an item that
 * kills its process is an item like any other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Participant } from '../../../src/parallel/index.js';
import { defineAggregate, definePlan } from '../../../src/parallel/index.js';
import { defineWorker } from '../../../src/worker/index.js';

/** `stay` never comes to an end. */
export type Deed = 'answer' | 'wait' | 'refuse' | 'die' | 'exit' | 'stay';

export interface Item {
  readonly n: number;
  readonly deed: Deed;
  /** The process in which nobody ends himself. */
  readonly leaderPid: number;
}

/** Thrown, with fields of its own, which have to arrive. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code = 'E_REFUSED';
  readonly n: number;

  constructor(n: number) {
    super(`${n} is refused`);
    this.n = n;
  }
}

/** Another number for each. */
export function answerOf(n: number): number {
  return 3 * n + 1;
}

export const EXIT_CODE = 3;
const WAIT_MS = 2;

/** Undefined: there is nothing to wait for. */
function perform({ n, deed, leaderPid }: Item): Promise<unknown> | undefined {
  const isWorker = process.pid !== leaderPid;
  switch (deed) {
    case 'refuse':
      throw new Refusal(n);
    case 'die':
      if (isWorker) process.kill(process.pid, 'SIGKILL');
      return isWorker ? forever() : undefined;
    case 'exit':
      return isWorker ? process.exit(EXIT_CODE) : undefined;
    case 'wait':
      return sleep(WAIT_MS);
    case 'stay':
      return forever();
    default:
      return undefined;
  }
}

/** Of what nothing could wake the process would end itself. */
function forever(): Promise<never> {
  return new Promise(() => void setInterval(() => {}, 1_000));
}

export const work = defineWorker(import.meta, async (_ctx, item: Item): Promise<number> => {
  await perform(item);
  return answerOf(item.n);
});

/** The numbers of all items in their order: whatever is lost, doubled or exchanged shows. */
export const collect = defineAggregate(import.meta, {
  initial: (): number[] => [],
  async accumulate(numbers: number[], item: Item): Promise<number[]> {
    await perform(item);
    numbers.push(item.n);
    return numbers;
  },
  combine: (first: number[], second: number[]): number[] => [...first, ...second],
  finalize: (numbers: number[]): number[] => numbers,
});

export type Shape = 'number' | 'array' | 'object';

export interface Job {
  readonly rowsPerBlock: number;
  /** Of those blocks that have another than to answer; done before the first row of the block. */
  readonly deeds: Readonly<Record<number, Deed>>;
  readonly shape: Shape;
  readonly leaderPid: number;
}

export type Row = number | readonly [number, string] | { readonly n: number; readonly text: string };

export function rowOf(n: number, shape: Shape): Row {
  if (shape === 'number') return n;
  const text = `row ${n % 7}`;
  return shape === 'array' ? [n, text] : { n, text };
}

/** Undefined for what is no row of ours. */
export function numberOf(row: Row, shape: Shape): number | undefined {
  const n = typeof row === 'number' ? row : 'n' in row ? row.n : row[0];
  return JSON.stringify(row) === JSON.stringify(rowOf(n, shape)) ? n : undefined;
}

function itemOf(block: number, { deeds, leaderPid }: Job): Item {
  return { n: block, deed: deeds[block] ?? 'answer', leaderPid };
}

/** The rows of the blocks that this participant is given, which are ever later ones. */
export const rowsAtOnce = definePlan(import.meta, function* (participant: Participant, job: Job): Generator<Row> {
  const { scan } = participant;
  for (let block = scan.next(); block !== null; block = scan.next()) {
    perform(itemOf(block, job));
    for (let n = 0; n < job.rowsPerBlock; n += 1) yield rowOf(block * job.rowsPerBlock + n, job.shape);
  }
});

export const rowsInTime = definePlan(
  import.meta,
  async function* (participant: Participant, job: Job): AsyncGenerator<Row> {
    const { scan } = participant;
    for (let block = scan.next(); block !== null; block = scan.next()) {
      await perform(itemOf(block, job));
      for (let n = 0; n < job.rowsPerBlock; n += 1) yield rowOf(block * job.rowsPerBlock + n, job.shape);
    }
  },
);
