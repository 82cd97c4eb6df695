/** How a gather ends before its last row: somebody leaves the loop, something fails, it is called off, somebody dies. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { after, before, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { AtomicCounter, listSegments } from '../../src/dsm/index.js';
import type { Client } from '../../src/index.js';
import type { GatherRun } from '../../src/parallel/index.js';
import { Gather, gather, ParallelWorkerError } from '../../src/parallel/index.js';
import { untilGone } from '../postmaster/processState.js';
import { untilAsked } from '../process/support/patience.js';
import { areGone, exactly, startRoom, workerPids } from './contextRoom.js';
import type { Act } from './gatherPlans.js';
import { act, gate } from './gatherPlans.js';

let client: Client;
/** Two workers without the leader, and a counter of plans that were ended. */
let pair: Gather<Act, unknown>;
let tidied: AtomicCounter;

before(async () => {
  client = await startRoom({ preload: [new URL('../../src/parallel/gatherMain.js', import.meta.url).href] });
  pair = new Gather(act, {
    ...exactly(2, client),
    leaderParticipation: false,
    scan: { blocks: 2 ** 40 },
    share: {
      estimate: (estimator) => estimator.addChunk(AtomicCounter.sizeFor()).addKeys(1),
      fill: (contents) => {
        const chunk = contents.allocate(AtomicCounter.sizeFor());
        tidied = AtomicCounter.create(chunk);
        contents.insert('tidied', chunk);
      },
      refill: () => tidied.store(0),
    },
  });
});
after(async () => {
  await pair.end();
  await client.close();
});

function pidsOf(run: GatherRun<unknown>): number[] {
  return run.explain().participants.flatMap(({ pid }) => (pid === null || pid === process.pid ? [] : pid));
}

/** What the loop throws, when everybody is gone by then. */
async function failureOf(run: GatherRun<unknown>): Promise<Error & { readonly [field: string]: unknown }> {
  const error = await run.toArray().then(
    () => assert.fail('nothing was thrown'),
    (thrown) => thrown,
  );
  assert.ok(areGone(pidsOf(run)), 'all are gone before it is told');
  return error;
}

for (const [what, when] of [
  ['endless', 'has more rows'],
  ['awaits', 'awaits something'],
  ['searches', 'finds no more'],
] as const) {
  test(`R-GA-4, R-GA-6, P-27: leaving the loop ends the plan of a worker that ${when}, quietly, and the worker stays`, async () => {
    const run = pair.rows([what]);
    let count = 0;
    for await (const _row of run) {
      count += 1;
      if (count === 1) break;
    }
    assert.equal(tidied.load(), 2);
    const pids = pidsOf(run);
    assert.equal(pids.length, 2);
    assert.ok(!areGone(pids));
    assert.deepEqual(await run.next(), { done: true, value: undefined });
    const again = pair.rows(['some', 1]);
    assert.equal((await again.toArray()).length, 2);
    assert.deepEqual(pidsOf(again), pids);
  });
}

test('leaving the loop waits for a plan that looks at no signal, in a worker or the leader, until an abort ends that', async () => {
  for (const workers of [0, 1]) {
    const aborter = new AbortController();
    const run = gather(act, ['hangs'], {
      ...exactly(workers, client),
      leaderParticipation: false,
      signal: aborter.signal,
    });
    await run.next();
    // The leader's plan is asked for its next row.
    const next = assert.rejects(run.next(), /enough/);
    const left = assert.rejects(run.return(), /enough/);
    aborter.abort(new Error('enough'));
    await Promise.all([left, next]);
    assert.ok(areGone(pidsOf(run)));
  }
});

test('leaving the loop of a gather for one run leaves no process and no memory', async () => {
  const before = (await listSegments({ client })).length;
  const run = gather(act, ['endless'], { ...exactly(1, client), leaderParticipation: false });
  await assert.rejects(async () => {
    for await (const _row of run) throw new Error('of the loop');
  }, /of the loop/);
  assert.ok(areGone(pidsOf(run)));
  assert.equal((await listSegments({ client })).length, before);
});

test('F-77, R-PAR-21: what a worker throws is thrown by the loop as it was, when all workers are gone', async () => {
  const error = await failureOf(pair.rows(['throws']));
  const { name, message, code, where } = error;
  assert.deepEqual(
    { name, message, code, where },
    {
      name: 'RangeError',
      message: 'it went wrong',
      code: 'E_TROUBLE',
      where: { line: 7 },
    },
  );
  assert.match(error.stack ?? '', /gatherPlans\.js.*\n {4}in parallel worker 0 \(pid \d+\)$/s);
  // The next run has new workers.
  assert.equal((await pair.rows(['some', 1]).toArray()).length, 2);
});

