/** A pool: calls, what is wrong with some of them, and who waits for whom. Its deaths are in poolDeaths.test.ts. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Client } from '../../src/index.js';
import { startPostmaster } from '../../src/index.js';
import type { Pool, PoolOptions } from '../../src/parallel/index.js';
import { createPool } from '../../src/parallel/index.js';
import { createFakePostmaster } from '../../src/testing/index.js';
import { isGone } from '../postmaster/processState.js';
import { outcomeOf, Traces } from './poolBench.js';
import * as calls from './poolCalls.js';
import { missingThere } from './poolOnlyHere.js';

let client: Client;
/** For tests that leave it as it was. */
let pair: Pool;
let single: Pool;
const traces = new Traces();
before(async () => {
  client = await startPostmaster({
    ...{ maxWorkerProcesses: 8, maxParallelWorkers: 8, spareWorkers: 1, output: 'ignore', logLevel: 'silent' },
    classes: { none: { max: 0 }, one: { max: 1 } },
  });
  pair = make();
  single = make({ size: 1 });
});
after(async () => {
  await client.close();
  traces.remove();
});

const make = (options: PoolOptions = {}) => createPool({ client, size: 2, ...options });
const { double, pidOf, runOn, fail } = calls;

test('calls are answered each with its own value, by as many processes as the pool may have', async () => {
  assert.deepEqual([pair.size, pair.queued, pair.running], [0, 0, 0], 'nothing is started before the first call');
  const numbers = Array.from({ length: 40 }, (_, number) => number);
  assert.deepEqual(
    await Promise.all(numbers.map((number) => pair.run(double, number))),
    numbers.map((number) => number * 2),
  );
  const pids = new Set(await Promise.all(numbers.map(() => pair.run(pidOf))));
  assert.ok(pids.size <= 2 && !pids.has(process.pid));
  assert.deepEqual([pair.size, pair.queued, pair.running], [2, 0, 0]);
});

test('argument and result are whatever structured clone carries, many megabytes as well', async () => {
  const value = {
    map: new Map([[1, new Set(['a'])]]),
    at: new Date(0),
    big: 2n ** 70n,
    nothing: undefined,
    bytes: new Uint8Array(3),
  };
  assert.deepEqual(await single.run(calls.giveBack, value), value);
  const much = Buffer.alloc(5 * 2 ** 20, 7);
  assert.ok(much.equals((await single.run(calls.giveBack, much)) as Buffer));
  assert.equal(await single.run(calls.giveBack, undefined), undefined);
  const tooMuch = new Uint8Array(64 * 2 ** 20);
  await assert.rejects(single.run(calls.giveBack, tooMuch), { code: 'ERR_ARGUMENT_TOO_LARGE' });
  await assert.rejects(single.run(calls.giveZeros, tooMuch.byteLength), { code: 'ERR_RESULT_TOO_LARGE' });
});

test('what the function throws is thrown again, says where that was, and harms nobody', async () => {
  const pid = await single.run(pidOf);
  const error = await single.run(fail, 'that is wrong').then(assert.fail, (thrown) => thrown);
  assert.ok(error instanceof RangeError && error.cause instanceof TypeError);
  assert.deepEqual({ ...error }, { code: 'ERR_OWN', field: 1 });
  assert.equal(error.message, 'that is wrong');
  assert.match(error.stack ?? '', new RegExp(`poolCalls.*\n(.*\n)* {4}in parallel worker 0 \\(pid ${pid}\\)$`));
  assert.equal((error as { context?: string }).context, 'parallel worker');
  assert.equal(await single.run(pidOf), pid);
});

test('an argument and a result that cannot be sent are refused by their path, and the process lives on', async () => {
  const pid = await single.run(pidOf);
  const refused = { code: 'ERR_NOT_SERIALIZABLE' };
  await assert.rejects(single.run(calls.giveBack, { list: [{ fn: () => 1 }] }), {
    ...refused,
    detail: 'argument.list[0].fn is the function fn',
  });
  await assert.rejects(single.run(calls.giveFunction), {
    ...refused,
    detail: 'result.deep[0].url is the function url',
  });
  assert.equal(await single.run(pidOf), pid);
});

test('a function that its process cannot find is an error of the call, which says what is there', async () => {
  await assert.rejects(single.run(missingThere), { code: 'ERR_MODULE_NOT_LOADED', detail: /only here/ });
  await assert.rejects(single.run(calls.notExportedThere), {
    code: 'ERR_WORKER_NOT_EXPORTED',
    detail: /exports .*double/,
  });
  await assert.rejects(single.run((() => 1) as never), { code: 'ERR_NOT_A_WORKER' });
  assert.equal(await single.run(double, 2), 4);
});

test('ctx is that of the process, but for the channel and for being ready; and a process of a pool may have a pool', async () => {
  await using pool = make({ name: 'reports' });
  const { directory } = client;
  const expected = { refused: 'ERR_CHANNEL_NOT_YOURS', name: 'reports', type: 'parallel worker', directory };
  assert.deepEqual(await pool.run(calls.readContext), expected);
  const row = (await client.activity()).find(({ name }) => name === 'reports');
  assert.deepEqual([row?.name, row?.class, row?.progress], ['reports', 'parallel', { done: 3, total: 4 }]);
  assert.equal(await pool.run(calls.doubleElsewhere, 4), 8);
});

