/**
 * What a handle answers: from what it was told, by waiting, and by asking; whatever was told in one chunk, late, or not
 * at all. R-API-1 to R-API-51 of PostgreSQL, and where we differ.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackgroundWorkerHandle, WorkerEvent } from '../../src/client/index.js';
import type { StopReason, WorkerStatus } from '../../src/core/index.js';
import { benchForEachTest, settled } from './attach.js';
import { reasonOf, runningStatus, statusOf, stoppedStatus } from './fakePostmaster.js';

const bench = benchForEachTest();

const forked: WorkerStatus = statusOf({ sequence: 1, phase: 'forked', pid: 1001, attempts: 1 });

/** Whether a promise is still pending when everything that is ready has run. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  await new Promise(setImmediate);
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending;
}

test('the last told is there without waiting', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  assert.deepEqual(
    [handle.status, handle.pid, handle.phase, handle.reason, handle.attempts, handle.name],
    ['notYetStarted', null, null, null, 0, 'w'],
  );
  connection.tell(runningStatus(1));
  await handle.waitForStartup();
  assert.deepEqual([handle.status, handle.pid, handle.phase, handle.attempts], ['started', 1001, 'running', 1]);
  connection.tell(stoppedStatus(2, 1, { final: true }));
  await handle.waitForShutdown();
  assert.equal(handle.status, 'stopped');
  assert.equal(handle.phase, null);
  assert.equal(handle.reason?.kind, 'exited');
  assert.ok(handle.reason.stoppedAt instanceof Date);
  // Like ChildProcess.pid, it stays.
  assert.equal(handle.pid, 1001);
});

test('R-API-11: started already, or stopped already, is answered at once', async () => {
  const { handle } = await bench().attachWithHandle(runningStatus(4, 2));
  assert.deepEqual(await handle.waitForStartup(), { status: 'started', pid: 1002 });
  const { handle: ended } = await bench().attachWithHandle(stoppedStatus(4, 2, { slot: 1, final: true }));
  const answer = await ended.waitForStartup();
  assert.equal(answer.status, 'stopped');
  assert.equal(answer.status === 'stopped' && answer.willRestart, false);
});

test('words that only a newer postmaster knows are shown as they came, and a wait goes by what is known', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  const startup = handle.waitForStartup();
  const readiness = handle.waitForStartup({ until: 'ready' });
  const newer = { phase: 'warmingUp', pid: 1001, attempts: 1 } as object;
  connection.tell(statusOf({ ...newer, sequence: 1 }));
  assert.equal(await isPending(startup), true);
  connection.tell(statusOf({ ...newer, sequence: 2, status: 'started' }));
  assert.deepEqual(await startup, { status: 'started', pid: 1001 });
  assert.equal(await isPending(readiness), true);
  assert.equal(handle.phase, 'warmingUp');
  const reason = { ...reasonOf(), kind: 'struckByLightning', phase: 'warmingUp' } as unknown as StopReason;
  connection.tell(stoppedStatus(3, 1, { final: true, reason, status: 'evaporated' as 'stopped' }));
  await handle.waitForShutdown();
  assert.deepEqual(
    [handle.status, handle.reason?.kind, handle.reason?.phase],
    ['evaporated', 'struckByLightning', 'warmingUp'],
  );
  await assert.rejects(handle.result(), { code: 'ERR_WORKER_FAILED', message: /struckByLightning/ });
  await readiness;
});

for (const [until, seen] of [
  ['forked', forked],
  ['running', runningStatus(2)],
  ['ready', runningStatus(3, 1, { phase: 'ready' })],
] as const) {
  test(`until ${until}, a startup is answered when the worker has come so far, and not before`, async () => {
    const { handle, connection } = await bench().attachWithHandle();
    const startup = handle.waitForStartup({ until });
    for (const status of [forked, runningStatus(2), runningStatus(3, 1, { phase: 'ready' })]) {
      if (status.sequence === seen.sequence) break;
      connection.tell(status);
      await settled(handle, bench(), status);
      assert.ok(await isPending(startup), `${status.phase} is not ${until}`);
    }
    connection.tell(seen);
    assert.deepEqual(await startup, { status: 'started', pid: 1001 });
  });
}

test('a start and a death in one chunk: the wait saw the start', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  const startup = handle.waitForStartup();
  connection.tell(runningStatus(1));
  connection.tell(stoppedStatus(2, 1, { final: true }));
  assert.deepEqual(await startup, { status: 'started', pid: 1001 });
});

test('a death whose start was not told answers stopped, and its reason says how far it had come (R-API-13)', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  const startup = handle.waitForStartup();
  connection.tell(stoppedStatus(3, 1, { final: true, reason: reasonOf({ kind: 'returned', code: 0 }) }));
  const answer = await startup;
  assert.equal(answer.status === 'stopped' && answer.reason.kind, 'returned');
  assert.ok(answer.status === 'stopped' && answer.reason.enteredAt instanceof Date);
});

test('R-PM-23, fixed: an attempt that failed answers, with when the next one is due', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  const startup = handle.waitForStartup();
  const retryAt = performance.now() + 2_000;
  connection.tell(stoppedStatus(1, 1, { retryAt }));
  const answer = await startup;
  assert.ok(answer.status === 'stopped');
  assert.equal(answer.willRestart, true);
  assert.ok(answer.retryAt !== null && Math.abs(answer.retryAt.getTime() - Date.now() - 2_000) < 500);
});

test('each attempt is answered for once, and then the next one is waited for', async () => {
  const { handle, connection } = await bench().attachWithHandle(stoppedStatus(2, 1));
  const first = await handle.waitForStartup();
  assert.equal(first.status === 'stopped' && first.reason.attempt, 1);
  const second = handle.waitForStartup();
  assert.ok(await isPending(second));
  connection.tell(runningStatus(3, 2));
  assert.deepEqual(await second, { status: 'started', pid: 1002 });
  connection.tell(stoppedStatus(4, 2));
  const death = await handle.waitForShutdown({ until: 'nextDeath' });
  assert.equal(death.status === 'stopped' && death.reason.attempt, 2);
  const third = handle.waitForStartup();
  assert.ok(await isPending(third), 'a wait for the shutdown has answered for attempt 2');
  connection.tell(runningStatus(5, 3));
  assert.deepEqual(await third, { status: 'started', pid: 1003 });
});

test('another handle of the same worker has its own place', async () => {
  const { client, handle } = await bench().attachWithHandle(stoppedStatus(2, 1));
  assert.equal((await handle.waitForStartup()).status, 'stopped');
  const other = await client.handle(String(handle));
  assert.equal((await other.waitForStartup()).status, 'stopped');
});

test('a wait does not outlive its attempt when news were missed', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  const startup = handle.waitForStartup({ until: 'ready' });
  connection.tell(
    statusOf({ ...forked, sequence: 9, attempts: 3, deaths: 2, status: 'stopped', reason: reasonOf({ attempt: 2 }) }),
  );
  const answer = await startup;
  assert.ok(answer.status === 'stopped');
  assert.equal(answer.reason.attempt, 2);
  assert.equal(answer.willRestart, true);
  assert.equal(answer.retryAt, null);
});

test('R-API-22, fixed: a death that a quick restart hid is not missed', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  connection.tell(runningStatus(1));
  assert.equal((await handle.waitForStartup()).status, 'started');
  connection.tell(runningStatus(3, 2));
  await settled(handle, bench(), runningStatus(3, 2));
  const death = await handle.waitForShutdown({ until: 'nextDeath' });
  assert.equal(death.status === 'stopped' && death.reason.attempt, 1);
  assert.equal(death.status === 'stopped' && death.willRestart, true);
  const next = handle.waitForShutdown({ until: 'nextDeath' });
  assert.ok(await isPending(next));
  connection.tell(stoppedStatus(4, 2, { final: true }));
  assert.equal((await next).status, 'stopped');
});

test('the end is waited for through every death', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  const shutdown = handle.waitForShutdown();
  for (const status of [runningStatus(1), stoppedStatus(2, 1), runningStatus(3, 2)]) connection.tell(status);
  await settled(handle, bench(), runningStatus(3, 2));
  assert.ok(await isPending(shutdown));
  connection.tell(stoppedStatus(4, 2, { final: true, reason: reasonOf({ kind: 'returned', attempt: 2 }) }));
  const answer = await shutdown;
  assert.equal(answer.status === 'stopped' && answer.reason.kind, 'returned');
});

test('the last word is the last: what comes behind it changes nothing', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  connection.tell(stoppedStatus(2, 1, { final: true }));
  connection.tell(runningStatus(3, 2));
  assert.equal((await handle.waitForShutdown()).status, 'stopped');
  assert.equal((await handle.waitForStartup()).status, 'stopped');
  assert.equal(handle.status, 'stopped');
});

test('what is told late is not believed', async () => {
  const { handle, connection } = await bench().attachWithHandle(runningStatus(5));
  connection.tell(forked);
  await settled(handle, bench(), runningStatus(5));
  assert.equal(handle.status, 'started');
});

test('getPid asks, and sees a phase that nobody is notified of', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  const asking = handle.getPid();
  const { message } = await bench().postmaster.next('status');
  connection.tell(statusOf({ ...forked, sequence: 0, phase: 'loading' }), { type: 'status', request: message.request });
  assert.deepEqual(await asking, { status: 'notYetStarted', pid: null });
  assert.equal(handle.phase, 'loading');
});

test('an abort ends the wait with its reason, says nothing about the worker and leaves nothing behind', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  const reason = new Error('enough');
  const controller = new AbortController();
  const { signal } = controller;
  const waits = [
    handle.waitForStartup({ signal }),
    handle.waitForShutdown({ signal }),
    handle.result({ signal }),
    handle.getPid({ signal }),
  ];
  controller.abort(reason);
  for (const wait of waits) await assert.rejects(wait, reason);
  await assert.rejects(handle.waitForStartup({ signal }), reason);
  connection.tell(runningStatus(1));
  assert.deepEqual(await handle.waitForStartup(), { status: 'started', pid: 1001 });
});

test('a wrong word for until is refused', async () => {
  const { handle } = await bench().attachWithHandle();
  await assert.rejects(handle.waitForStartup({ until: 'up' as never }), { code: 'ERR_INVALID_ARGUMENT' });
  await assert.rejects(handle.waitForShutdown({ until: 'up' as never }), { code: 'ERR_INVALID_ARGUMENT' });
  await assert.rejects(handle.terminate({ timeoutMs: -1 }), { code: 'ERR_INVALID_ARGUMENT' });
});

test('terminate resolves when the order is taken, and needs none for a worker that has ended (R-API-31)', async () => {
  const { handle, connection } = await bench().attachWithHandle(runningStatus(1));
  const terminating = handle.terminate({ timeoutMs: 7 });
  const { message } = await bench().postmaster.next('terminate');
  assert.equal(message.timeoutMs, 7);
  connection.tell(runningStatus(1), { type: 'status', request: message.request });
  await terminating;
  // R-API-32: the status is what it was until the worker has gone.
  assert.equal(handle.status, 'started');
  connection.tell(stoppedStatus(2, 1, { final: true }));
  await handle.waitForShutdown();
  await handle.terminate();
  assert.deepEqual(bench().postmaster.heard, []);
});

test('a restart whose answer was lost is not ordered twice when the worker has died since', async () => {
  const { handle, connection } = await bench().attachWithHandle(runningStatus(1));
  const restarting = handle.restart();
  await bench().postmaster.next('restart');
  connection.cut();
  const asked = await bench().postmaster.next('status');
  asked.connection.tell(runningStatus(4, 2), { type: 'status', request: asked.message.request });
  await restarting;
  assert.equal(
    bench().postmaster.heard.some(({ message }) => message.type === 'restart'),
    false,
  );
});

test('a restart whose order was lost is ordered again', async () => {
  const { handle, connection } = await bench().attachWithHandle(runningStatus(1));
  const restarting = handle.restart();
  await bench().postmaster.next('restart');
  connection.cut();
  const asked = await bench().postmaster.next('status');
  asked.connection.tell(runningStatus(1), { type: 'status', request: asked.message.request });
  const again = await bench().postmaster.next('restart');
  again.connection.tell(runningStatus(1), { type: 'status', request: again.message.request });
  await restarting;
});

async function read(handle: BackgroundWorkerHandle): Promise<WorkerEvent[]> {
  const events: WorkerEvent[] = [];
  for await (const event of handle) events.push(event);
  return events;
}

test('the iterator begins with the present state, gives every event and ends behind the last word', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  const reading = read(handle);
  for (const status of [forked, runningStatus(2), stoppedStatus(3, 1), runningStatus(4, 2)]) connection.tell(status);
  connection.tell(stoppedStatus(5, 2, { final: true }));
  const events = await reading;
  assert.deepEqual(
    events.map(({ status, phase, attempts, deaths, missed, final }) => [
      status,
      phase,
      attempts,
      deaths,
      missed,
      final,
    ]),
    [
      ['notYetStarted', null, 0, 0, 0, false],
      ['notYetStarted', 'forked', 1, 0, 0, false],
      ['started', 'running', 1, 0, 0, false],
      ['stopped', null, 1, 1, 0, false],
      ['started', 'running', 2, 1, 0, false],
      ['stopped', null, 2, 2, 0, true],
    ],
  );
  assert.equal(events.at(-1)?.handle, String(handle));
  assert.deepEqual(
    (await read(handle)).map(({ final }) => final),
    [true],
  );
});

test('a gap in what was told is counted', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  const reading = read(handle);
  connection.tell(runningStatus(2));
  connection.tell(stoppedStatus(7, 3, { final: true }));
  assert.deepEqual(
    (await reading).map(({ missed }) => missed),
    [0, 1, 4],
  );
});

test('the last event of a worker whose postmaster died says so', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  connection.tell(runningStatus(1));
  await handle.waitForStartup();
  const reading = read(handle);
  bench().postmaster.die();
  assert.deepEqual(
    (await reading).map(({ status }) => status),
    ['started', 'postmasterDied'],
  );
});

test('leaving the loop ends the reading, and a signal throws its reason', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  for await (const event of handle) if (event.status === 'notYetStarted') break;
  const controller = new AbortController();
  const reading = (async () => {
    for await (const event of handle.events({ signal: controller.signal }))
      if (event.status === 'started') controller.abort(new Error('enough'));
  })();
  connection.tell(runningStatus(1));
  await assert.rejects(reading, /enough/);
});

test('progress is what the worker said last', async () => {
  const { handle, connection } = await bench().attachWithHandle(runningStatus(1));
  assert.equal(handle.progress, null);
  connection.send({ type: 'progress', slot: 0, generation: 1, done: 1, total: 4 });
  connection.send({ type: 'progress', slot: 0, generation: 1, done: 2, total: 4 });
  await settled(handle, bench(), runningStatus(1));
  assert.deepEqual(handle.progress, { done: 2, total: 4 });
});

test('disposing a handle terminates its worker and waits until it is gone', async () => {
  const { handle, connection } = await bench().attachWithHandle(runningStatus(1));
  const disposing = handle[Symbol.asyncDispose]();
  const { message } = await bench().postmaster.next('terminate');
  connection.tell(runningStatus(1), { type: 'status', request: message.request });
  assert.ok(await isPending(disposing));
  connection.tell(stoppedStatus(2, 1, { final: true }));
  await disposing;
});

test('a status that arrives byte by byte, or many in one chunk, is the same', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  const { encodeStatus } = await import('../../src/protocol/index.js');
  const bytes = [forked, runningStatus(2)].map((status) => encodeStatus(status, 0, { type: 'notify' }));
  const startup = handle.waitForStartup();
  await connection.trickle(Buffer.concat(bytes));
  assert.deepEqual(await startup, { status: 'started', pid: 1001 });
});

test('an instant is the same whenever it is looked at', async (t) => {
  const { handle, connection } = await bench().attachWithHandle();
  const stoppedAt = performance.now() - 5_000;
  connection.tell(stoppedStatus(1, 1, { final: true, reason: reasonOf({ stoppedAt }) }));
  await handle.waitForShutdown();
  const expected = Date.now() - 5_000;
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_600_000 });
  assert.ok(Math.abs(Number(handle.reason?.stoppedAt) - expected) < 1_000);
});
