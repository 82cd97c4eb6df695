/**
 * From a call to a registration: what goes over the wire, what is refused before it leaves, and what is given up.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deserialize } from 'node:v8';
import type { Client } from '../../src/client/index.js';
import { TooManyWorkersError } from '../../src/client/index.js';
import { decodeRegister, serializeValue } from '../../src/protocol/index.js';
import { benchForEachTest } from './attach.js';
import { reasonOf, runningStatus, statusOf, stoppedStatus } from './fakePostmaster.js';

const bench = benchForEachTest();
/** Something hangs. */
const PATIENCE_MS = 5_000;
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

test('a death that came before the handle was there is the next one for its registrant (R-API-22)', async () => {
  const client = await bench().attach();
  const registering = typed(client).register('double', 21, { restart: 'onFailure' });
  const { connection, message } = await bench().postmaster.next('register');
  connection.registered(message.request, statusOf());
  connection.tell(runningStatus(1));
  connection.tell(stoppedStatus(2, 1));
  const handle = await registering;
  assert.equal(handle.status, 'stopped', 'all of it was read before the handle was made');
  const death = await handle.waitForShutdown({ until: 'nextDeath', signal: AbortSignal.timeout(PATIENCE_MS) });
  assert.equal(death.status === 'stopped' && death.reason.attempt, 1);
});

test('the same when the answer was lost and the worker has died until it is asked for again', async () => {
  const client = await bench().attach();
  const registering = typed(client).register('double', 21, { restart: 'onFailure' });
  (await bench().postmaster.next('register')).connection.cut();
  const { connection, message } = await bench().postmaster.next('register');
  connection.registered(message.request, stoppedStatus(2, 1));
  const handle = await registering;
  const death = await handle.waitForShutdown({ until: 'nextDeath', signal: AbortSignal.timeout(PATIENCE_MS) });
  assert.equal(death.status === 'stopped' && death.reason.attempt, 1);
});

test("of another's worker the deaths are counted from the reply that showed it", async () => {
  const client = await bench().attach();
  const registering = typed(client).register('double', 21, { name: 'w', ifNameTaken: 'useIt' });
  const register = await bench().postmaster.next('register');
  register.connection.registered(register.message.request, runningStatus(3, 2), true);
  register.connection.tell(stoppedStatus(4, 2));
  const finding = client.handle(`${client.epoch}:1:1`);
  const watch = await bench().postmaster.next('watch');
  watch.connection.tell(stoppedStatus(4, 2, { slot: 1 }), { type: 'status', request: watch.message.request });
  watch.connection.tell(stoppedStatus(6, 3, { slot: 1 }));
  for (const [handle, attempt] of [
    [await registering, 2],
    [await finding, 3],
  ] as const) {
    const death = await handle.waitForShutdown({ until: 'nextDeath', signal: AbortSignal.timeout(PATIENCE_MS) });
    assert.equal(death.status === 'stopped' && death.reason.attempt, attempt);
  }
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

test('a definition that is refused although nothing is wrong with it here was refused by another version', async () => {
  const client = await bench().attach();
  const registering = typed(client).register('double', 21);
  const { connection, message } = await bench().postmaster.next('register');
  const refusal = { code: 'ERR_INVALID_BACKGROUND_WORKER', message: 'unknown field', hint: 'the fields are …' };
  connection.send({ type: 'refused', request: message.request, refusal });
  await assert.rejects(registering, {
    code: refusal.code,
    message: refusal.message,
    hint: /another version of bgworker/,
  });
});
