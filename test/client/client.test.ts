/**
 * The client: registering and what may come of it, finding, hearing of everything, and giving orders to the postmaster.
 */
import assert from 'node:assert/strict';
import { subscribe as subscribeToChannel, unsubscribe } from 'node:diagnostics_channel';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import type { Client } from '../../src/client/index.js';
import { TooManyWorkersError, WorkerError, WorkerStartError } from '../../src/client/index.js';
import { decodeRegister, serializeValue } from '../../src/protocol/index.js';
import { benchForEachTest } from './attach.js';
import { reasonOf, runningStatus, statusOf, stoppedStatus } from './fakePostmaster.js';

const bench = benchForEachTest();
const workers = new URL('./workers.js', import.meta.url);
type Workers = typeof import('./workers.js');

function typed(client: Client) {
  return client.module<Workers>(workers);
}

function argument(message: { worker: { mainArg: unknown } }, attachments: readonly Uint8Array[]): unknown {
  const { mainArg } = decodeRegister(message as never, attachments).worker;
  assert.equal(mainArg.kind, 'bytes');
  return mainArg.kind === 'bytes' ? deserialize(mainArg.bytes) : undefined;
}

test('a registration carries the definition with every default, and the argument beside it', async () => {
  const client = await bench().attach();
  const registering = typed(client).register('double', 21, {
    restart: 'onFailure',
    type: undefined,
    env: { A: '1', B: undefined },
  });
  const { connection, message, attachments } = await bench().postmaster.next('register');
  assert.equal(message.waitForSlot, false);
  const { mainArg, ...worker } = message.worker;
  assert.equal(argument({ worker: { mainArg } }, attachments), 21);
  assert.deepEqual(
    [
      worker.name,
      worker.type,
      worker.module,
      worker.functionName,
      worker.cwd,
      worker.restart,
      worker.lifetime,
      worker.env,
    ],
    ['double', 'double', workers.href, 'double', process.cwd(), 'onFailure', 'postmaster', { A: '1' }],
  );
  connection.registered(message.request, statusOf());
  const handle = await registering;
  assert.equal(String(handle), `${client.epoch}:0:1`);
  assert.equal(handle.status, 'notYetStarted');
});

test('the reply and the notification behind it in one chunk: the handle has both', async () => {
  const client = await bench().attach();
  const registering = typed(client).register('double', 21);
  const { connection, message } = await bench().postmaster.next('register');
  connection.registered(message.request, statusOf());
  connection.tell(runningStatus(1));
  connection.tell(stoppedStatus(2, 1, { final: true, reason: reasonOf({ kind: 'returned' }) }));
  const handle = await registering;
  assert.equal((await handle.waitForStartup()).status, 'stopped');
  assert.equal(await handle.result(), undefined);
});

test('a registration whose answer was lost is asked again with the same key', async () => {
  const client = await bench().attach();
  const registering = typed(client).register('double', 21);
  const first = await bench().postmaster.next('register');
  first.connection.cut();
  const second = await bench().postmaster.next('register');
  assert.equal(second.message.key, first.message.key);
  second.connection.registered(second.message.request, runningStatus(3));
  assert.equal((await registering).status, 'started');
  const other = typed(client).register('double', 21);
  const third = await bench().postmaster.next('register');
  assert.notEqual(third.message.key, first.message.key);
  third.connection.registered(third.message.request, statusOf({ slot: 1 }));
  await other;
});

test('no slot: register throws what holds them, tryRegister gives null', async () => {
  const client = await bench().attach();
  const refusal = {
    code: 'ERR_TOO_MANY_WORKERS',
    message: 'no slot',
    detail: 'held by a (0:1)',
    hint: 'raise it',
  } as const;
  const registering = typed(client).register('double', 1);
  const asked = await bench().postmaster.next('register');
  asked.connection.send({ type: 'refused', request: asked.message.request, refusal });
  await assert.rejects(registering, (error) => {
    assert.ok(error instanceof TooManyWorkersError);
    assert.deepEqual([error.code, error.detail, error.hint], ['ERR_TOO_MANY_WORKERS', 'held by a (0:1)', 'raise it']);
    return true;
  });
  const trying = typed(client).tryRegister('double', 1);
  const again = await bench().postmaster.next('register');
  again.connection.send({ type: 'refused', request: again.message.request, refusal });
  assert.equal(await trying, null);
});

