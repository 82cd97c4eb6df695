/** Who dies, and whose call that is: processes of a pool, its postmaster, its leader, and the connection between them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Client } from '../../src/index.js';
import { connect, startPostmaster } from '../../src/index.js';
import type { Pool, PoolOptions } from '../../src/parallel/index.js';
import { createPool } from '../../src/parallel/index.js';
import { isGone, until } from '../postmaster/processState.js';
import { openProxy } from '../process/support/proxy.js';
import { outcomeOf, Traces } from './poolBench.js';
import * as calls from './poolCalls.js';

const { double, pidOf, runOn } = calls;
const PATIENCE_MS = 30_000;

let client: Client;
/** For tests that leave it healed. */
let pair: Pool;
const traces = new Traces();
before(async () => {
  const quiet = { output: 'ignore', logLevel: 'silent' } as const;
  client = await startPostmaster({ maxWorkerProcesses: 8, maxParallelWorkers: 8, spareWorkers: 1, ...quiet });
  pair = make();
});
after(async () => {
  await client.close();
  traces.remove();
});

function make(options: PoolOptions = {}): Pool {
  return createPool({ client, size: 2, ...options });
}

const ends: Readonly<Record<string, readonly [call: (pool: Pool) => Promise<unknown>, kind: string]>> = {
  'is killed': [(pool) => pool.run(calls.killItself), 'signaled'],
  'exits with code 0': [(pool) => pool.run(calls.exitWith, 0), 'exitedWithoutReturning'],
  'exits with code 3': [(pool) => pool.run(calls.exitWith, 3), 'exited'],
  'waits for what never comes': [(pool) => pool.run(calls.neverSettle), 'neverSettled'],
};
for (const [how, [call, kind]] of Object.entries(ends)) {
  test(`a process that ${how} fails the call it had, with the reason, and no other; and another takes its place`, async () => {
    const [said, file] = [traces.file(), traces.file()];
    const other = outcomeOf(pair.run(calls.waitForFile, { said, until: file }));
    await traces.read(said);
    const answers = [outcomeOf(call(pair)), outcomeOf(pair.run(double, 1)), outcomeOf(pair.run(double, 2))];
    const failed = { name: 'WorkerError', code: 'ERR_WORKER_FAILED', kind };
    assert.deepEqual(await Promise.all(answers), [failed, { value: 2 }, { value: 4 }]);
    traces.write(file);
    assert.deepEqual(await other, { value: 'done' });
  });
}

test('a heap that is exhausted fails the call that exhausted it, and the next one has a new process', async () => {
  await using pool = make({ size: 1, worker: { resourceLimits: { maxOldSpaceMb: 16 } } });
  const [failed, next] = await Promise.all([outcomeOf(pool.run(calls.exhaustHeap)), outcomeOf(pool.run(double, 2))]);
  assert.deepEqual([failed.kind, next], ['outOfMemory', { value: 4 }]);
});

test('a process that ends while it is idle fails nobody, whether or not its end is known when it is given a call', async () => {
  for (const isKnown of [true, false]) {
    const pid = await pair.run(pidOf);
    const events = client.subscribe();
    process.kill(pid, 'SIGKILL');
    if (isKnown) for await (const event of events) if (event.status === 'stopped') break;
    const answers = await Promise.all([1, 2, 3].map((value) => pair.run(double, value)));
    assert.deepEqual(answers, [2, 4, 6]);
  }
});

test('a call whose process was gone before it began is done by another one, before a pool closes that was told to drain', async () => {
  const pool = make({ size: 1 });
  process.kill(await pool.run(pidOf), 'SIGKILL');
  const call = pool.run(double, 4);
  await pool.close();
  assert.equal(await call, 8);
});

test('a process may end itself when it has answered: the answer has come, and the next call has another process', async () => {
  await using pool = make({ size: 1 });
  const pids = await Promise.all([1, 2].map(() => pool.run(calls.answerAndExit)));
  assert.equal(new Set(pids).size, 2);
});

