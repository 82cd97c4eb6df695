/** Parallel contexts as they should go: memory, launch after launch, and any number of workers down to none. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { TableOfContents } from '../../src/dsm/index.js';
import { AtomicCounter, listSegments } from '../../src/dsm/index.js';
import type { Client } from '../../src/index.js';
import { ParallelContext } from '../../src/parallel/index.js';
import { root } from '../process/support/fixtures.js';
import { untilAsked } from '../process/support/patience.js';
import { areGone, exactly, startRoom, workerPids } from './contextRoom.js';
import { addNumber, checkArgument, lead, loseMemoryLater, nothing, tellProgress } from './contextWorkers.js';

let client: Client;
before(async () => {
  client = await startRoom({ classes: { few: { max: 2, reserved: 0 }, none: { max: 0, reserved: 0 } } });
});
after(() => client.close());

function putSum(contents: TableOfContents): AtomicCounter {
  const chunk = contents.allocate(AtomicCounter.sizeFor());
  const counter = AtomicCounter.create(chunk);
  contents.insert('sum', chunk);
  return counter;
}

function makeAdder(
  ...[options]: ConstructorParameters<typeof ParallelContext<number>> extends [unknown, (infer O)?] ? [O] : never
) {
  const context = new ParallelContext(addNumber, options);
  context.estimator.addChunk(AtomicCounter.sizeFor()).addKeys(1);
  return context;
}

test('R-PAR-5, R-PAR-6: all workers run the entry point once over what they share, registered as parallel workers', async () => {
  await using context = makeAdder({ ...exactly(2, client), name: undefined });
  const sum = putSum(await context.initialize());
  assert.equal(await context.launch(10), 2);
  await context.waitToAttach();
  const rows = (await client.activity()).filter(({ type }) => type === 'parallel worker');
  const about = ({ name, class: className }: (typeof rows)[number]) => ({ name, className });
  const expected = { name: `parallel worker for PID ${process.pid}`, className: 'parallel' };
  assert.deepEqual(rows.map(about), [expected, expected]);
  const reports = await context.waitToFinish();
  assert.equal(sum.load(), 30);
  assert.deepEqual(
    reports.map(({ number, rows: count }) => ({ number, count })),
    [0, 1].map((number) => ({ number, count: 0 })),
  );
  assert.deepEqual(new Set(reports.map(({ pid }) => pid)), new Set(rows.map(({ pid }) => pid)));
});

test('R-PAR-25: whoever waits while a launch is under way waits for all that it launches', async () => {
  await using context = makeAdder(exactly(2, client));
  const sum = putSum(await context.initialize());
  const launching = context.launch(1);
  assert.equal((await context.waitToFinish()).length, 2);
  assert.equal(sum.load(), 3);
  assert.equal(await launching, 2);
});

for (const [className, count] of [
  ['few', 2],
  ['none', 0],
] as const) {
  test(`F-76: of three planned workers ${count} are launched where there are ${count} slots, which is no error`, async () => {
    await using context = makeAdder({ ...exactly(3, client), worker: { class: className } });
    const sum = putSum(await context.initialize());
    assert.equal(await context.launch(1), count);
    assert.equal((await context.waitToFinish()).length, count);
    assert.equal(sum.load(), [0, 1, 3][count]);
    assert.equal(context.workersPlanned, 3);
    assert.equal(context.workersLaunched, count);
    assert.match(context.whyFewer ?? '', new RegExp(`\\b${className}\\b`));
  });
}

test('R-PAR-10, R-PAR-22: workers of one launch are those of the next; dead ones are replaced, and those that are too many are let go', async () => {
  await using context = makeAdder(exactly(2, client));
  const sum = putSum(await context.initialize());
  const runOnce = async () => {
    await context.launch(1);
    return (await context.waitToFinish()).map(({ pid }) => pid ?? 0);
  };
  const first = await runOnce();
  await context.reinitialize();
  assert.deepEqual(await runOnce(), first);
  const [victim = 0, survivor = 0] = first;
  process.kill(victim, 'SIGKILL');
  await untilAsked(async () => !(await workerPids(client)).includes(victim), 'it is dead');
  await context.reinitialize();
  const [replaced = 0, kept] = await runOnce();
  assert.notEqual(replaced, victim);
  assert.equal(kept, survivor);
  await context.reinitialize({ workers: 1 });
  assert.ok(areGone([survivor]));
  assert.deepEqual(await runOnce(), [replaced]);
  assert.equal(sum.load(), 3 + 3 + 3 + 1);
});

test('an idle worker whose memory is lost ends by itself, and fails nobody', async () => {
  await using context = new ParallelContext(loseMemoryLater, exactly(1, client));
  await context.initialize();
  await context.launch();
  await context.waitToFinish();
  await untilAsked(async () => (await workerPids(client)).length === 0, 'it has ended');
  await context.reinitialize();
  await context.launch();
  assert.equal((await context.waitToFinish()).length, 1);
});

test('R-PAR-25: a worker that leads is seen waiting for its workers, which end with it', async () => {
  const leader = await client.launch(lead, undefined, { until: 'ready', terminateTimeoutMs: 0 });
  await untilAsked(async () => {
    const row = (await client.activity()).find(({ handle }) => handle === leader.id);
    return row?.waitEvent === 'ParallelFinish';
  }, 'it is seen waiting');
  assert.equal((await workerPids(client)).length, 1);
  await leader.terminate();
  await untilAsked(async () => (await workerPids(client)).length === 0, 'its worker is gone');
  await untilAsked(async () => (await listSegments({ client })).length === 0, 'its memory is given back');
});

test('an argument of any length reaches workers that are there and those that are still to come', async () => {
  await using context = new ParallelContext(checkArgument, exactly(1, client));
  await context.initialize();
  for (let round = 0; round < 2; round++) {
    await context.launch({ bytes: new Uint8Array(200_000).fill(7), at: new Date(5) });
    await context.waitToFinish();
    await context.reinitialize();
  }
});

test('R-PAR-13, R-PAR-20: what workers say of their progress comes to the leader, the last of it before their end', async () => {
  await using context = new ParallelContext(tellProgress, exactly(1, client));
  const told: unknown[] = [];
  context.onProgress((number, progress) => told.push({ number, ...progress }));
  await context.initialize();
  await context.launch();
  await context.waitToFinish();
  assert.deepEqual(told, [
    { number: 0, done: 1, total: 3 },
    { number: 0, done: 2, total: 3 },
  ]);
});

test('R-PAR-2: without workers the memory is private, and no postmaster is needed', async () => {
  await using context = makeAdder({ workers: 0, debugParallel: false });
  const sum = putSum(await context.initialize());
  assert.equal(await context.launch(1), 0);
  await context.waitToAttach();
  assert.deepEqual(await context.waitToFinish(), []);
  assert.equal(sum.load(), 0);
  assert.equal(context.segment, null);
  assert.equal(context.whyFewer, null);
  await context.destroy();
  assert.throws(() => sum.load(), { code: 'ERR_SEGMENT_DETACHED' });
});

test('R-PAR-2: where there are too many segments it goes on without workers, and says why', async () => {
  await client.reload({ maxSegments: 0 });
  try {
    await using context = makeAdder(exactly(2, client));
    const sum = putSum(await context.initialize());
    assert.equal(await context.launch(1), 0);
    await context.waitToFinish();
    assert.equal(sum.load(), 0);
    assert.match(context.whyFewer ?? '', /segment/);
  } finally {
    await client.reload({ maxSegments: 100 });
  }
});

test('R-PAR-2: memory that cannot be so large is an error', async () => {
  await using context = new ParallelContext(nothing, exactly(1, client));
  context.estimator.addChunk(2 ** 33);
  await assert.rejects(context.initialize(), { code: 'ERR_SEGMENT_TOO_LARGE' });
});

test('R-PAR-2: without the package koffi it goes on without workers and without a postmaster', () => {
  const program = fileURLToPath(new URL('./contextProgram.js', import.meta.url));
  const words = ['--require', `${root}test/fixtures/dsm/withoutKoffi.cjs`, program, 'alone'];
  const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  assert.equal(stdout, '0 shared memory needs the package koffi\n', stderr);
});

test('debugParallel plans a worker where none was wanted', () => {
  assert.equal(new ParallelContext(nothing, { workers: 0, debugParallel: true }).workersPlanned, 1);
  assert.equal(new ParallelContext(nothing, { workers: 0, debugParallel: false }).workersPlanned, 0);
});

test('a step that is not its turn is refused, and changes nothing', async () => {
  const outOfTurn = { code: 'ERR_PARALLEL_CONTEXT_STATE' };
  await using context = new ParallelContext(nothing, exactly(1, client));
  assert.throws(() => context.contents, outOfTurn);
  await assert.rejects(context.launch(), outOfTurn);
  await assert.rejects(context.waitToFinish(), outOfTurn);
  const initializing = context.initialize();
  await assert.rejects(context.initialize(), outOfTurn);
  await initializing;
  const launching = context.launch();
  await assert.rejects(context.launch(), outOfTurn);
  await launching;
  await assert.rejects(context.launch(), outOfTurn);
  assert.equal((await context.waitToFinish()).length, 1);
});

test('what is no entry point, no number of workers and no argument is refused before anything is made', async () => {
  const invalid = { code: 'ERR_INVALID_ARGUMENT' };
  assert.throws(() => new ParallelContext((() => {}) as never), invalid);
  assert.throws(() => new ParallelContext(nothing, { workers: -1 }), invalid);
  assert.throws(() => new ParallelContext(nothing, { workers: 1025 }), invalid);
  assert.throws(() => new ParallelContext(nothing, { terminateTimeoutMs: -1 }), invalid);
  await using context = new ParallelContext<unknown>(nothing as never, exactly(1, client));
  await context.initialize();
  await assert.rejects(context.launch({ call: () => {} }), { code: 'ERR_NOT_SERIALIZABLE', detail: /^arg\.call/ });
  assert.equal(await context.launch({}), 1);
});

test('R-PAR-27: destroyed, nothing of it is left: no worker, no segment', async () => {
  assert.deepEqual(await workerPids(client), []);
  assert.deepEqual(await listSegments({ client }), []);
});
