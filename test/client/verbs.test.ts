/**
 * Launching and running: what the verbs wait for, what they throw, and what becomes of a worker nobody wants any more.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serialize } from 'node:v8';
import type { Client } from '../../src/client/index.js';
import { WorkerError, WorkerStartError } from '../../src/client/index.js';
import { benchForEachTest } from './attach.js';
import { reasonOf, runningStatus, statusOf, stoppedStatus } from './fakePostmaster.js';

const bench = benchForEachTest();
const workers = new URL('./workers.js', import.meta.url);
type Workers = typeof import('./workers.js');

function typed(client: Client) {
  return client.module<Workers>(workers);
}

test('launch gives a handle whose worker has started', async () => {
  const client = await bench().attach();
  const launching = typed(client).launch('double', 1);
  const { connection, message } = await bench().postmaster.next('register');
  connection.registered(message.request, statusOf());
  connection.tell(runningStatus(1));
  const handle = await launching;
  assert.equal(handle.pid, 1001);
});

test('launch gives a handle with a pid even if the worker has already done all it had to do', async () => {
  const client = await bench().attach();
  const launching = typed(client).launch('double', 1);
  const { connection, message } = await bench().postmaster.next('register');
  const reason = reasonOf({ kind: 'returned' });
  const result = { state: 'bytes', bytes: new Uint8Array(serialize(2)) } as const;
  connection.registered(message.request, stoppedStatus(3, 1, { final: true, reason, result }));
  const handle = await launching;
  assert.equal(handle.pid, 1001);
  assert.equal(await handle.result(), 2);
});

test('launch throws what, why, where and the last output when the function was never entered', async () => {
  const client = await bench().attach();
  const launching = typed(client).launch('double', 1);
  const { connection, message } = await bench().postmaster.next('register');
  connection.registered(message.request, statusOf());
  const reason = reasonOf({ kind: 'diedBeforeRunning', phase: 'loading', code: 7, enteredAt: null });
  connection.tell(stoppedStatus(1, 1, { final: true, reason }));
  await assert.rejects(launching, (error) => {
    assert.ok(error instanceof WorkerStartError);
    assert.match(error.message, /"w" could not be started: it ended while its module was loading \(code 7\)/);
    assert.match(error.message, /workers\.js \(process 1001, attempt 1, phase loading\)/);
    assert.match(error.message, /the last words/);
    assert.equal(error.reason.kind, 'diedBeforeRunning');
    assert.equal(error.willRestart, false);
    return true;
  });
});

test('a launch that is given up terminates the worker, whose handle nobody would have', async () => {
  const client = await bench().attach();
  const controller = new AbortController();
  const launching = typed(client).launch('double', 1, { signal: controller.signal });
  const { connection, message } = await bench().postmaster.next('register');
  connection.registered(message.request, statusOf());
  const watching = client.handle(`${client.epoch}:0:1`);
  const watch = await bench().postmaster.next('watch');
  watch.connection.tell(statusOf(), { type: 'status', request: watch.message.request });
  await watching;
  controller.abort(new Error('enough'));
  const order = await bench().postmaster.next('terminate');
  connection.tell(statusOf(), { type: 'status', request: order.message.request });
  await assert.rejects(launching, /enough/);
});

test('run gives the result; its worker is tied to this client', async () => {
  const client = await bench().attach();
  const running = typed(client).run('double', 21, { maxRunMs: 1_000 });
  const { connection, message } = await bench().postmaster.next('register');
  assert.equal(message.worker.lifetime, 'client');
  assert.equal(message.worker.maxRunMs, 1_000);
  connection.registered(message.request, statusOf());
  const result = { state: 'bytes', bytes: new Uint8Array(serialize(42)) } as const;
  connection.tell(stoppedStatus(3, 1, { final: true, reason: reasonOf({ kind: 'returned' }), result }));
  assert.equal(await running, 42);
});

test('run throws why there is no result', async () => {
  const client = await bench().attach();
  const running = typed(client).run('double', 21, { maxRunMs: 1 });
  const { connection, message } = await bench().postmaster.next('register');
  connection.registered(message.request, statusOf());
  const reason = { ...reasonOf(), kind: 'ranTooLong', maxRunMs: 1, escalated: false } as const;
  connection.tell(stoppedStatus(3, 1, { final: true, reason }));
  await assert.rejects(running, (error) => {
    assert.ok(error instanceof WorkerError);
    assert.equal(error.reason.kind, 'ranTooLong');
    assert.match(error.message, /ran longer than 1 ms/);
    return true;
  });
});

test('an aborted run rejects with the reason when the worker is gone, and not before', async () => {
  const client = await bench().attach();
  const controller = new AbortController();
  let isOver = false;
  const running = typed(client).run('double', 1, { signal: controller.signal });
  running
    .catch(() => {})
    .finally(() => {
      isOver = true;
    });
  const { connection, message } = await bench().postmaster.next('register');
  controller.abort(new Error('enough'));
  connection.registered(message.request, runningStatus(1));
  const order = await bench().postmaster.next('terminate');
  connection.tell(runningStatus(1), { type: 'status', request: order.message.request });
  const asking = client.activity();
  const activity = await bench().postmaster.next('activity');
  connection.send({
    type: 'activity',
    request: activity.message.request,
    now: 0,
    epoch: client.epoch,
    pid: 1,
    rows: [],
    next: null,
  });
  await asking;
  assert.equal(isOver, false);
  connection.tell(stoppedStatus(2, 1, { final: true }));
  await assert.rejects(running, /enough/);
});

test('nothing is registered for a signal that has aborted', async () => {
  const client = await bench().attach();
  const signal = AbortSignal.abort(new Error('enough'));
  for (const verb of ['register', 'tryRegister', 'launch', 'run'] as const) {
    await assert.rejects(client.module(workers)[verb]('double', 1, { signal }), /enough/);
  }
  assert.deepEqual(bench().postmaster.heard, []);
});
