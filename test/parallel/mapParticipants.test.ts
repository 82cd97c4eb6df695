/**
 * Who takes part in a parallel map: as many processes as there is work and slots for, the leader where there is none of
 * them or it was asked to, and who takes the place of one that died. Its results do not depend on any of that.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Client, WorkerError } from '../../src/index.js';
import { startPostmaster } from '../../src/index.js';
import { createPool, formatExplanation, parallelMap } from '../../src/parallel/index.js';
import * as workers from './mapWorkers.js';

const { act, double } = workers;

let client: Client;
before(async () => {
  client = await startPostmaster({
    ...{ maxWorkerProcesses: 8, maxParallelWorkers: 8, spareWorkers: 3, output: 'ignore', logLevel: 'silent' },
    preload: [new URL('./mapWorkers.js', import.meta.url)],
    classes: { none: { max: 0 }, one: { max: 1 } },
  });
});
after(() => client.close());

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const doubled = (count: number): number[] => numbers(count).map((number) => number * 2);

/** The tests here are about who takes part. */
const asAsked = { debugParallel: false } as const;

test('R-NW-7, F-76: the results are the same with any number of workers, down to none, and the leader with them or not', async () => {
  for (const count of [0, 1, 3]) {
    for (const leaderParticipation of [false, true]) {
      const run = parallelMap(numbers(300), double, { client, workers: count, leaderParticipation, ...asAsked });
      assert.deepEqual(await run.toArray(), doubled(300), `${count} workers`);
      const { workersPlanned, rows, participants } = run.explain();
      assert.deepEqual([workersPlanned, rows], [count, 300]);
      const sum = participants.reduce((total, participant) => total + participant.rows, 0);
      assert.equal(sum, 300);
      const hasLeader = participants.some(({ number }) => number === -1);
      assert.equal(hasLeader, count === 0 || leaderParticipation);
    }
  }
  assert.equal((await client.activity()).length, 0);
});

test('R-NW-1: 0 workers is allowed, and the leader does all of it, giving its event loop a turn in between', async () => {
  let turns = 0;
  const turn = setInterval(() => turns++, 1);
  const run = parallelMap([...numbers(30)].fill(2), workers.spin, { client, workers: 0, ...asAsked });
  const pids = new Set(await run.toArray());
  clearInterval(turn);
  assert.deepEqual([...pids], [process.pid]);
  assert.ok(turns >= 5, `${turns} turns`);
  const [leader] = run.explain().participants;
  assert.ok(leader !== undefined && leader.rows === 30 && leader.runMs >= 60);
});

test('in the leader a function is given copies, and what cannot be sent is refused, as in a process', async () => {
  const lists = [[1], [2, 3]];
  const run = parallelMap(lists, workers.addTo, { client, workers: 0, ...asAsked });
  assert.deepEqual(await run.toArray(), [2, 3]);
  assert.deepEqual(lists, [[1], [2, 3]]);
  const deeds: workers.Deed[] = [1, 'throws', 'givesFunction', 'throwsText'];
  const outcomes = await parallelMap(deeds, act, { client, workers: 0, onError: 'yield', ...asAsked }).toArray();
  assert.deepEqual(
    outcomes.map(({ value, error }) => value ?? (error as { code?: string }).code ?? error?.message),
    [2, 'ERR_OWN', 'ERR_NOT_SERIALIZABLE', "'only a text'"],
  );
  await assert.rejects(parallelMap(deeds, act, { client, workers: 0, ...asAsked }).toArray(), { code: 'ERR_OWN' });
});

test('R-PAR-6, F-76: where there are fewer slots there are fewer workers, and with none the leader does all of it', async () => {
  const none = parallelMap(numbers(20), double, { client, workers: 2, worker: { class: 'none' } });
  assert.deepEqual(await none.toArray(), doubled(20));
  assert.match(
    formatExplanation(none.explain()),
    /^Parallel Map {2}\(actual rows=20 time=.*\)\n {2}Workers Planned: 2\n {2}Workers Launched: 0 {2}\(no slot.*none.*\)\n {2}Leader: pid=\d+ {2}rows=20 .*$/,
  );
  const one = parallelMap([50, 50, 50], workers.spin, { client, workers: 2, batchItems: 1, worker: { class: 'one' } });
  assert.equal(new Set(await one.toArray()).size, 1);
  assert.equal(one.explain().workersLaunched, 1);
});

test('no more processes are started than there is work for', async () => {
  const run = parallelMap(numbers(1), double, { client, workers: 4 });
  assert.deepEqual(await run.toArray(), [0]);
  const { workersPlanned, workersLaunched, whyFewer } = run.explain();
  assert.deepEqual([workersPlanned, workersLaunched, whyFewer], [4, 1, 'there was no work for more']);
  const nothing = parallelMap(new Set<number>(), double, { client, workers: 4 });
  assert.deepEqual(await nothing.toArray(), []);
  assert.equal(nothing.explain().workersLaunched, 0);
});

test('two items that take long are done by two processes at once', async () => {
  assert.equal(new Set(await parallelMap([100, 100], workers.spin, { client, workers: 2 }).toArray()).size, 2);
});