test('a process is called parallel worker for the PID of its leader', async () => {
  assert.deepEqual(await single.run(calls.nameOf), `parallel worker for PID ${process.pid}`);
});

test('a call that is aborted while it waits leaves the queue, and nobody is killed for it', async () => {
  const pid = await single.run(pidOf);
  const abort = new AbortController();
  const first = single.run(pidOf);
  const second = outcomeOf(single.run(pidOf, undefined, { signal: abort.signal }));
  const third = single.run(pidOf);
  abort.abort();
  assert.deepEqual([single.queued, (await second).name], [1, 'AbortError']);
  assert.deepEqual([await first, await third], [pid, pid]);
  assert.equal((await outcomeOf(single.run(pidOf, undefined, { signal: abort.signal }))).name, 'AbortError');
  assert.equal(single.running, 0);
});

test('a call that is aborted while it runs is rejected when its process is gone; other calls are untouched', async () => {
  const file = traces.file();
  const abort = new AbortController();
  const [one, other] = [traces.file(), traces.file()];
  const aborted = outcomeOf(pair.run(runOn, one, { signal: abort.signal }));
  const going = outcomeOf(pair.run(calls.waitForFile, { said: other, until: file }));
  const waiting = pair.run(double, 4);
  const pid = await traces.pid(one);
  await traces.read(other);
  abort.abort(new RangeError('enough'));
  assert.equal((await aborted).name, 'RangeError');
  assert.ok(isGone(pid));
  assert.equal(await waiting, 8, 'another process took its place');
  traces.write(file);
  assert.deepEqual(await going, { value: 'done' });
});

test('an answer that has come is not taken back by an abort behind it', async () => {
  const abort = new AbortController();
  const pid = await single.run(pidOf, undefined, { signal: abort.signal });
  abort.abort();
  assert.equal(await single.run(pidOf), pid);
});

test('a call that takes longer than timeoutMs is ended with its process; the time begins when a process has it', async () => {
  const file = traces.file();
  const long = outcomeOf(single.run(runOn, file, { timeoutMs: 60 }));
  const behind = single.run(double, 4, { timeoutMs: 5_000 });
  assert.deepEqual(await long, { name: 'BgworkerError', code: 'ERR_CALL_TIMED_OUT' });
  assert.ok(isGone(await traces.pid(file)));
  assert.equal(await behind, 8);
  await assert.rejects(single.run(double, 4, { timeoutMs: -1 }), { code: 'ERR_INVALID_ARGUMENT' });
});

test('with terminateTimeoutMs a call that is ended may end in order, and an idle process ends at once', async () => {
  await using pool = make({ size: 1, terminateTimeoutMs: 60_000 });
  const abort = new AbortController();
  const file = traces.file();
  const stopped = outcomeOf(pool.run(calls.stopInOrder, file, { signal: abort.signal }));
  await traces.read(file);
  abort.abort();
  assert.equal((await stopped).name, 'AbortError');
  assert.equal(await traces.read(file), 'began\nstopped');
  assert.equal(await pool.run(calls.heedOnce), false);
});

test('more calls than may wait are refused at once, and those before them are answered', async () => {
  await using pool = make({ size: 1, maxQueue: 2 });
  const answers = [1, 2, 3, 4, 5].map((number) => outcomeOf(pool.run(double, number)));
  const full = { name: 'BgworkerError', code: 'ERR_POOL_QUEUE_FULL' };
  assert.deepEqual(await Promise.all(answers), [{ value: 2 }, { value: 4 }, { value: 6 }, full, full]);
  assert.equal(await pool.run(double, 6), 12);
  await using none = make({ size: 1, maxQueue: 0 });
  assert.deepEqual(await Promise.all([1, 2].map((number) => outcomeOf(none.run(double, number)))), [
    { value: 2 },
    full,
  ]);
});

test('with fewer slots than its size a pool has fewer processes, and with none it says who has them', async () => {
  await using fewer = make({ size: 4, worker: { class: 'one' } });
  const pids = new Set(await Promise.all([1, 2, 3, 4, 5].map(() => fewer.run(pidOf))));
  assert.equal(pids.size, 1);
  assert.match(fewer.whyFewer ?? '', /^no slot for another background worker: .*one/);
  await using none = make({ worker: { class: 'none' } });
  const refused = { name: 'TooManyWorkersError', code: 'ERR_TOO_MANY_WORKERS' };
  assert.deepEqual(await Promise.all([1, 2, 3].map((number) => outcomeOf(none.run(double, number)))), [
    refused,
    refused,
    refused,
  ]);
});

