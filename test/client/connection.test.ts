/**
 * Connecting, and the end of a connection as a question: what each answer to it means.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Client } from '../../src/client/index.js';
import { connect, PostmasterDiedError, ProtocolMismatchError } from '../../src/client/index.js';
import { encodeFrame, introduce, whyNotServed } from '../../src/protocol/index.js';
import { stateOf, until } from '../postmaster/processState.js';
import { FakePostmaster, newEpoch, runningStatus, statusOf, stoppedStatus } from './fakePostmaster.js';

let postmaster: FakePostmaster;
let clients: Client[] = [];

beforeEach(async () => {
  postmaster = await FakePostmaster.start();
});

afterEach(async () => {
  for (const client of clients) await client.close();
  clients = [];
  postmaster.close();
});

async function attach(signal?: AbortSignal): Promise<Client> {
  const client = await connect({ directory: postmaster.directory, signal });
  clients.push(client);
  return client;
}

/** A client with a handle of worker 0:1, which has not started yet. */
async function attachWithHandle() {
  const client = await attach();
  const finding = client.handle(`${postmaster.epoch}:0:1`);
  const { connection, message } = await postmaster.next('watch');
  connection.tell(statusOf(), { type: 'status', request: message.request });
  return { client, handle: await finding, connection };
}

test('a client knows the postmaster that welcomed it', async () => {
  const client = await attach();
  assert.equal(client.epoch, postmaster.epoch);
  assert.equal(client.directory, postmaster.directory);
  assert.equal(client.postmasterPid, process.pid);
  assert.equal(client.closed, null);
});

test('where nobody accepts there is no postmaster, whether the socket is missing or left over', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'bgworker-empty-'));
  await assert.rejects(connect({ directory: empty }), { code: 'ERR_NO_POSTMASTER' });
  rmSync(empty, { recursive: true });
  await assert.rejects(connect({ directory: empty }), { code: 'ERR_NO_POSTMASTER' });
});

test('a path too long for a socket is said to be one', async () => {
  await assert.rejects(connect({ directory: join(tmpdir(), 'x'.repeat(200)) }), (error: { code: string }) =>
    ['ERR_CANNOT_CONNECT', 'ERR_NO_POSTMASTER'].includes(error.code),
  );
});

test('a postmaster that welcomes a version which does not fit it is left, with both copies and the command', async () => {
  postmaster.onHello = (connection) => connection.welcome({ package: '9.9.9', path: '/opt/other', pid: 4711 });
  await assert.rejects(attach(), (error) => {
    assert.ok(error instanceof ProtocolMismatchError);
    const own = introduce();
    assert.deepEqual(error.postmaster, { version: '9.9.9', path: '/opt/other', pid: 4711 });
    assert.deepEqual(error.client, { version: own.package, path: own.path, pid: process.pid });
    const said = whyNotServed({ ...own, package: '9.9.9', path: '/opt/other', pid: 4711 }, own, postmaster.directory);
    assert.deepEqual([error.code, error.message, error.detail, error.hint], Object.values(said ?? {}));
    return true;
  });
});

test('a postmaster that refuses our version is quoted, and named if it said who it is', async () => {
  const refusal = { code: 'ERR_PROTOCOL_MISMATCH', message: 'too old', detail: 'who and where', hint: 'what to do' };
  const other = { ...introduce(), package: '9.9.9', path: '/opt/other', pid: 4711 };
  for (const named of [{}, { postmaster: other }]) {
    postmaster.onHello = (it) => it.send({ type: 'goodbye', reason: 'protocolMismatch', refusal, ...named });
    await assert.rejects(attach(), (error) => {
      assert.ok(error instanceof ProtocolMismatchError);
      assert.deepEqual([error.code, error.message, error.detail, error.hint], Object.values(refusal));
      assert.equal(error.postmaster?.version, 'postmaster' in named ? '9.9.9' : undefined);
      return true;
    });
  }
});

test('a postmaster that shuts down takes no new client', async () => {
  const refusal = { code: 'ERR_SHUTTING_DOWN', message: 'the postmaster is shutting down' };
  postmaster.onHello = (connection) => connection.send({ type: 'goodbye', reason: 'shuttingDown', refusal });
  await assert.rejects(attach(), { code: 'ERR_SHUTTING_DOWN' });
});

