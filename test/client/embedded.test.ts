/**
 * A postmaster of one's own, with real processes: it starts or says why not, works, and goes when its host does.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runtime } from '../../src/client/index.js';
import type { Client, PostmasterSettings } from '../../src/index.js';
import { run, startPostmaster } from '../../src/index.js';
import { double, waitForEver } from './host.js';

const DEADLINE_MS = 20_000;
const clients: Client[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

async function start(settings?: PostmasterSettings): Promise<Client> {
  const client = await startPostmaster(settings);
  clients.push(client);
  return client;
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilGone(...pids: number[]): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (pids.some(isThere)) {
    assert.ok(performance.now() < deadline, `${pids.filter(isThere)} should be gone`);
    await sleep(5);
  }
}

test('it runs workers, and disposing the client takes it down with its directory', {
  timeout: DEADLINE_MS,
}, async () => {
  const client = await start({ maxWorkerProcesses: 2 });
  assert.equal(await client.run(double, 21), 42);
  const handle = await client.launch(waitForEver);
  assert.ok(isThere(Number(handle.pid)));
  await Promise.all([client.close(), client[Symbol.asyncDispose]()]);
  assert.deepEqual([isThere(client.postmasterPid), isThere(Number(handle.pid))], [false, false]);
  assert.equal(existsSync(client.directory), false);
  assert.equal(client.closed, 'shutdown');
  const answer = await handle.waitForShutdown();
  assert.equal(answer.status === 'stopped' && answer.reason.kind, 'postmasterShutdown');
});

test('settings that are not valid are refused by name', async () => {
  await assert.rejects(startPostmaster({ maxWorkerProcesses: -1 }), (error: { code: string; detail: string }) => {
    assert.equal(error.code, 'ERR_INVALID_SETTING');
    assert.match(error.detail, /maxWorkerProcesses is -1/);
    return true;
  });
  await assert.rejects(startPostmaster({ maxWorkers: 1 } as never), { code: 'ERR_INVALID_SETTING' });
});

test("a directory that is somebody's is refused", { timeout: DEADLINE_MS }, async () => {
  const { directory } = await start();
  await assert.rejects(startPostmaster({ directory }), { code: 'ERR_POSTMASTER_RUNNING' });
});

test('what cannot be started, or ends before it listens, says so', async () => {
  await assert.rejects(startPostmaster({ nodePath: '/nowhere/node' }), { code: 'ERR_CANNOT_START_POSTMASTER' });
  await assert.rejects(startPostmaster({ nodePath: '/bin/false' }), (error: { code: string; detail: string }) => {
    assert.equal(error.code, 'ERR_CANNOT_START_POSTMASTER');
    assert.equal(error.detail, 'code 1');
    return true;
  });
});

test('a program that was started as a postmaster does not start another', async () => {
  process.env['BGWORKER_ROLE'] = 'postmaster';
  try {
    await assert.rejects(startPostmaster(), { code: 'ERR_STARTED_INSIDE_ITSELF' });
  } finally {
    delete process.env['BGWORKER_ROLE'];
  }
});

test('starting ends with the reason of its signal', async () => {
  await assert.rejects(startPostmaster({}, { signal: AbortSignal.abort(new Error('enough')) }), /enough/);
  const controller = new AbortController();
  const starting = startPostmaster({}, { signal: controller.signal });
  setImmediate(() => controller.abort(new Error('enough')));
  await assert.rejects(starting, /enough/);
});

test('workers of the settings are there from the start, restarted when they fail', {
  timeout: DEADLINE_MS,
}, async () => {
  const client = await start({
    workers: [
      { worker: waitForEver, name: 'early' },
      { worker: double, arg: 4, name: 'once' },
    ],
  });
  const [early] = await client.activity();
  assert.equal(early?.name, 'early');
  const handle = await client.handle(early.handle);
  await handle.waitForStartup();
  process.kill(Number(handle.pid), 'SIGKILL');
  const death = await handle.waitForShutdown({ until: 'nextDeath' });
  assert.ok(death.status === 'stopped');
  assert.deepEqual([death.reason.kind, death.willRestart], ['signaled', true]);
});

test('the log goes to the logger of the host', { timeout: DEADLINE_MS }, async () => {
  const lines: string[] = [];
  const note = (level: string) => (_fields: object, message: string) => void lines.push(`${level}: ${message}`);
  const logger = {
    trace: note('trace'),
    debug: note('debug'),
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
    fatal: note('fatal'),
  };
  const client = await start({ logger, logLevel: 'info' });
  await client.run(double, 1);
  await client.close();
  assert.ok(
    lines.some((line) => /^info: .*double/.test(line)),
    lines.join('\n'),
  );
});

function startHost(mode: string): ChildProcess {
  const host = spawn(process.execPath, [fileURLToPath(new URL('./host.js', import.meta.url)), mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return host;
}

async function firstLine(host: ChildProcess): Promise<number[]> {
  assert.ok(host.stdout);
  const [line] = await once(createInterface(host.stdout), 'line');
  return JSON.parse(String(line));
}

test('a program with nothing left to do ends, and its postmaster and workers with it', {
  timeout: DEADLINE_MS,
}, async () => {
  const host = startHost('idle');
  const exited = once(host, 'exit');
  const pids = await firstLine(host);
  assert.deepEqual(await exited, [0, null]);
  await untilGone(...pids);
});

test('a program that waits is kept alive, and when it is killed everything goes', {
  timeout: DEADLINE_MS,
}, async () => {
  const host = startHost('waiting');
  const exited = once(host, 'exit');
  const [postmaster = 0, worker = 0] = await firstLine(host);
  assert.ok(isThere(postmaster) && isThere(worker));
  host.kill('SIGKILL');
  assert.deepEqual(await exited, [null, 'SIGKILL']);
  await untilGone(postmaster, worker);
});

test('the functions of the package need no set-up, and let the program end', { timeout: DEADLINE_MS }, async () => {
  const host = startHost('running');
  const exited = once(host, 'exit');
  assert.deepEqual(await firstLine(host), [42, 8]);
  assert.deepEqual(await exited, [0, null]);
});

test('they share one postmaster, and have another when that one died', { timeout: DEADLINE_MS }, async () => {
  assert.deepEqual(await Promise.all([run(double, 1), run(double, 2), run(double, 3)]), [2, 4, 6]);
  const first = await runtime.defaultClient;
  assert.ok(first);
  const close = first.waitForClose();
  process.kill(first.postmasterPid, 'SIGKILL');
  assert.equal(await close, 'postmasterDied');
  assert.equal(await run(double, 4), 8);
  const second = await runtime.defaultClient;
  assert.ok(second);
  clients.push(second);
  assert.notEqual(second.epoch, first.epoch);
});