test('processes that are lent to a run are the pool’s own, as many as are free, and come back warm', async () => {
  await using pool = make({ size: 2 });
  let pids: number[] = [];
  while (new Set(pids).size < 2) pids = await Promise.all([pool.run(pidOf), pool.run(pidOf)]);
  const lent = pool.lend();
  const [first, second] = [await lent.tryStart(), await lent.tryStart()];
  const third = assert.rejects(lent.tryStart(), { code: 'ERR_POOL_CLOSED' });
  assert.deepEqual([lent.whyFewer, pool.running], ['the pool has no other process free', 2]);
  const late = pool.lend();
  const waiting = [pool.run(double, 1), late.tryStart()] as const;
  const place = { module: new URL('./poolCalls.js', import.meta.url).href, exportName: 'double' };
  const answer = await first?.perform({ place, how: 'map', args: [1, () => 1, 3], stopAtError: false });
  assert.deepEqual(answer?.values, [2, undefined, 6]);
  assert.deepEqual(
    [...(answer?.errors ?? [])].map(([index, error]) => [index, (error as { code?: string }).code]),
    [[1, 'ERR_NOT_SERIALIZABLE']],
  );
  await lent.close();
  await third;
  assert.equal(await waiting[0], 2);
  assert.ok(pids.includes((await waiting[1])?.handle.pid ?? 0));
  assert.ok(pids.includes(second?.handle.pid ?? 0));
  const closing = pool.close();
  await late.close();
  await closing;
});

test('close does what was asked for first, and its processes are gone then', async () => {
  const pool = make();
  const answers = [1, 2, 3, 4, 5].map((number) => pool.run(double, number));
  const pid = await pool.run(pidOf);
  const later = pool.run(double, 6);
  await Promise.all([pool.close(), pool.close()]);
  assert.ok(isGone(pid));
  assert.deepEqual(await Promise.all([...answers, later]), [2, 4, 6, 8, 10, 12]);
  assert.deepEqual([pool.size, pool.queued, pool.running], [0, 0, 0]);
  await assert.rejects(pool.run(double, 1), { code: 'ERR_POOL_CLOSED' });
  await pool.close({ drain: false });
});

test('close waits for the runs that were asked for, also for one that stands still', async () => {
  const pool = make();
  const slow = pool.map([1, 2, 3, 4, 5, 6, 7, 8], double, { batchItems: 1 })[Symbol.asyncIterator]();
  assert.equal((await slow.next()).value, 2);
  // It has given back its processes.
  await Promise.all([pool.run(pidOf), pool.run(pidOf)]);
  const asked = [pool.map([1, 2], double).toArray(), pool.map([3], double)[Symbol.asyncIterator]().next()];
  const closing = pool.close();
  const rest: unknown[] = [];
  for (let next = await slow.next(); next.done !== true; next = await slow.next()) rest.push(next.value);
  assert.deepEqual(rest, [4, 6, 8, 10, 12, 14, 16]);
  assert.deepEqual(await Promise.all(asked), [[2, 4], { done: false, value: 6 }]);
  await assert.rejects(pool.map([1], double).toArray(), { code: 'ERR_POOL_CLOSED' });
  await pool.close({ drain: false });
  await closing;
});

test('close without drain ends what runs and what waits, also when it comes behind a close with it', async () => {
  const closed = { name: 'BgworkerError', code: 'ERR_POOL_CLOSED' };
  const pool = make({ size: 1 });
  const file = traces.file();
  const answers = [outcomeOf(pool.run(runOn, file)), outcomeOf(pool.run(double, 1))];
  const pid = await traces.pid(file);
  const patient = pool.close();
  await pool.close({ drain: false });
  await patient;
  assert.ok(isGone(pid));
  assert.deepEqual(await Promise.all(answers), [closed, closed]);
  const starting = make({ name: 'closing' });
  const never = outcomeOf(starting.run(double, 1));
  await starting.close({ drain: false });
  assert.deepEqual(await never, closed);
  await make().close();
  const left = (await client.activity()).filter((row) => row.name === 'closing');
  assert.deepEqual(left, []);
});

test('close without drain waits for nobody who has stopped taking the results of a run', async () => {
  const pool = make();
  const results = pool.map([1, 2, 3], double)[Symbol.asyncIterator]();
  assert.equal((await results.next()).value, 2);
  await pool.close({ drain: false });
  assert.equal(pool.size, 0);
  await results.return?.();
});

test('a pool works with a fake postmaster, in the test’s own process', async () => {
  const fake = await createFakePostmaster();
  await using pool = createPool({ client: fake.client, size: 2 });
  assert.deepEqual(await Promise.all([1, 2, 3].map((number) => pool.run(double, number))), [2, 4, 6]);
  assert.equal(await pool.run(pidOf), process.pid);
  await assert.rejects(pool.run(fail, 'as ever'), RangeError);
});

test('what makes no sense is refused when the pool is made', () => {
  for (const wrong of [{ size: 0 }, { size: 1.5 }, { maxQueue: -1 }, { terminateTimeoutMs: -1 }]) {
    assert.throws(() => createPool(wrong), { code: 'ERR_INVALID_ARGUMENT' });
  }
});