test('whoever talks something else is no postmaster', async () => {
  postmaster.onHello = (connection) => connection.write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await assert.rejects(attach(), { code: 'ERR_BAD_FRAME' });
});

test('whoever always ends the connection without a word is no postmaster', { timeout: 20_000 }, async () => {
  postmaster.onHello = (connection) => connection.cut();
  await assert.rejects(attach(), { code: 'ERR_NO_WELCOME' });
});

test('connecting ends with the reason of its signal', async () => {
  postmaster.onHello = () => {};
  const reason = new Error('enough');
  await assert.rejects(attach(AbortSignal.abort(reason)), reason);
  const controller = new AbortController();
  const attaching = attach(controller.signal);
  controller.abort(reason);
  await assert.rejects(attaching, reason);
});

test('after a lost connection the same postmaster is asked for the present state, and the wait goes on', async () => {
  const { handle, connection } = await attachWithHandle();
  const startup = handle.waitForStartup();
  connection.cut();
  const again = await postmaster.next('watch');
  again.connection.tell(runningStatus(3), { type: 'status', request: again.message.request });
  assert.deepEqual(await startup, { status: 'started', pid: 1001 });
  assert.equal(handle.status, 'started');
});

test('what was asked and not answered is asked again, once, with the same number', async () => {
  const { handle } = await attachWithHandle();
  const asking = handle.getPid();
  const first = await postmaster.next('status');
  first.connection.cut();
  const second = await postmaster.next('status');
  assert.deepEqual(second.message, first.message);
  second.connection.tell(runningStatus(1), { type: 'status', request: second.message.request });
  assert.deepEqual(await asking, { status: 'started', pid: 1001 });
});

test('a connection may break again and again, at the greeting too', async () => {
  const { handle, connection } = await attachWithHandle();
  const shutdown = handle.waitForShutdown();
  let hellos = 0;
  postmaster.onHello = (greeted) => {
    hellos += 1;
    if (hellos < 4) greeted.cut();
    else greeted.welcome();
  };
  connection.cut();
  const again = await postmaster.next('watch');
  again.connection.tell(stoppedStatus(5, 1, { final: true }), { type: 'status', request: again.message.request });
  assert.equal((await shutdown).status, 'stopped');
});

test('refused after a lost connection: the postmaster died, and every wait says so', async () => {
  const { client, handle } = await attachWithHandle();
  const waits = [handle.waitForStartup(), handle.waitForShutdown()];
  const result = handle.result();
  const close = client.waitForClose();
  postmaster.die();
  for (const wait of waits) assert.deepEqual(await wait, { status: 'postmasterDied' });
  await assert.rejects(result, PostmasterDiedError);
  assert.equal(await close, 'postmasterDied');
  assert.equal(handle.status, 'postmasterDied');
  assert.equal(client.closed, 'postmasterDied');
  assert.deepEqual(await handle.getPid(), { status: 'postmasterDied', pid: null });
  await handle.terminate();
  await assert.rejects(handle.restart(), PostmasterDiedError);
});

test('another epoch after a lost connection: the postmaster died, and its successor is asked nothing', async () => {
  const { handle, connection } = await attachWithHandle();
  const asking = handle.getPid();
  await postmaster.next('status');
  postmaster.epoch = newEpoch();
  connection.cut();
  assert.deepEqual(await asking, { status: 'postmasterDied', pid: null });
  assert.deepEqual(await handle.waitForStartup(), { status: 'postmasterDied' });
  assert.deepEqual(postmaster.heard, []);
});

test('a postmaster that is shutting down is no answer: what became of it is known when it is gone', async () => {
  const { handle, connection } = await attachWithHandle();
  const shutdown = handle.waitForShutdown();
  const refusal = { code: 'ERR_SHUTTING_DOWN', message: 'the postmaster is shutting down' };
  let dismissed = 0;
  const dismissedTwice = new Promise<void>((resolve) => {
    postmaster.onHello = (greeted) => {
      greeted.send({ type: 'goodbye', reason: 'shuttingDown', refusal });
      dismissed += 1;
      if (dismissed === 2) resolve();
    };
  });
  connection.cut();
  await dismissedTwice;
  assert.equal(handle.status, 'notYetStarted');
  postmaster.die();
  assert.deepEqual(await shutdown, { status: 'postmasterDied' });
});