test('items that turn out to take long are given back, and shared out anew', async () => {
  const pool = createPool({ client, size: 2 });
  await Promise.all([pool.run(workers.spin, 50), pool.run(workers.spin, 50)]);
  // Those that take nothing make batches long; behind them each takes as long as two batches should.
  const ms = numbers(400).map((index) => (index < 360 ? 0 : 10));
  const run = pool.map(ms, workers.spin);
  const pids = await run.toArray();
  assert.equal(new Set(pids.slice(360)).size, 2);
  const [one, other] = run.explain().participants;
  assert.ok(Math.min(one?.runMs ?? 0, other?.runMs ?? 0) > 0 && (one?.rows ?? 0) + (other?.rows ?? 0) === 400);
  await pool.close();
});

test('the place of a process that died is taken by another one, and everybody sees how far the run is', async () => {
  const pool = createPool({ client, size: 1 });
  const told: number[] = [];
  const run = pool.map(numbers(400), workers.pidOf, {
    ...{ workers: 1, batchItems: 10 },
    onProgress: ({ done, total }) => told.push(done) && assert.equal(total, 400),
  });
  const pids = new Set<number>();
  for await (const pid of run) {
    if (pids.size === 0) {
      assert.deepEqual((await client.activity())[0]?.progress?.total, 400);
      process.kill(pid, 'SIGKILL');
    }
    pids.add(pid);
  }
  assert.equal(pids.size, 2);
  assert.deepEqual([told.at(-1), [...told].sort((a, b) => a - b)], [400, told]);
  await pool.close();
});

test('one that takes the place of another is not one more that was launched', async () => {
  const run = parallelMap<workers.Deed, unknown>([1, 'kills', 2], act, {
    ...{ client, workers: 2, onError: 'yield', worker: { class: 'one' } },
  });
  assert.equal((await run.toArray()).length, 3);
  const { workersLaunched, whyFewer, participants } = run.explain();
  assert.deepEqual([workersLaunched, participants.length > 1], [1, true]);
  assert.match(whyFewer ?? '', /one/);
});

test('a loop over the results of a run may wait for calls, and for other runs, of the same pool', async () => {
  await using pool = createPool({ client, size: 2 });
  const run = pool.map(numbers(8), double, { batchItems: 1 });
  for await (const result of run) {
    assert.equal(await pool.run(double, result), 2 * result);
    assert.deepEqual(await pool.map([result, 1], double).toArray(), [2 * result, 2]);
  }
  const { rows, participants } = run.explain();
  assert.deepEqual([rows, participants.length <= 2], [8, true]);
});

test('items count in what may wait behind one that takes long', async () => {
  await using pool = createPool({ client, size: 2 });
  const folder = mkdtempSync(join(tmpdir(), 'bgworker-map-'));
  const file = join(folder, 'go');
  const bytes = new Uint8Array(4 * 2 ** 20);
  let reads = 0;
  const source = function* (): Generator<{ id: string; file?: string; bytes?: Uint8Array }> {
    yield { id: 'slow', file };
    for (; reads < 20; reads++) yield { id: `${reads}`, bytes };
  };
  const results = pool.map(source(), workers.afterFile, { batchItems: 1 }).toArray();
  while (reads === 0) await setImmediate();
  // It has a process when the run has nothing to do for it.
  assert.equal(await pool.run(double, 1), 2);
  assert.ok(reads < 10, `${reads} were read`);
  writeFileSync(file, '');
  assert.equal((await results).length, 21);
  rmSync(folder, { recursive: true });
});

test('a process that cannot be started ends the run, and says why', async () => {
  const run = parallelMap(numbers(3), double, { client, workers: 2, worker: { execArgv: ['--no-such-option'] } });
  await assert.rejects(run.toArray(), (error: Error) => {
    assert.equal((error as { code?: string }).code, 'ERR_WORKER_NOT_STARTED');
    return true;
  });
  assert.equal((await client.activity()).length, 0);
});

test('what has ended a process is not for the leader: with no slot for another process it has failed', async () => {
  // The one slot of its class goes to somebody else as soon as the process is dead.
  const run = parallelMap<workers.Deed, unknown>([1, 'kills', 2], act, {
    ...{ client, workers: 1, batchItems: 1, onError: 'yield', worker: { class: 'one' } },
  });
  const iterator = run[Symbol.asyncIterator]();
  const first = await iterator.next();
  const waiting = client.register(workers.spin, 60_000, { class: 'one', waitForSlot: true });
  const outcomes = [first, await iterator.next(), await iterator.next()].map(({ value }) => value);
  await (await waiting).terminate({ timeoutMs: 0 });
  assert.deepEqual(
    outcomes.map((outcome) => outcome?.value ?? (outcome?.error as WorkerError | undefined)?.reason.kind),
    [2, 'signaled', 4],
  );
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
});

test('in a pool with fewer processes than were planned, the place of one that died is free at once, for whoever waits for it', async () => {
  const pool = createPool({ client, size: 1 });
  const items: workers.Deed[] = [...numbers(19), 'kills'];
  const run = pool.map(items, act, { workers: 4, onError: 'yield', batchItems: 7 });
  const outcomes = await run.toArray();
  await pool.close();
  assert.deepEqual(
    outcomes.filter(({ error }) => error !== undefined).map(({ index }) => index),
    [19],
  );
});