test('what is wrong with a definition is refused before anything leaves', async () => {
  const client = await bench().attach();
  const invalid = { code: 'ERR_INVALID_BACKGROUND_WORKER' };
  await assert.rejects(typed(client).register('double', 1, { restartTimeMs: -1 }), invalid);
  await assert.rejects(
    typed(client).register('double', 1, { restart_time_ms: 1 } as never),
    (error: { hint: string }) => {
      assert.match(error.hint, /did you mean restartTimeMs/);
      return true;
    },
  );
  await assert.rejects(typed(client).register('double', 1, { env: 'x' } as never), invalid);
  await assert.rejects(typed(client).register('double', 1, { lifetime: 'mine' } as never), invalid);
  await assert.rejects(client.register(1 as never), { code: 'ERR_NOT_A_WORKER' });
  await assert.rejects(typed(client).register('double', (() => {}) as never), { code: 'ERR_NOT_SERIALIZABLE' });
  assert.throws(
    () => client.module('./x.js'),
    (error: { code: string; hint: string }) => {
      assert.equal(error.code, 'ERR_INVALID_MODULE');
      assert.match(error.hint, /new URL\(".\/x.js", import.meta.url\)/);
      return true;
    },
  );
  assert.deepEqual(bench().postmaster.heard, []);
});

test('a module may be a URL, the text of one, or an absolute path', async () => {
  const client = await bench().attach();
  for (const module of [workers, workers.href, workers.pathname]) {
    const registering = client.module(module).register('double');
    const { connection, message } = await bench().postmaster.next('register');
    assert.equal(message.worker.module, workers.href);
    connection.registered(message.request, statusOf());
    await registering;
  }
});

test('a script has no export, and arguments of its own; it is named after its file', async () => {
  const client = await bench().attach();
  const registering = client.script(workers).register({ args: ['--all'] });
  const { connection, message } = await bench().postmaster.next('register');
  const { functionName, args, name, mainArg } = message.worker;
  assert.deepEqual([functionName, args, name, mainArg], [null, ['--all'], 'workers.js', { kind: 'none' }]);
  connection.registered(message.request, statusOf());
  await registering;
});

test('an argument of more than 1 MiB goes by file, which a refusal removes', async () => {
  const client = await bench().attach();
  const files = () => readdirSync(join(bench().postmaster.directory, 'args'));
  const large = new Uint8Array(2 * 1024 * 1024).fill(7);
  const registering = typed(client).register('double', large as never);
  const { connection, message } = await bench().postmaster.next('register');
  const { mainArg } = message.worker;
  assert.ok(mainArg.kind === 'file');
  assert.deepEqual(files(), [mainArg.file]);
  const bytes = readFileSync(join(bench().postmaster.directory, 'args', mainArg.file));
  assert.equal(bytes.byteLength, mainArg.sizeBytes);
  assert.deepEqual(bytes, Buffer.from(serializeValue(large, 'mainArg')));
  const refusal = { code: 'ERR_SHUTTING_DOWN', message: 'no' } as const;
  connection.send({ type: 'refused', request: message.request, refusal });
  await assert.rejects(registering, { code: 'ERR_SHUTTING_DOWN' });
  assert.deepEqual(files(), []);
});

test('giving up a wait for a slot withdraws it; a worker that was registered nevertheless is terminated', async () => {
  const client = await bench().attach();
  const controller = new AbortController();
  const registering = typed(client).register('double', 1, { waitForSlot: controller.signal });
  const { connection, message } = await bench().postmaster.next('register');
  assert.equal(message.waitForSlot, true);
  controller.abort(new Error('enough'));
  await assert.rejects(registering, /enough/);
  assert.equal((await bench().postmaster.next('withdraw')).message.request, message.request);
  connection.registered(message.request, statusOf({ slot: 5 }));
  assert.equal((await bench().postmaster.next('terminate')).message.slot, 5);
});

