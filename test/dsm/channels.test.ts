/** Channels that have moved to shared memory, with real processes; the rules of the move: test/protocol/channelRoute.test.ts. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { listSegments } from '../../src/dsm/index.js';
import type { BackgroundWorkerHandle, Client } from '../../src/index.js';
import { connect, startPostmaster } from '../../src/index.js';
import type { Settled } from './busyChannel.js';
import { busyEcho, settledOf } from './busyChannel.js';
import { echo, exchange, obey } from './channelWorkers.js';

const program = fileURLToPath(new URL('./channelProgram.js', import.meta.url));
/** Preloaded: as if the optional dependency had been left out at the installation. */
const withoutKoffi = `data:text/javascript,${encodeURIComponent(`
  import Module from 'node:module';
  const find = Module._resolveFilename;
  Module._resolveFilename = (name, ...rest) => {
    if (name === 'koffi') throw new Error('left out');
    return find.call(Module, name, ...rest);
  };
`)}`;

let client: Client;
before(async () => {
  client = await startPostmaster({ maxWorkerProcesses: 16, spareWorkers: 1, output: 'ignore', logLevel: 'silent' });
});
after(async () => {
  await client.close();
  assert.deepEqual(
    readdirSync('/dev/shm').filter((name) => name.startsWith(`bgworker.${client.epoch}.`)),
    [],
  );
});

async function moved(): Promise<BackgroundWorkerHandle<string>> {
  const handle = await client.launch(obey);
  assert.deepEqual(await busyEcho(handle), { handle: handle.id, isInMemory: true, because: null });
  return handle;
}

async function rest(handle: BackgroundWorkerHandle): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of handle.channel) values.push(value);
  return values;
}

test('a channel that carries much goes on in a segment that both sides hold, with every message in its place', async () => {
  const count = 20_000;
  const handle = await client.launch(exchange, count);
  const { channel } = handle;
  let holders: unknown;
  const sending = (async () => {
    for (let n = 1; n <= count; n++) {
      const sent = channel.send(n);
      if (n % 64 === 0) await sent;
      // Half of it by the line, and however long the move takes, half of it by memory.
      while (n === count / 2 && settledOf(handle) === undefined) await nextTurn();
    }
    holders = (await listSegments({ client })).map(({ holders }) => holders.map(({ worker }) => worker));
    await channel.end();
  })();
  let expected = 0;
  for await (const value of channel) assert.equal(value, ++expected);
  await sending;
  assert.equal(expected, count);
  assert.equal(await handle.result(), count);
  assert.equal(settledOf(handle)?.isInMemory, true);
  assert.deepEqual(holders, [[null, handle.id]]);
  while ((await listSegments({ client })).length > 0);
});

test('a worker that may not speak to its postmaster keeps its channel as it is', async () => {
  const handle = await client.launch(echo, undefined, { attach: false });
  const { isInMemory, because } = await busyEcho(handle);
  assert.equal(isInMemory, false);
  assert.match(because ?? '', /^ERR_NOT_ATTACHED/);
  assert.deepEqual(await listSegments({ client }), []);
  await handle.terminate();
});

function run(command: string, ...words: readonly string[]): Settled {
  const { stdout, stderr, status } = spawnSync(command, words, { encoding: 'utf8', timeout: 20_000 });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Settled;
}

test('without the package koffi channels stay as they are', () => {
  const { isInMemory, because } = run(process.execPath, '--import', withoutKoffi, program, client.directory);
  assert.deepEqual([isInMemory, /^ERR_NO_KOFFI/.test(because ?? '')], [false, true]);
});

const mayMount = spawnSync('unshare', ['-rm', 'true']).status === 0;
test('with a /dev/shm that is full channels stay as they are', {
  skip: !mayMount && 'this user may not have a /dev/shm of its own',
}, () => {
  const mount = 'mount -t tmpfs -o size=256k tmpfs /dev/shm && exec "$0" "$@"';
  const { isInMemory, because } = run(
    ...(['unshare', '-rm', 'sh', '-c', mount, process.execPath, program, client.directory] as const),
  );
  assert.deepEqual([isInMemory, /^ERR_NO_ROOM_FOR_SEGMENT/.test(because ?? '')], [false, true]);
});

test('a program that waits for nothing ends, whatever channels of it have moved', () => {
  assert.equal(run(process.execPath, program, client.directory).isInMemory, true);
});

test('what a worker had sent before it was killed is read, and then the channel is over', async () => {
  const handle = await moved();
  await handle.channel.send('sayMuchAndDie');
  await handle.waitForShutdown();
  assert.deepEqual(
    await rest(handle),
    Array.from({ length: 1_000 }, (_, index) => index + 1),
  );
  await assert.rejects(handle.channel.send(1), { code: 'ERR_CHANNEL_CLOSED' });
});

test('what a worker sends while it exits is read', async () => {
  const handle = await moved();
  await handle.channel.send('speakWhileExiting');
  assert.deepEqual(await rest(handle), ['while exiting']);
});

test('a worker that waits for nothing that could come is told so, whatever its channel has moved to', async () => {
  const handle = await moved();
  await handle.channel.send('waitForNothing');
  const ended = await handle.waitForShutdown();
  assert.equal(ended.status === 'stopped' && ended.reason.kind, 'neverSettled');
});

test('a worker that closes its client keeps its channel', async () => {
  const handle = await moved();
  await handle.channel.send('closeYourClient');
  assert.deepEqual(await handle.channel.receive(), { done: false, value: 'closeYourClient' });
  await handle.channel.end();
  assert.equal(await handle.result(), 'the end');
});

/** The postmaster reads in its own time that a client has left. */
async function untilOurs(handle: BackgroundWorkerHandle): Promise<void> {
  for (;;) {
    try {
      await handle.channel.send('hello');
      break;
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'ERR_CHANNEL_TAKEN');
    }
  }
  assert.deepEqual(await handle.channel.receive(), { done: false, value: 'hello' });
}

test('a client that leaves lets the next one begin anew, which moves again', async () => {
  const { id } = await client.launch(echo);
  for (let round = 0; round < 2; round++) {
    const other = await connect({ directory: client.directory });
    const handle = await other.handle(id);
    await untilOurs(handle);
    assert.equal((await busyEcho(handle)).isInMemory, true);
    // Of this nothing may come to the next one.
    for (let n = 0; n < 50; n++) await handle.channel.send('for nobody');
    await other.close();
  }
  const handle = await client.handle(id);
  await untilOurs(handle);
  await handle.terminate();
  await handle.waitForShutdown();
});