test('P-27: an error that is longer than the error queue comes whole', async () => {
  const run = gather(act, ['throwsMuch'], { ...exactly(1, client), leaderParticipation: false });
  assert.equal((await failureOf(run)).message.length, 30_000);
});

test('F-77: a worker that exits or is killed is lost, however much it has sent', async () => {
  for (const [what, kind] of [
    ['exits', 'exitedWithoutReturning'],
    ['isKilled', 'signaled'],
  ] as const) {
    const error = await failureOf(gather(act, [what], { ...exactly(1, client), leaderParticipation: false }));
    assert.ok(error instanceof ParallelWorkerError);
    assert.deepEqual([error.code, error.reason.kind], ['ERR_PARALLEL_WORKER_LOST', kind]);
  }
});

test('F-77, R-GA-5: a worker that ends before it has attached looks like one without rows, until the end says otherwise', async () => {
  const worker = { execArgv: ['--import', 'data:text/javascript,process.exit(5)'] };
  const run = gather(act, ['some', 3], { ...exactly(1, client), worker });
  assert.deepEqual(await run.next(), { done: false, value: [-1, 0] });
  assert.equal((await failureOf(run))['code'], 'ERR_PARALLEL_WORKER_NOT_INITIALIZED');
});

test('R-GA-5: what a worker throws after the loop was left is thrown by leaving it', async () => {
  const run = gather(act, ['throwsLate'], { ...exactly(1, client), leaderParticipation: false });
  await run.next();
  await untilAsked(async () => run.progress !== null, 'the plan is beyond its row');
  await assert.rejects(run.return(), /too late, and heard all the same/);
  assert.ok(areGone(pidsOf(run)));
  assert.deepEqual(await run.return(), { done: true, value: undefined });
});

test('what cannot be sent fails the worker that has it; a plan that gives no rows fails, here in the leader', async () => {
  const run = gather(act, ['givesWhatCannotBeSent'], { ...exactly(1, client), leaderParticipation: false });
  assert.equal((await failureOf(run))['code'], 'ERR_NOT_SERIALIZABLE');
  await assert.rejects(gather(act, ['givesNothing'], exactly(0, client)).next(), { code: 'ERR_NO_ROWS' });
});

for (const what of ['givesWhatCannotBeSent', 'givesWhatCannotBeSentLater'] as const) {
  test(`a plan whose row cannot be sent is ended as by a loop that throws: ${what}`, async () => {
    const run = gather(act, [what], { ...exactly(1, client), leaderParticipation: false });
    assert.equal((await failureOf(run))['code'], 'ERR_NOT_SERIALIZABLE');
    assert.deepEqual(run.progress, { done: 7, total: null }, 'its `finally` has run');
  });
}

test('an argument that cannot be sent is named as its user knows it', async () => {
  const arg = ['some', () => {}] as unknown as Act;
  const run = gather(act, arg, { ...exactly(1, client), leaderParticipation: false });
  await assert.rejects(run.next(), { code: 'ERR_NOT_SERIALIZABLE', detail: /^arg\[1\] / });
});

test("R-GA-5: what the leader's plan has thrown is not lost when the loop is left before it is its turn", async () => {
  gate.shut();
  const run = gather(act, ['leaderThrows'], exactly(1, client));
  await run.next();
  gate.open();
  await gate.opened;
  await nextTurn();
  await assert.rejects(run.return(), /nobody was to miss this/);
});

test('a plan may be an iterator that answers without promises, in the leader as in a worker', async () => {
  for (const workers of [0, 1]) {
    const run = gather(act, ['handmade'], { ...exactly(workers, client), leaderParticipation: false });
    assert.deepEqual(await run.toArray(), [1, 2]);
  }
});

test('what onProgress throws ends the run, and a worker that does not end by itself is killed at once', async () => {
  const beganAt = performance.now();
  const onProgress = (): never => {
    throw new Error('of the listener');
  };
  const run = gather(act, ['tellsAndHangs'], { ...exactly(1, client), leaderParticipation: false, onProgress });
  assert.equal((await failureOf(run)).message, 'of the listener');
  assert.ok(performance.now() - beganAt < 4_000, 'it was given no time to end');
});

test('F-78: after an abort, how far it is stays as it was', async () => {
  const aborter = new AbortController();
  const run = gather(act, ['blocks'], { ...exactly(0, client), signal: aborter.signal, scan: { blocks: 2 ** 40 } });
  while ((run.progress?.done ?? 0) === 0) await run.next();
  const progress = run.progress;
  aborter.abort(new Error('enough'));
  // The memory is given back, and it is time to look how far it is.
  await nextTurn();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6);
  await assert.rejects(run.next(), /enough/);
  assert.deepEqual(run.progress, progress);
});