test('a goodbye before a shutdown is an orderly end: last words are kept, other workers went with it', async () => {
  const { client, handle, connection } = await attachWithHandle();
  const finding = client.handle(`${postmaster.epoch}:1:1`);
  const { message } = await postmaster.next('watch');
  connection.tell(statusOf({ slot: 1 }), { type: 'status', request: message.request });
  const other = await finding;
  connection.tell(stoppedStatus(1, 1, { final: true }));
  connection.send({ type: 'goodbye', reason: 'shutdown', refusal: { code: 'ERR_SHUTDOWN', message: 'bye' } });
  assert.equal(await client.waitForClose(), 'shutdown');
  assert.equal(handle.status, 'stopped');
  assert.equal((await handle.waitForShutdown()).status, 'stopped');
  assert.equal(other.status, 'postmasterDied');
});

test('what is no message ends the conversation, and nobody is told that the postmaster died', async () => {
  const { client, handle, connection } = await attachWithHandle();
  const shutdown = handle.waitForShutdown();
  connection.write(encodeFrame({ type: 'loading' }));
  await assert.rejects(shutdown, { code: 'ERR_BAD_MESSAGE' });
  assert.equal(client.closed, 'failed');
  assert.equal(handle.status, 'notYetStarted');
});

test('a reply to nobody ends the conversation', async () => {
  const { handle, connection } = await attachWithHandle();
  const shutdown = handle.waitForShutdown();
  connection.send({ type: 'done', request: 999 });
  await assert.rejects(shutdown, { code: 'ERR_BAD_MESSAGE' });
});

test('a client that was closed says so to whoever still waits, and may be closed twice', async () => {
  const { client, handle } = await attachWithHandle();
  const shutdown = handle.waitForShutdown();
  await Promise.all([client.close(), client.close()]);
  await assert.rejects(shutdown, { code: 'ERR_CLIENT_CLOSED' });
  await assert.rejects(handle.getPid(), { code: 'ERR_CLIENT_CLOSED' });
  await assert.rejects(client.activity(), { code: 'ERR_CLIENT_CLOSED' });
  assert.equal(client.closed, 'disposed');
});

test('a backlog that is full is no answer: it is asked again until there is one', { timeout: 20_000 }, async (t) => {
  const stuck = spawn(process.execPath, [fileURLToPath(new URL('./stuckPostmaster.js', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => stuck.kill('SIGKILL'));
  const exited = once(stuck, 'exit');
  assert.ok(stuck.stdout);
  const [line] = await once(createInterface(stuck.stdout), 'line');
  const directory = String(line);
  // More than the kernel keeps for a backlog of one, so that the last ones are told to try again.
  const waiting = Array.from({ length: 6 }, () => connect({ directory }));
  const early = await Promise.race([...waiting.map((client) => client.then(() => 'answered')), isRefused(directory)]);
  assert.equal(early, 'EAGAIN');
  // It says its directory before it stops itself; continued too early it would stop for good.
  await until(() => stateOf(stuck.pid ?? 0) === 'T', 'it has stopped itself');
  stuck.kill('SIGCONT');
  clients.push(...(await Promise.all(waiting)));
  stuck.kill('SIGTERM');
  await exited;
});

/** The error of a plain connection, once there is one. */
async function isRefused(directory: string): Promise<string | undefined> {
  for (;;) {
    const socket = connectSocket(join(directory, 'postmaster.sock'));
    const outcome = await Promise.race([
      once(socket, 'connect').then(() => undefined),
      once(socket, 'error').then(([error]) => (error as NodeJS.ErrnoException).code),
    ]).catch((error: NodeJS.ErrnoException) => error.code);
    socket.destroy();
    if (outcome !== undefined) return outcome;
  }
}
