/**
 * parallelMap: results, their order, errors and deaths of single items, and the ways in which a run ends. With real
 * processes, most of them a pool's, which are warm; who takes part is in mapParticipants.test.ts.
 */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import type { BgworkerError, Client, WorkerError } from '../../src/index.js';
import { startPostmaster } from '../../src/index.js';
import type { MapOutcome, Pool, Progress } from '../../src/parallel/index.js';
import { createPool, parallelMap } from '../../src/parallel/index.js';
import type { Deed } from './mapWorkers.js';
import * as workers from './mapWorkers.js';

const { act, afterFile, double, sum } = workers;

let client: Client;
let pool: Pool;
const folder = mkdtempSync(join(tmpdir(), 'bgworker-map-'));
before(async () => {
  client = await startPostmaster({
    ...{ maxWorkerProcesses: 8, maxParallelWorkers: 8, spareWorkers: 3, output: 'ignore', logLevel: 'silent' },
    preload: [new URL('./mapWorkers.js', import.meta.url)],
  });
  pool = createPool({ client, size: 2 });
});
after(async () => {
  await client.close();
  rmSync(folder, { recursive: true });
});

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const doubled = (count: number): number[] => numbers(count).map((number) => number * 2);

/** A run with processes of its own, which are told from the pool's by their name. */
const own = { workers: 1, name: 'of a run of its own' } as const;

async function ownLeft(): Promise<number> {
  return (await client.activity()).filter(({ name }) => name === own.name).length;
}

async function* waitingFor<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) {
    await setImmediate();
    yield item;
  }
}

function* generated<T>(items: Iterable<T>): Generator<T> {
  yield* items;
}

test('a parallel map gives what the function gives for each item, in the order of the items, from any source', async () => {
  const items = numbers(100);
  for (const source of [items, new Set(items), new Uint8Array(items), generated(items), waitingFor(items)]) {
    const run = pool.map(source, double);
    assert.deepEqual(await run.toArray(), doubled(100));
    assert.deepEqual(run.progress, { done: 100, total: 100 });
  }
  assert.deepEqual(await pool.map([], double).toArray(), []);
  assert.deepEqual(await pool.map(waitingFor<number>([]), double).toArray(), []);
});

test('results can be taken one by one, several at once, and the rest together', async () => {
  const run = pool.map(numbers(50), double);
  const results: number[] = [];
  for await (const result of run) {
    results.push(result);
    if (results.length === 50) break;
  }
  assert.deepEqual(results, doubled(50));

  const other = pool.map(numbers(20), double);
  const iterator = other[Symbol.asyncIterator]();
  const several = await Promise.all(numbers(10).map(() => iterator.next()));
  assert.deepEqual(
    several.map(({ value }) => value),
    doubled(10),
  );
  assert.deepEqual([...doubled(10), ...(await other.toArray())], doubled(20));
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });

  const third = pool.map(numbers(20), double);
  const taken = await Promise.all([third[Symbol.asyncIterator]().next(), third.toArray(), third.toArray()]);
  assert.deepEqual(taken, [{ done: false, value: 0 }, doubled(20).slice(1), []]);
});

test('as completed, nobody waits behind an item that takes long; in the order of the items the others go on meanwhile', async () => {
  const file = join(folder, 'go');
  const items = [{ id: 'slow', file }, ...numbers(30).map((number) => ({ id: `quick ${number}` }))];
  const seen: string[] = [];
  for await (const id of pool.map(items, afterFile, { order: 'completed', batchItems: 1 })) {
    seen.push(id);
    if (seen.length === 20) writeFileSync(file, '');
  }
  assert.ok(seen.indexOf('slow') >= 20 && seen.length === 31);

  rmSync(file);
  const run = pool.map(items, afterFile, {
    batchItems: 1,
    onProgress: ({ done }) => done >= 20 && writeFileSync(file, ''),
  });
  // Told at most so often: so it is asked, too.
  const results = run.toArray();
  while ((run.progress?.done ?? 0) < 20) await setImmediate();
  writeFileSync(file, '');
  assert.deepEqual(
    await results,
    items.map(({ id }) => id),
  );
});

test('nothing is read or started before the first result is asked for', async () => {
  let reads = 0;
  const run = pool.map(
    (function* () {
      reads += 1;
      yield 1;
    })(),
    double,
  );
  const iterator = run[Symbol.asyncIterator]();
  await setImmediate();
  assert.deepEqual([reads, run.progress, run.explain().workersLaunched], [0, null, 0]);
  assert.deepEqual(await iterator.next(), { done: false, value: 2 });
  await iterator.return?.();
  assert.equal(reads, 1);
});

test('the source is read only as results are taken', async () => {
  for (const options of [{ workers: 1 }, { workers: 2, order: 'completed' }] as const) {
    let reads = 0;
    const endless = function* (): Generator<number> {
      for (;;) yield reads++;
    };
    const run = pool.map(endless(), double, { batchItems: 2, ...options });
    let taken = 0;
    for await (const _ of run) {
      taken += 1;
      while ((run.progress?.done ?? 0) < taken + 2) await setImmediate();
      for (let turn = 0; turn < 20; turn++) await setImmediate();
      // Those that could be taken, those under way, the one that is being taken, and one for a process to come.
      assert.ok(reads <= taken + 2 * 10, `${reads} were read when ${taken} were taken`);
      if (taken === 10) break;
    }
  }
});

