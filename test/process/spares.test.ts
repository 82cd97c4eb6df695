/**
 * Spares with real processes: a start takes one and it is that worker's alone; what a spare cannot be is started cold
 * and said so; whatever happens to a spare before it takes the job, the worker is started all the same.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { describe, test } from 'node:test';
import type { BackgroundWorkerHandle, Client, PostmasterSettings, RegisterOptions } from '../../src/index.js';
import { isGone, stateOf, until, untilGone } from '../postmaster/processState.js';
import { fixturePath, fixtureUrl } from './support/fixtures.js';
import { untilAsked } from './support/patience.js';
import { commandOf, familyOf, kill } from './support/processes.js';
import { sceneOf } from './support/scene.js';

const SUITE_MS = 120_000;
const WORKERS = fixtureUrl('spares/workers.mjs');

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: { readonly [name: string]: unknown };
}

/** A postmaster with spares, and what it logs. */
async function open(t: TestContext, settings: PostmasterSettings): Promise<{ client: Client; lines: Line[] }> {
  const lines: Line[] = [];
  const note =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push({ level, message, fields: { ...fields } });
  const logger = {
    ...{ trace: note('trace'), debug: note('debug'), info: note('info') },
    ...{ warn: note('warn'), error: note('error'), fatal: note('fatal') },
  };
  const client = await sceneOf(t).postmaster({ logger, logLevel: 'info', ...settings });
  return { client, lines };
}

function register(client: Client, name: string, options: RegisterOptions = {}): Promise<BackgroundWorkerHandle> {
  return client.module(WORKERS).register(name, undefined, options);
}

function untilIdle(client: Client, count: number): Promise<void> {
  return untilAsked(async () => {
    const { idle, booting } = await client.spares();
    return idle === count && booting === 0;
  }, `${count} spares are idle`);
}

function sparesOf({ epoch }: Client): number[] {
  return familyOf(epoch).filter((pid) => commandOf(pid) === 'bgworker: spare');
}

/** One with a single spare that cannot take a job now. */
async function openWithStoppedSpare(t: TestContext): Promise<{ client: Client; lines: Line[]; pid: number }> {
  const { client, lines } = await open(t, { spareWorkers: 1 });
  await untilIdle(client, 1);
  const [pid = 0] = sparesOf(client);
  process.kill(pid, 'SIGSTOP');
  return { client, lines, pid };
}