test('what a call leaves behind and throws later ends its process, and fails at most the call that has it then', async () => {
  const thrown = { name: 'WorkerError', code: 'ERR_WORKER_FAILED', kind: 'threw' };
  await using pool = make({ size: 1 });
  await pool.run(calls.leaveTimerThatThrows);
  const [first, ...others] = await Promise.all([1, 2, 3].map((value) => outcomeOf(pool.run(double, value))));
  if (first?.value !== 2) assert.deepEqual(first, thrown);
  assert.deepEqual(others, [{ value: 4 }, { value: 6 }]);
});

test('a start that fails fails one call, with what the process printed; there are no more starts than calls', async () => {
  await using pool = make({ worker: { execArgv: ['--no-such-flag'] } });
  const abort = new AbortController();
  let deaths = 0;
  const counting = (async () => {
    for await (const event of client.subscribe({ signal: abort.signal })) if (event.status === 'stopped') deaths += 1;
  })();
  const call = pool.run(double, 1);
  const answers = Promise.all([2, 3].map((value) => outcomeOf(pool.run(double, value))));
  await assert.rejects(call, { name: 'WorkerStartError', message: /bad option: --no-such-flag/ });
  const failed = { name: 'WorkerStartError', code: 'ERR_WORKER_NOT_STARTED', kind: 'diedBeforeRuntime' };
  assert.deepEqual(await answers, [failed, failed]);
  assert.equal(deaths, 3);
  abort.abort();
  await assert.rejects(counting, { name: 'AbortError' });
});

test('when the leader’s connection is lost its processes end, with the calls they had, and the next call has a new one', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'bgworker-proxy-'));
  const proxy = await openProxy(directory, client.directory);
  const far = await connect({ directory });
  try {
    const pool = make({ client: far, size: 1 });
    const file = traces.file();
    const lost = outcomeOf(pool.run(runOn, file));
    const pid = await traces.pid(file);
    proxy.cut();
    assert.deepEqual(await lost, { name: 'WorkerError', code: 'ERR_WORKER_FAILED', kind: 'clientGone' });
    assert.ok(isGone(pid));
    assert.equal(await pool.run(double, 4), 8);
    await pool.close();
  } finally {
    await far.close();
    proxy.close();
    rmSync(directory, { recursive: true });
  }
});

test('the death of the postmaster rejects every call, those that wait too, and the pool can be closed', async () => {
  const own = await startPostmaster({ output: 'ignore', logLevel: 'silent' });
  const pool = make({ client: own, size: 1 });
  const file = traces.file();
  const answers = [outcomeOf(pool.run(runOn, file)), outcomeOf(pool.run(double, 1)), outcomeOf(pool.run(double, 2))];
  const pid = await traces.pid(file);
  process.kill(own.postmasterPid, 'SIGKILL');
  const died = { name: 'PostmasterDiedError', code: 'ERR_POSTMASTER_DIED' };
  assert.deepEqual(await Promise.all(answers), [died, died, died]);
  assert.deepEqual(await outcomeOf(pool.run(double, 1)), died);
  await pool.close();
  await until(() => isGone(pid), 'its processes are gone', PATIENCE_MS);
});

async function start(...words: string[]) {
  const { BGWORKER_DIR: _, ...env } = process.env;
  const program = fileURLToPath(new URL('./poolProgram.js', import.meta.url));
  const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'inherit'], env });
  const ended = once(child, 'exit');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { postmasterPid, pids } = JSON.parse(String(line)) as { postmasterPid: number; pids: number[] };
  return { child, ended, all: [postmasterPid, ...pids] };
}

test('a program whose pool has nothing to do ends, and one that waits for a call does not; with it go its processes', async () => {
  const idle = await start('idle');
  assert.deepEqual(await idle.ended, [0, null]);
  const file = traces.file();
  const pending = await start('pending', file);
  const pid = await traces.pid(file);
  assert.equal(pending.child.exitCode, null);
  pending.child.kill('SIGKILL');
  await pending.ended;
  await until(() => [pid, ...idle.all, ...pending.all].every(isGone), 'all are gone', PATIENCE_MS);
});