test('a source that waits does not hold back the results that are there', async () => {
  let goOn = (): void => {};
  const asked = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const source = async function* (): AsyncGenerator<number> {
    yield* numbers(5);
    await asked;
    yield 5;
  };
  const results: number[] = [];
  for await (const result of pool.map(source(), double)) {
    results.push(result);
    if (results.length === 5) goOn();
  }
  assert.deepEqual(results, doubled(6));
});

test('what the source throws comes behind the results of what it gave before', async () => {
  for (const order of ['input', 'completed'] as const) {
    for (const isWaiting of [false, true]) {
      const failing = function* (): Generator<number> {
        yield* numbers(20);
        throw new TypeError('no more');
      };
      const run = pool.map(isWaiting ? waitingFor(failing()) : failing(), double, { order });
      const results: number[] = [];
      const reading = async (): Promise<void> => {
        for await (const result of run) results.push(result);
      };
      await assert.rejects(reading(), new TypeError('no more'));
      assert.deepEqual(
        results.sort((a, b) => a - b),
        doubled(20),
      );
    }
  }
});

test('leaving the loop tells the source, and when that is done no process is at work on it any more', async () => {
  let wasTold = 0;
  const endless = function* (): Generator<number> {
    try {
      for (let number = 0; ; number++) yield number;
    } finally {
      wasTold += 1;
    }
  };
  for (const source of [endless(), waitingFor(endless())]) {
    for await (const _ of parallelMap(source, double, { client, ...own })) break;
    assert.equal(await ownLeft(), 0);
  }
  assert.equal(wasTold, 2);

  // Of a pool only those are killed that are at work.
  const before = new Set(await pool.map(numbers(200), workers.pidOf).toArray());
  const run = pool.map([20_000, 20_000], workers.spin, { batchItems: 1 });
  const iterator = run[Symbol.asyncIterator]();
  const first = iterator.next();
  while (pool.running < 2) await setImmediate();
  await iterator.return?.();
  assert.deepEqual(await first, { done: true, value: undefined });
  const since = new Set(await pool.map(numbers(200), workers.pidOf).toArray());
  assert.deepEqual(
    [...since].filter((pid) => before.has(pid)),
    [],
  );
});

test('a run that is left while its source is being waited for ends, and the source is told', async () => {
  let wasTold = false;
  const source: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: async () => {
        wasTold = true;
        return { done: true, value: undefined };
      },
    }),
  };
  const iterator = pool.map(source, double)[Symbol.asyncIterator]();
  const waiting = iterator.next();
  await setImmediate();
  await iterator.return?.();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  assert.ok(wasTold);
});

test('a signal ends the run with its reason, when its workers are gone', async () => {
  const abort = new AbortController();
  const reason = new Error('enough');
  const run = parallelMap([1, 20_000], workers.spin, { client, ...own, batchItems: 1, signal: abort.signal });
  const iterator = run[Symbol.asyncIterator]();
  await iterator.next();
  const second = iterator.next();
  abort.abort(reason);
  await assert.rejects(second, reason);
  assert.equal(await ownLeft(), 0);
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });

  let reads = 0;
  const counted = function* (): Generator<number> {
    reads += 1;
    yield 1;
  };
  const aborted = parallelMap(counted(), double, { client, signal: abort.signal });
  await assert.rejects(aborted.toArray(), reason);
  assert.equal(reads, 0);
});

test('a source that ends the run by its own doing is told, and read no further', async () => {
  const abort = new AbortController();
  const read: (number | 'told')[] = [];
  const source = function* (): Generator<number> {
    try {
      for (const number of numbers(9)) {
        if (number === 2) abort.abort();
        read.push(number);
        yield number;
      }
    } finally {
      read.push('told');
    }
  };
  const run = pool.map(source(), double, { signal: abort.signal, batchItems: 5 });
  await assert.rejects(run.toArray(), { name: 'AbortError' });
  assert.deepEqual(read, [0, 1, 2, 'told']);
});

test('a run that was ended before it began leaves nothing with the signal, also when it is asked for results', async () => {
  const { signal } = new AbortController();
  const run = pool.map([1], double, { signal });
  await run[Symbol.asyncDispose]();
  assert.deepEqual(await run.toArray(), []);
  assert.deepEqual([getEventListeners(signal, 'abort').length, run.progress], [0, null]);
});

test('what onProgress throws ends the run, whenever it is told', async () => {
  const error = new Error('of the listener');
  const own = createPool({ client, size: 2 });
  for (const at of [1, 20, 40]) {
    const onProgress = ({ done }: Progress): void => {
      if (done >= at) throw error;
    };
    for (const workers of [0, 2]) {
      await assert.rejects(own.map(numbers(40), double, { workers, batchItems: 1, onProgress }).toArray(), error);
    }
    await assert.rejects(own.reduce(numbers(40), sum, { batchItems: 1, onProgress }), error);
  }
  await own.close();
});