test('a name that is taken may be answered with the worker that has it; giving up does not terminate that one', async () => {
  const client = await bench().attach();
  const controller = new AbortController();
  const registering = typed(client).register('double', 1, { ifNameTaken: 'useIt', signal: controller.signal });
  const { connection, message } = await bench().postmaster.next('register');
  controller.abort(new Error('enough'));
  await assert.rejects(registering, /enough/);
  await bench().postmaster.next('withdraw');
  connection.registered(message.request, runningStatus(3), true);
  const asking = client.activity();
  await bench().postmaster.next('activity');
  assert.deepEqual(bench().postmaster.heard, []);
  asking.catch(() => {});
});

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
    ...{ retryAt: null, forkedAt: now - 60_000, progress: { done: 1, total: null } },
  };
  connection.send({ type: 'activity', request: message.request, now, epoch: client.epoch, pid: 1, rows: [row] });
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

test('a reload carries the limits', async () => {
  const client = await bench().attach();
  const reloading = client.reload({ maxWorkerProcesses: 3 });
  const { connection, message } = await bench().postmaster.next('reload');
  assert.deepEqual(message.limits, { maxWorkerProcesses: 3 });
  connection.send({ type: 'done', request: message.request });
  await reloading;
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

test('a channel is opened by its first use, and carries values both ways until the run is over', async () => {
  const { handle, connection } = await bench().attachWithHandle(runningStatus(1));
  const { channel } = handle;
  const sending = channel.send({ a: 1n });
  const opening = await bench().postmaster.next('channelOpen');
  connection.send({ type: 'done', request: opening.message.request });
  await sending;
  const data = await bench().postmaster.next('channelData');
  assert.deepEqual(deserialize(data.attachments[0] ?? new Uint8Array()), { a: 1n });
  connection.send({ type: 'channelData', slot: 0, generation: 1, more: false }, [serializeValue('back', 'x')]);
  connection.send({ type: 'channelClosed', slot: 0, generation: 1 });
  assert.deepEqual(await channel.receive(), { done: false, value: 'back' });
  assert.deepEqual(await channel.receive(), { done: true, value: undefined });
  await assert.rejects(channel.send(1), { code: 'ERR_CHANNEL_CLOSED' });
  assert.equal(await channel.waitForClose(), 'peerGone');
  assert.notEqual(handle.channel, channel);
});

test('a channel that another client has is refused, and may be asked for again', async () => {
  const { handle, connection } = await bench().attachWithHandle(runningStatus(1));
  const sending = handle.channel.send(1);
  const { message } = await bench().postmaster.next('channelOpen');
  const refusal = { code: 'ERR_CHANNEL_TAKEN', message: 'taken' };
  connection.send({ type: 'refused', request: message.request, refusal });
  await assert.rejects(sending, { code: 'ERR_CHANNEL_TAKEN' });
  const again = handle.channel.send(1);
  const second = await bench().postmaster.next('channelOpen');
  connection.send({ type: 'done', request: second.message.request });
  await again;
});

test('the channel of a worker that has ended is closed', async () => {
  const { handle } = await bench().attachWithHandle(stoppedStatus(1, 1, { final: true }));
  assert.deepEqual(await handle.channel.receive(), { done: true, value: undefined });
  await assert.rejects(handle.channel.send(1), { code: 'ERR_CHANNEL_CLOSED' });
});

test('a lost connection ends the channels over it', async () => {
  const { handle, connection } = await bench().attachWithHandle(runningStatus(1));
  const { channel } = handle;
  const receiving = channel.receive();
  const { message } = await bench().postmaster.next('channelOpen');
  connection.send({ type: 'done', request: message.request });
  connection.cut();
  assert.deepEqual(await receiving, { done: true, value: undefined });
});