test("what the leader's plan throws ends the workers first", async () => {
  const others = await workerPids(client);
  const run = gather(act, ['throws', -1], exactly(1, client));
  assert.equal((await failureOf(run)).message, 'it went wrong');
  assert.deepEqual(await workerPids(client), others);
});

test('F-78: an abort ends a wait and a run between two rows; the workers are gone before it is told', async () => {
  for (const [what, isWaiting] of [
    ['awaits', true],
    ['endless', false],
  ] as const) {
    const aborter = new AbortController();
    const options = { ...exactly(1, client), signal: aborter.signal, leaderParticipation: false };
    const run = gather(act, [what], options);
    await run.next();
    const pids = pidsOf(run);
    const next = isWaiting ? run.next() : undefined;
    aborter.abort(new Error('enough'));
    await assert.rejects(next ?? run.toArray(), /enough/);
    assert.equal(pids.length, 1);
    assert.ok(areGone(pids));
    assert.equal(getEventListeners(aborter.signal, 'abort').length, 0);
  }
  const run = gather(act, ['endless'], { ...exactly(1, client), signal: AbortSignal.abort(new Error('before')) });
  await assert.rejects(run.next(), /before/);
});

test("what the leader's plan says after the end is told to nobody", async () => {
  gate.shut();
  const told: unknown[] = [];
  const aborter = new AbortController();
  const onProgress = (progress: unknown): unknown => told.push(progress);
  const run = gather(act, ['tellsOn'], { ...exactly(0, client), signal: aborter.signal, onProgress });
  await run.next();
  const next = assert.rejects(run.next(), /enough/);
  aborter.abort(new Error('enough'));
  await next;
  gate.open();
  await nextTurn();
  assert.deepEqual([told, run.progress], [[], null]);
});

test("F-78: an abort ends the leader's own plan, also while it awaits something", async () => {
  const aborter = new AbortController();
  const run = gather(act, ['awaits'], { ...exactly(0, client), signal: aborter.signal });
  await run.next();
  const next = run.next();
  aborter.abort(new Error('enough'));
  await assert.rejects(next, /enough/);
});

test('a gather that is ended fails the run that is open', async () => {
  const one = new Gather(act, { ...exactly(1, client), leaderParticipation: false });
  const run = one.rows(['awaits']);
  await run.next();
  const next = assert.rejects(run.next(), { code: 'ERR_GATHER_ENDED' });
  await one.end();
  await next;
  assert.ok(areGone(pidsOf(run)));
  await run[Symbol.asyncDispose]();
});

test('a run that may not begin disturbs nobody, and may begin when it is its turn', async () => {
  const first = pair.rows(['endless']);
  const second = pair.rows(['some', 1]);
  await first.next();
  await assert.rejects(second.next(), { code: 'ERR_GATHER_BUSY' });
  assert.equal((await first.next()).done, false);
  await first.return();
  assert.equal((await second.toArray()).length, 2);
});

test('F-78: when the leader is killed its workers end, though they have rows for it', async () => {
  const program = fileURLToPath(new URL('./gatherProgram.js', import.meta.url));
  const env = { ...process.env, BGWORKER_DIR: client.directory };
  const leader = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(leader.stdout, 'data')) as [Buffer];
  const pids = said.toString().split(' ').map(Number);
  assert.equal(pids.length, 1);
  leader.kill('SIGKILL');
  await untilGone(pids);
});

test('the death of the postmaster ends a wait for rows', async () => {
  const own = await startRoom({ spareWorkers: 0, postmasterDeathGraceMs: 0 });
  const run = gather(act, ['hangs'], { ...exactly(1, own), leaderParticipation: false });
  await run.next();
  const next = assert.rejects(run.next(), { code: 'ERR_POSTMASTER_DIED' });
  process.kill(own.postmasterPid, 'SIGKILL');
  await next;
});

/** Nobody has the run when this is over. */
async function forget(): Promise<void> {
  await gather(act, ['endless'], { ...exactly(1, client), leaderParticipation: false }).next();
}

test('R-PAR-1: a run that was begun and forgotten is ended when it is garbage, with a warning', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const others = await workerPids(client);
  const warning = once(process, 'warning');
  await forget();
  await untilAsked(async () => {
    collect();
    return (await workerPids(client)).length === others.length;
  }, 'its worker is gone');
  assert.match(String((await warning)[0]), /leaked parallel context/);
});

test('nothing is left when all this is over but the two workers that are warm', async () => {
  const run = pair.rows(['some', 1]);
  await run.toArray();
  assert.deepEqual((await workerPids(client)).sort(), pidsOf(run).sort());
});