test('the first error, in the order of the items, ends the run behind the results before it', async () => {
  const deeds: Deed[] = [...numbers(30), 'throws', ...numbers(5), 'kills', 'throws'];
  const results: unknown[] = [];
  const run = parallelMap(deeds, act, { client, ...own });
  const error = await (async () => {
    for await (const result of run) results.push(result);
  })().then(
    () => assert.fail(),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof RangeError);
  assert.deepEqual({ ...error }, { code: 'ERR_OWN', field: 7 });
  assert.match(error.stack ?? '', /mapWorkers.*\n(.*\n)* {4}in parallel worker \d+ \(pid \d+\)$/);
  assert.deepEqual(results, doubled(30));
  assert.equal(await ownLeft(), 0);
  await assert.rejects(pool.map(deeds, act).toArray(), { message: 'out of range' });
});

test('what goes wrong with an item goes wrong with that item alone, where errors are given out', async () => {
  const deeds: Deed[] = [1, 'throws', 2, 'kills', 3, 'throwsText', 'givesFunction', 4];
  const outcomes = await pool.map(deeds, act, { onError: 'yield' }).toArray();
  assert.deepEqual(
    outcomes.map(({ item, index }) => [item, index]),
    deeds.map((deed, index) => [deed, index]),
  );
  assert.deepEqual(
    outcomes.map(
      ({ value, error }) => value ?? (error as WorkerError).reason?.kind ?? `${error?.name}: ${error?.message}`,
    ),
    [
      ...[2, 'RangeError: out of range', 4, 'signaled', 6, "NonError: 'only a text'"],
      ...['BgworkerError: value cannot be sent to another process', 8],
    ],
  );
});

test('an item that cannot be sent fails by itself, named by its path', async () => {
  const items = [1, { deep: [() => 1] }, 3];
  const [first, second, third] = await pool.map(items, workers.giveBack, { onError: 'yield' }).toArray();
  assert.deepEqual([first?.value, third?.value], [1, 3]);
  assert.equal((second?.error as BgworkerError | undefined)?.detail, 'item.deep[0] is a function');
});

test('what cannot be right is refused at once; what its module does not export, before anything is read', async () => {
  const invalid = { code: 'ERR_INVALID_ARGUMENT' };
  assert.throws(() => pool.map(7 as never, double), invalid);
  assert.throws(() => pool.map([], double, { batchItems: 0 }), invalid);
  assert.throws(() => pool.map([], double, { order: 'sorted' as never }), invalid);
  assert.throws(() => pool.map([], double, { onError: 'ignore' as never }), invalid);
  assert.throws(() => parallelMap([], double, { client, workers: -1 }), invalid);
  assert.throws(() => parallelMap([], double, { client, terminateTimeoutMs: -1 }), invalid);
  assert.throws(() => pool.map([], ((x: number) => x) as never), { code: 'ERR_NOT_A_WORKER' });
  const notExported = { ...double };
  await assert.rejects(pool.map([1], notExported).toArray(), { code: 'ERR_WORKER_NOT_EXPORTED' });
  await assert.rejects(pool.map([1, 2], workers.missingThere, { onError: 'yield' }).toArray(), {
    code: 'ERR_WORKER_NOT_EXPORTED',
  });
});

test('whatever items throw or kill, and however they are shared out, each item has the outcome that it has alone', async () => {
  const deed = fc.oneof(
    { weight: 12, arbitrary: fc.nat(100) },
    { weight: 1, arbitrary: fc.constant('throws' as const) },
    { weight: 1, arbitrary: fc.constant('kills' as const) },
  );
  const runs = fc.record({
    deeds: fc.array(deed, { maxLength: 60 }).filter((deeds) => deeds.filter((one) => one === 'kills').length < 2),
    batchItems: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
    order: fc.constantFrom('input' as const, 'completed' as const),
    workers: fc.integer({ min: 1, max: 2 }),
    isWaiting: fc.boolean(),
  });
  const seen = ({ value, error }: MapOutcome<Deed, unknown>): unknown =>
    value ?? ((error as { code?: unknown }).code === 'ERR_OWN' ? 'throws' : (error as WorkerError).reason.kind);
  await fc.assert(
    fc.asyncProperty(runs, async ({ deeds, isWaiting, ...options }) => {
      const source = isWaiting ? waitingFor(deeds) : deeds;
      const outcomes = await pool.map(source, act, { ...options, onError: 'yield' }).toArray();
      if (options.order === 'input')
        assert.deepEqual(
          outcomes.map(({ item }) => item),
          deeds,
        );
      const byIndex = [...outcomes].sort((one, other) => one.index - other.index).map(seen);
      const expected = deeds.map((one) => (one === 'kills' ? 'signaled' : one === 'throws' ? one : one * 2));
      assert.deepEqual(byIndex, expected);
    }),
    { seed: 11, numRuns: 6 },
  );
});

test('a text is a source of its characters', async () => {
  assert.deepEqual(await pool.map('abc', workers.double as never).toArray(), [Number.NaN, Number.NaN, Number.NaN]);
});
