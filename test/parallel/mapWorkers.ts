/**
 * Functions that the tests of parallelMap and parallelReduce have called with many items. What an item does to its process
 * stands in the item.
 */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineAggregate } from '../../src/parallel/index.js';
import { defineWorker } from '../../src/worker/index.js';

export const double = defineWorker(import.meta, (_ctx, value: number) => value * 2);

/** A number in it is doubled; a word says what happens instead. */
export type Deed = number | 'throws' | 'throwsText' | 'kills' | 'givesFunction';

const text: unknown = 'only a text';

export function doAs(deed: Deed): unknown {
  switch (deed) {
    case 'throws':
      throw Object.assign(new RangeError('out of range'), { code: 'ERR_OWN', field: 7 });
    case 'throwsText':
      throw text;
    case 'kills':
      return process.kill(process.pid, 'SIGKILL');
    case 'givesFunction':
      return { list: [() => 1] };
    default:
      return deed * 2;
  }
}

export const act = defineWorker(import.meta, (_ctx, deed: Deed) => doAs(deed));

/** Waits, for the items that name a file, until it is there. */
export const afterFile = defineWorker(import.meta, async (_ctx, { id, file }: { id: string; file?: string }) => {
  while (file !== undefined && !existsSync(file)) await sleep(2);
  return id;
});

export const pidOf = defineWorker(import.meta, (_ctx, _item: number) => process.pid);
export const giveBack = defineWorker(import.meta, (_ctx, value: unknown) => value);

/** Changes what it is given. */
export const addTo = defineWorker(import.meta, (_ctx, list: number[]) => list.push(list.length));

export const spin = defineWorker(import.meta, (_ctx, ms: number) => {
  for (const until = performance.now() + ms; performance.now() < until; );
  return process.pid;
});

export const sum = defineAggregate(import.meta, {
  initial: () => 0,
  accumulate: (total, value: number) => total + value,
  combine: (one, other) => one + other,
});

/** Associative, and not commutative. */
export const concatenate = defineAggregate(import.meta, {
  initial: () => '',
  accumulate: async (text, item: string) => text + item,
  combine: (one, other) => one + other,
});

export interface MeanState {
  readonly count: number;
  readonly sum: number;
  readonly pids: ReadonlySet<number>;
}

/** Its state has more in it than its result, and travels. */
export const mean = defineAggregate(import.meta, {
  initial: (): MeanState => ({ count: 0, sum: 0, pids: new Set() }),
  accumulate: (state, value: number): MeanState => ({
    count: state.count + 1,
    sum: state.sum + value,
    pids: new Set([...state.pids, process.pid]),
  }),
  combine: (one, other): MeanState => ({
    count: one.count + other.count,
    sum: one.sum + other.sum,
    pids: new Set([...one.pids, ...other.pids]),
  }),
  finalize: ({ count, sum: total, pids }) => ({ mean: count === 0 ? null : total / count, pids: [...pids] }),
});

export const countDeeds = defineAggregate(import.meta, {
  initial: () => 0,
  accumulate: (count, deed: Deed) => {
    doAs(deed);
    return count + 1;
  },
  combine: (one, other) => one + other,
});

export const notCombined = defineAggregate(import.meta, {
  initial: () => 0,
  accumulate: (count: number) => count + 1,
  combine: () => {
    throw new Error('cannot be put together');
  },
});

const one = defineWorker(import.meta, (_ctx, _item: number) => 1);
export const missingThere = process.title.startsWith('bgworker: ') ? (undefined as never) : one;