describe('spares', { concurrency: 3, timeout: SUITE_MS }, () => {
  test('a start takes an idle spare, whose process is that worker and no other, and another one is made', async (t) => {
    const { client } = await open(t, { spareWorkers: 1 });
    const pids = new Set<unknown>();
    for (let round = 0; round < 3; round += 1) {
      await untilIdle(client, 1);
      const [pid] = sparesOf(client);
      const handle = await register(client, 'look', { cwd: '/tmp', env: { OWN: `${round}` }, name: `look${round}` });
      const seen = await handle.result();
      assert.deepEqual(handle.startedFrom, { kind: 'spare' });
      assert.deepEqual(seen, {
        ...{ pid, cwd: '/tmp', title: `bgworker: look${round}`, argv: 2, dir: client.directory, own: `${round}` },
      });
      assert.equal(handle.attempts, 1);
      pids.add(pid);
    }
    assert.equal(pids.size, 3);
  });

  test('by default none is made before the first start, and one behind it', async (t) => {
    const { client } = await open(t, { spareWorkers: undefined });
    assert.deepEqual(await client.spares(), { wanted: 0, idle: 0, booting: 0, deaths: 0, retryAt: null });
    const handle = await register(client, 'look');
    await handle.waitForShutdown();
    assert.deepEqual(handle.startedFrom, { kind: 'cold', because: 'noSpare' });
    await untilIdle(client, 1);
    assert.deepEqual(await client.spares(), { wanted: 1, idle: 1, booting: 0, deaths: 0, retryAt: null });
  });

  test('what only a new process can have is started cold, and the handle and every event say what it was', async (t) => {
    const { client } = await open(t, { spareWorkers: 1 });
    await untilIdle(client, 1);
    const wanted: readonly (readonly [RegisterOptions, object])[] = [
      [{ execArgv: ['--expose-gc'] }, { because: 'execArgv' }],
      [{ nodePath: process.execPath }, { because: 'nodePath' }],
      [{ resourceLimits: { maxOldSpaceMb: 100 } }, { because: 'maxOldSpaceMb' }],
      [{ env: { COLOR: 'red', LC_ALL: 'C' } }, { because: 'env', variable: 'LC_ALL' }],
      [{ env: { NODE_OPTIONS: '--no-warnings' } }, { because: 'env', variable: 'NODE_OPTIONS' }],
    ];
    for (const [options, why] of wanted) {
      const handle = await register(client, 'look', options);
      await handle.waitForShutdown();
      assert.deepEqual(handle.startedFrom, { kind: 'cold', ...why });
    }
    const events = client.subscribe();
    const handle = await register(client, 'look', { attach: false, env: { NODE_ENV: 'test' } });
    const { dir } = (await handle.result()) as { dir: string | null };
    assert.deepEqual([handle.startedFrom, dir], [{ kind: 'spare' }, null]);
    const { value } = await events.next();
    assert.deepEqual(value?.startedFrom, { kind: 'spare' });
    await events.return?.();
  });

  test('one that is killed while it is idle is replaced, and the log says how it died', async (t) => {
    const { client, lines } = await open(t, { spareWorkers: 1 });
    await untilIdle(client, 1);
    const [pid] = sparesOf(client);
    kill(pid);
    await untilAsked(async () => (await client.spares()).deaths === 1, 'its death is known');
    const { retryAt } = await client.spares();
    assert(retryAt !== null && retryAt.getTime() > Date.now() - 1_000);
    await untilIdle(client, 1);
    assert.notEqual(sparesOf(client)[0], pid);
    assert.deepEqual(lines.map(({ level, message, fields }) => [level, message, fields['pid'], fields['how']]).at(-1), [
      'warn',
      'a spare died',
      pid,
      'SIGKILL',
    ]);
  });

  test('one that dies between the job and taking it is no attempt: a new process does it', async (t) => {
    const { client, lines, pid } = await openWithStoppedSpare(t);
    const handle = await register(client, 'answer', { restart: 'onFailure' });
    // What is sent meanwhile is for the worker, whichever process that will be.
    const { channel } = handle;
    await channel.send('early');
    assert.deepEqual(await handle.getPid(), { status: 'notYetStarted', pid: null });
    kill(pid);
    assert.equal((await handle.waitForStartup()).status, 'started');
    assert.notEqual(handle.pid, pid);
    assert.deepEqual(handle.startedFrom, { kind: 'cold', because: 'spareLost' });
    assert.equal(handle.attempts, 1);
    assert.equal((await channel.receive()).value, 'early');
    assert(lines.some(({ message }) => message === 'a spare died before it took its job; a new process does it'));
    await handle.terminate();
    await handle.waitForShutdown();
  });

  test('one that does not take its job is not waited for: a new process does it', async (t) => {
    const { client, pid } = await openWithStoppedSpare(t);
    const handle = await register(client, 'look');
    assert.notEqual(((await handle.result()) as { pid: number }).pid, pid);
    assert.deepEqual(handle.startedFrom, { kind: 'cold', because: 'spareLost' });
    assert.equal(handle.attempts, 1);
    await untilGone([pid]);
  });

  test('a restart while a spare has not taken its job yet: the channel of that attempt is over', async (t) => {
    const { client } = await openWithStoppedSpare(t);
    const handle = await register(client, 'answer', { restart: 'onFailure', terminateTimeoutMs: 100 });
    const { channel } = handle;
    await channel.send('for the first attempt');
    await handle.restart();
    assert.equal((await handle.waitForStartup()).status, 'stopped');
    assert.equal((await channel.receive()).done, true);
    assert.equal((await handle.waitForStartup()).status, 'started');
    assert.equal(handle.attempts, 2);
    const next = handle.channel;
    await next.send('for the second');
    assert.equal((await next.receive()).value, 'for the second');
    await handle.terminate();
    await handle.waitForShutdown();
  });

  test('a stop does not wait for a spare that does not come to take the job', async (t) => {
    const { client, pid } = await openWithStoppedSpare(t);
    const handle = await register(client, 'idle');
    await handle.terminate({ timeoutMs: 100 });
    const end = await handle.waitForShutdown();
    assert(end.status === 'stopped');
    assert.deepEqual([end.reason.kind, end.reason.signal], ['terminatedBeforeStart', 'SIGKILL']);
    assert(isGone(pid));
  });

  test('what is preloaded is there before the worker, and what it printed is not the worker’s', async (t) => {
    const { client } = await open(t, { spareWorkers: 1, preload: [fixturePath('spares/preload.mjs')] });
    await untilIdle(client, 1);
    const before = Date.now();
    const at = (await (await register(client, 'preloaded')).result()) as number | null;
    assert(at !== null && at < before, `it was preloaded at ${at}, and asked for at ${before}`);
    await untilIdle(client, 1);
    const handle = await register(client, 'printAndThrow');
    const end = await handle.waitForShutdown();
    assert(end.status === 'stopped');
    assert.equal(end.reason.output, 'the worker prints\n');
    const cold = await register(client, 'preloaded', { execArgv: ['--no-warnings'] });
    assert.equal(await cold.result(), null);
  });

  test('a preloaded file that has changed: the next start is cold, and all spares are replaced', async (t) => {
    const scene = sceneOf(t);
    const file = join(scene.directory(), 'setting.mjs');
    const write = (setting: string): void =>
      writeFileSync(file, `globalThis.preloadedAt = ${setting};\nexport const preloaded = () => ${setting};\n`);
    write('1');
    // Before any process is booted that loads it, and not in the same tick of the file system's clock.
    await untilAsked(async () => Date.now() % 50 === 0, 'a moment has passed');
    const { client } = await open(t, { spareWorkers: 2, preload: [file] });
    await untilIdle(client, 2);
    const old = sparesOf(client);
    write('2');
    const handle = await client.module(file).register('preloaded');
    assert.equal(await handle.result(), 2);
    assert.deepEqual(handle.startedFrom, { kind: 'cold', because: 'spareLost' });
    await untilGone(old);
    await untilIdle(client, 2);
    const next = await client.module(file).register('preloaded');
    assert.equal(await next.result(), 2);
    assert.deepEqual(next.startedFrom, { kind: 'spare' });
  });

  test('a preload that throws: the log says so, starts are cold, and it is tried ever more seldom', async (t) => {
    const { client, lines } = await open(t, { spareWorkers: 1, preload: [fixturePath('spares/throws.mjs')] });
    await until(() => lines.some(({ message }) => message === 'a spare died'), 'it is said');
    const { fields } = lines.find(({ message }) => message === 'a spare died') ?? { fields: {} as Line['fields'] };
    assert.equal(fields['why'], 'moduleThrew');
    assert.match(String(fields['err']), /no such table[\s\S]*throws\.mjs/);
    const handle = await register(client, 'look');
    await handle.result();
    assert.deepEqual(handle.startedFrom, { kind: 'cold', because: 'noSpare' });
    assert((await client.spares()).deaths > 0);
  });

  test('a preload that is not there is refused when the postmaster starts, and in a reload', async (t) => {
    const missing = fixturePath('spares/missing.mjs');
    const wrong = { code: 'ERR_INVALID_SETTING', detail: /missing\.mjs is missing/ };
    await assert.rejects(open(t, { preload: [missing] }), wrong);
    await assert.rejects(open(t, { preload: ['./relative.mjs'] }), { code: 'ERR_INVALID_MODULE' });
    const { client } = await open(t, {});
    await assert.rejects(client.reload({ preload: [missing] }), wrong);
    // A number that is given holds from then on, though it is the one there was.
    await client.reload({ spareWorkers: 1 });
    await untilIdle(client, 1);
  });

  test('a reload changes how many there are and what they preload; a restart by request replaces them', async (t) => {
    const { client } = await open(t, { spareWorkers: 0 });
    const running = await client.module(WORKERS).launch('idle');
    await client.reload({ spareWorkers: 2 });
    await untilIdle(client, 2);
    const plain = sparesOf(client);
    await client.reload({ preload: [fixturePath('spares/preload.mjs')] });
    await untilGone(plain);
    await untilIdle(client, 2);
    const old = sparesOf(client);
    await running.restart();
    await untilGone(old);
    await untilIdle(client, 2);
    await client.reload({ spareWorkers: 0 });
    await until(() => sparesOf(client).length === 0, 'they are gone');
    assert.deepEqual(await client.spares(), { wanted: 0, idle: 0, booting: 0, deaths: 0, retryAt: null });
  });

  test('unused spares go, and come again with the next start', async (t) => {
    const { client } = await open(t, { spareWorkers: 2, spareIdleMs: 1_500 });
    await untilIdle(client, 2);
    await until(() => sparesOf(client).length === 0, 'they are gone');
    assert.equal((await client.spares()).wanted, 0);
    await (await register(client, 'look')).result();
    await untilIdle(client, 2);
  });

  test('a postmaster that is killed leaves no spare, not even one that is stopped', async (t) => {
    const { client } = await open(t, { spareWorkers: 2, postmasterDeathGraceMs: 200 });
    await untilIdle(client, 2);
    const all = sparesOf(client);
    process.kill(all[0] ?? 0, 'SIGSTOP');
    await until(() => stateOf(all[0] ?? 0) === 'T', 'one is stopped');
    kill(client.postmasterPid);
    await untilGone(all);
  });

  test('a shutdown leaves none, not even one that is booting', async (t) => {
    const { client } = await open(t, { spareWorkers: 3 });
    const { epoch } = client;
    await client.shutdown('fast');
    assert.deepEqual(familyOf(epoch), []);
  });
});
