/**
 * The client: finding workers, hearing of everything, and giving orders to the postmaster.
 */
import assert from 'node:assert/strict';
import { subscribe as subscribeToChannel, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';
import type { Client } from '../../src/client/index.js';
import { benchForEachTest } from './attach.js';
import { newEpoch, runningStatus, statusOf, stoppedStatus } from './fakePostmaster.js';

const bench = benchForEachTest();
const workers = new URL('./workers.js', import.meta.url);
type Workers = typeof import('./workers.js');

function typed(client: Client) {
  return client.module<Workers>(workers);
}

test('handles: no handle, an unknown one, a stranger', async () => {
  const client = await bench().attach();
  await assert.rejects(client.handle('rubbish'), { code: 'ERR_INVALID_HANDLE' });
  await assert.rejects(client.handle('stranger:0:1'), { code: 'ERR_FOREIGN_HANDLE' });
  const finding = client.handle(`${client.epoch}:9:9`);
  const { connection, message } = await bench().postmaster.next('watch');
  const refusal = { code: 'ERR_UNKNOWN_WORKER', message: 'no such worker' } as const;
  connection.send({ type: 'refused', request: message.request, refusal });
  await assert.rejects(finding, { code: 'ERR_UNKNOWN_WORKER' });
});

test('the handle of a postmaster that is known to be dead says that it died', async () => {
  const { client, handle } = await bench().attachWithHandle(runningStatus(1));
  const close = client.waitForClose();
  bench().postmaster.die();
  await close;
  const found = await client.handle(String(handle));
  assert.equal(found.status, 'postmasterDied');
  assert.deepEqual(await found.waitForStartup(), { status: 'postmasterDied' });
  assert.deepEqual(await found.waitForShutdown(), { status: 'postmasterDied' });
  await assert.rejects(found.result(), { code: 'ERR_POSTMASTER_DIED' });
  await found.terminate();
});

test('the handle of a dead postmaster never reaches a worker of the living one (F-48)', async () => {
  const { client, handle } = await bench().attachWithHandle(runningStatus(1));
  const close = client.waitForClose();
  bench().postmaster.die();
  await close;
  bench().postmaster.stopListening();
  bench().postmaster.epoch = newEpoch();
  await bench().postmaster.listen();
  const successor = await bench().attach();
  const finding = successor.handle(`${successor.epoch}:0:1`);
  const { connection, message } = await bench().postmaster.next('watch');
  connection.tell(runningStatus(1), { type: 'status', request: message.request });
  await finding;
  const found = await successor.handle(String(handle));
  await found.terminate();
  assert.deepEqual(await found.getPid(), { status: 'postmasterDied', pid: null });
  await assert.rejects(found.restart(), { code: 'ERR_POSTMASTER_DIED' });
  await assert.rejects(found.channel.send(1), { code: 'ERR_CHANNEL_CLOSED' });
  assert.deepEqual(bench().postmaster.heard, []);
});

test('activity is what the postmaster sees, with dates', async () => {
  const client = await bench().attach();
  const asking = client.activity();
  const { connection, message } = await bench().postmaster.next('activity');
  const now = performance.now();
  const row = {
    ...{ slot: 0, generation: 1, name: 'w', type: 'w', class: 'default', module: 'file:///w.js', functionName: 'f' },
    ...({
      status: 'started',
      phase: 'running',
      state: 'running',
      pid: 1001,
      attempts: 1,
      deaths: 0,
      reason: null,
    } as const),
    ...{
      startedFrom: null,
      retryAt: null,
      forkedAt: now - 60_000,
      progress: { done: 1, total: null },
      waitEvent: null,
    },
  };
  connection.send({
    type: 'activity',
    request: message.request,
    now,
    epoch: client.epoch,
    pid: 1,
    rows: [row],
    next: null,
  });
  const [worker] = await asking;
  assert.equal(worker?.handle, `${client.epoch}:0:1`);
  assert.ok(Math.abs(Date.now() - 60_000 - (worker?.forkedAt?.getTime() ?? 0)) < 1_000);
});

test('a subscription hears of every worker, counts what it missed, and ends with the shutdown', async () => {
  const client = await bench().attach();
  const events = client.subscribe();
  const { connection, message } = await bench().postmaster.next('watchAll');
  connection.send({ type: 'done', request: message.request });
  connection.tell(runningStatus(1));
  connection.tell(statusOf({ slot: 1, name: 'other', sequence: 4 }));
  connection.tell(stoppedStatus(5, 1, { final: true }));
  connection.send({ type: 'goodbye', reason: 'shutdown', refusal: { code: 'ERR_SHUTDOWN', message: 'bye' } });
  const seen: unknown[] = [];
  for await (const event of events) seen.push([event.name, event.status, event.missed]);
  assert.deepEqual(seen, [
    ['w', 'started', 0],
    ['other', 'notYetStarted', 0],
    ['w', 'stopped', 3],
  ]);
});

test('a subscription goes on over a lost connection, and asks after the workers it knew', async () => {
  const client = await bench().attach();
  const events = client.subscribe();
  const first = await bench().postmaster.next('watchAll');
  first.connection.tell(runningStatus(1));
  assert.equal((await events.next()).value?.status, 'started');
  first.connection.cut();
  const again = await bench().postmaster.next('watchAll');
  again.connection.send({ type: 'done', request: again.message.request });
  const asked = await bench().postmaster.next('status');
  asked.connection.tell(stoppedStatus(3, 1, { final: true }), { type: 'status', request: asked.message.request });
  const { value } = await events.next();
  assert.deepEqual([value?.status, value?.missed], ['stopped', 1]);
  await events.return?.();
  await bench().postmaster.next('unwatchAll');
});

test('the death of the postmaster is thrown to a subscriber', async () => {
  const client = await bench().attach();
  const events = client.subscribe();
  await bench().postmaster.next('watchAll');
  const reading = events.next();
  bench().postmaster.die();
  await assert.rejects(reading, { code: 'ERR_POSTMASTER_DIED' });
  assert.equal((await events.next()).done, true);
});

test('the latch is set by every notification, and by the end', async () => {
  const { client, connection } = await bench().attachWithHandle();
  assert.equal(client.latch.isSet, false);
  connection.tell(runningStatus(1));
  assert.equal(await client.latch.wait(), 'latchSet');
  client.latch.reset();
  const waiting = client.latch.wait();
  bench().postmaster.die();
  assert.equal(await waiting, 'latchSet');
});

test('a shutdown resolves when the postmaster is gone', async () => {
  const client = await bench().attach();
  const shutdown = client.shutdown();
  const { connection, message } = await bench().postmaster.next('shutdown');
  assert.equal(message.mode, 'fast');
  connection.send({ type: 'done', request: message.request });
  connection.send({ type: 'goodbye', reason: 'shutdown', refusal: { code: 'ERR_SHUTDOWN', message: 'bye' } });
  await shutdown;
  await client.shutdown('immediate');
});

test('a reload carries the settings, and tells what it changed', async () => {
  const client = await bench().attach();
  const reloading = client.reload({ maxWorkerProcesses: 3 });
  const { connection, message } = await bench().postmaster.next('reload');
  assert.deepEqual(message.settings, { maxWorkerProcesses: 3 });
  const report = { changed: [{ name: 'maxWorkerProcesses', from: 8, to: 3 }], needRestart: [], workers: [] };
  connection.send({ type: 'reloaded', request: message.request, report });
  assert.deepEqual(await reloading, report);
});

test('starts, readiness and ends are published on diagnostics channels', async () => {
  const published: unknown[] = [];
  const note = (message: unknown, name: string | symbol): void => {
    published.push([name, String((message as { handle: unknown }).handle)]);
  };
  const names = ['bgworker:register', 'bgworker:start', 'bgworker:ready', 'bgworker:exit'];
  for (const name of names) subscribeToChannel(name, note);
  const client = await bench().attach();
  const registering = typed(client).register('double', 1);
  const { connection, message } = await bench().postmaster.next('register');
  connection.registered(message.request, statusOf());
  for (const status of [
    runningStatus(1),
    runningStatus(2, 1, { phase: 'ready' }),
    stoppedStatus(3, 1, { final: true }),
  ]) {
    connection.tell(status);
  }
  const handle = await registering;
  await handle.waitForShutdown();
  for (const name of names) unsubscribe(name, note);
  assert.deepEqual(
    published,
    names.map((name) => [name, String(handle)]),
  );
});
