/**
 * Orders that cross each other, and facts that cross orders: whatever comes first, there is one answer, it is true, and
 * nothing is left over.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackgroundWorkerHandle, Client, ShutdownAnswer } from '../../src/index.js';
import { isGone, until, untilGone } from '../postmaster/processState.js';
import { fixtureUrl, launch, register } from './support/fixtures.js';
import { PATIENCE_MS, untilAsked, untilPhase } from './support/patience.js';
import { familyOf, kill } from './support/processes.js';
import { openProxy } from './support/proxy.js';
import type { Scene } from './support/scene.js';
import { sceneOf } from './support/scene.js';

const HOUR_MS = 3_600_000;
/** Something hangs. */
const SUITE_MS = 180_000;

describe('terminate', { concurrency: 3, timeout: SUITE_MS }, () => {
  test('right behind the registration: it never runs, or stops as it was asked to', async (t) => {
    const client = await sceneOf(t).postmaster({ maxWorkerProcesses: 16 });
    const ends = await Promise.all(
      Array.from({ length: 6 }, async (_, at) => {
        const handle = await register(client, 'idle', undefined, { restart: at % 2 === 0 ? 'never' : 'always' });
        await handle.terminate();
        const [startup, end] = await Promise.all([handle.waitForStartup(), handle.waitForShutdown()]);
        // On a machine that had no time for us it may have been there before it was asked.
        assert.notEqual(startup.status, 'postmasterDied');
        return kindOf(end);
      }),
    );
    for (const kind of ends) assert.match(kind, /^terminated/);
    await untilNobody(client);
  });

  test('while it is being started, at every phase', async (t) => {
    const client = await sceneOf(t).postmaster({ maxWorkerProcesses: 16 });
    const forked = await register(client, 'idle');
    await forked.waitForStartup({ until: 'forked' });
    const loading = await client.module(fixtureUrl('loadsForever.mjs')).register('default');
    await untilPhase(loading, 'loading');
    const running = await launch(client, 'idle');
    for (const handle of [forked, loading, running]) await handle.terminate();
    assert.match(kindOf(await forked.waitForShutdown()), /^terminated/);
    assert.equal(kindOf(await loading.waitForShutdown()), 'terminatedBeforeStart');
    assert.equal(kindOf(await running.waitForShutdown()), 'terminated');
    await untilNobody(client);
  });

  test('while it waits to be restarted, and twice', async (t) => {
    const client = await sceneOf(t).postmaster();
    const options = { restart: 'onFailure', restartTimeMs: HOUR_MS } as const;
    const handle = await register(client, 'end', { code: 1 }, options);
    await handle.waitForShutdown({ until: 'nextDeath' });
    await Promise.all([handle.terminate(), handle.terminate()]);
    await handle.terminate();
    const end = await handle.waitForShutdown();
    assert(end.status === 'stopped' && !end.willRestart && end.retryAt === null);
    assert.equal(handle.attempts, 1);
    await untilNobody(client);
  });

  test('against its own exit: it ended the one way or the other, once', async (t) => {
    const client = await sceneOf(t).postmaster({ maxWorkerProcesses: 16 });
    const kinds = await Promise.all(
      Array.from({ length: 8 }, async (_, at) => {
        const handle = await register(client, 'echo', at);
        await handle.waitForStartup();
        await handle.terminate();
        return kindOf(await handle.waitForShutdown());
      }),
    );
    for (const kind of kinds) assert.match(kind, /^(returned|terminated)$/);
    await untilNobody(client);
  });

  test('is raised: a worker that does not stop is killed when somebody has less patience', async (t) => {
    const client = await sceneOf(t).postmaster();
    const handle = await launch(client, 'stubborn', undefined, { terminateTimeoutMs: HOUR_MS });
    await handle.terminate();
    assert.equal((await handle.getPid()).status, 'started');
    await handle.terminate({ timeoutMs: 0 });
    const end = await handle.waitForShutdown();
    assert(end.status === 'stopped' && end.reason.kind === 'terminated' && end.reason.escalated);
  });

  test('of a stale handle never reaches the tenants that follow in the slot', async (t) => {
    const client = await sceneOf(t).postmaster({ maxWorkerProcesses: 2 });
    const stale: BackgroundWorkerHandle[] = [];
    for (let round = 0; round < 6; round += 1) {
      const handle = await register(client, 'echo', round, { waitForSlot: true });
      const orders = stale.map((old) => old.terminate({ timeoutMs: 0 }));
      assert.equal((await handle.result()) as number, round);
      await Promise.all(orders);
      stale.push(handle);
    }
  });
});

describe('registrations', { concurrency: 3, timeout: SUITE_MS }, () => {
  test('a registrant that dies between its registration and the reply leaves its worker, or none', async (t) => {
    const scene = sceneOf(t);
    const own = await scene.postmaster({ maxWorkerProcesses: 16 });
    for (const lifetime of ['postmaster', 'client'] as const) {
      const directory = scene.directory();
      const proxy = await openProxy(directory, own.directory);
      const client = await scene.client(directory);
      const swallowed = proxy.swallowReplies();
      register(client, 'idle', undefined, { name: lifetime, lifetime }).catch(() => {});
      await swallowed;
      await client.close();
      proxy.close();
    }
    const names = async (): Promise<readonly string[]> => (await own.activity()).map(({ name }) => name);
    await untilAsked(async () => !(await names()).includes('client'), 'the tied one is ended');
    assert.deepEqual(await names(), ['postmaster']);
  });

  test('a name that is replaced twenty times names one worker in the end', async (t) => {
    const client = await sceneOf(t).postmaster({ maxWorkerProcesses: 4 });
    const one = { name: 'one', ifNameTaken: 'replace' } as const;
    const handles = await Promise.all(Array.from({ length: 20 }, () => register(client, 'idle', undefined, one)));
    await Promise.any(handles.map(async (handle) => assert.equal((await handle.waitForStartup()).status, 'started')));
    await untilAsked(async () => (await client.activity()).length === 1, 'one is left');
    const [survivor] = await client.activity();
    await untilAsked(async () => familyOf(client.epoch).length === 1, 'it has one process');
    const ended = await Promise.all(
      handles.filter(({ id }) => id !== survivor?.handle).map((old) => old.waitForShutdown()),
    );
    assert.equal(ended.length, 19);
  });

  test('run() that is aborted at any moment leaves nothing', async (t) => {
    const client = await sceneOf(t).postmaster({ maxWorkerProcesses: 16 });
    const workers = client.module(fixtureUrl('workers.mjs'));
    // From before the fork to long after the start of its function.
    const moments = [0, 1, 2, 5, 10, 20, 40, 80, 160, 320];
    await Promise.all(
      moments.map(async (ms) => {
        const controller = new AbortController();
        const running = workers.run('idle', undefined, { signal: controller.signal });
        const rejected = assert.rejects(running, (error) => error === controller.signal.reason);
        await sleep(ms);
        controller.abort();
        await rejected;
      }),
    );
    await untilNobody(client);
    assert.deepEqual(familyOf(client.epoch), []);
  });

  test('a limit that is lowered below what is in use stops nobody, and nobody is added', async (t) => {
    const client = await sceneOf(t).postmaster({ maxWorkerProcesses: 4 });
    const handles = await Promise.all([1, 2, 3].map(() => launch(client, 'idle')));
    await client.reload({ maxWorkerProcesses: 1 });
    assert.equal(await client.module(fixtureUrl('workers.mjs')).tryRegister('idle'), null);
    assert((await Promise.all(handles.map((handle) => handle.getPid()))).every(({ status }) => status === 'started'));
    const waiting = register(client, 'echo', 'at last', { waitForSlot: true });
    for (const handle of handles) await handle.terminate();
    assert.equal((await (await waiting).result()) as string, 'at last');
  });
});

describe('shutdown', { concurrency: 3, timeout: SUITE_MS }, () => {
  test('is raised from smart to fast to immediate, and never lowered', async (t) => {
    const scene = sceneOf(t);
    const client = await scene.postmaster();
    const other = await scene.client(client.directory);
    const handle = await launch(client, 'stubborn', undefined, { terminateTimeoutMs: HOUR_MS });
    await client.shutdown('smart');
    // Who is there is served until he leaves.
    assert.equal((await (await register(other, 'echo', 1)).result()) as number, 1);
    assert.equal((await handle.getPid()).status, 'started');
    const fast = other.shutdown('fast');
    const end = handle.waitForShutdown();
    await client.shutdown('smart');
    const immediate = client.shutdown('immediate');
    await Promise.all([fast, immediate]);
    const answer = await end;
    assert(answer.status === 'stopped', JSON.stringify(answer));
    assert.deepEqual([answer.reason.kind, answer.reason.signal], ['postmasterShutdown', 'SIGKILL']);
    assert.equal(await client.waitForClose(), 'shutdown');
    await untilGone([client.postmasterPid]);
  });
});

describe('a notifyPid', { concurrency: 3, timeout: SUITE_MS }, () => {
  test('of a shell with a trap gets a SIGUSR1 for every step', async (t) => {
    const scene = sceneOf(t);
    const client = await scene.postmaster();
    // `wait` is what a trap can interrupt, and sleep what keeps it waiting.
    const script = "trap 'echo told' USR1; echo ready; while :; do sleep 600 & wait $!; done";
    const shell = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    endGroup(scene, shell);
    let printed = '';
    shell.stdout?.on('data', (chunk) => {
      printed += chunk;
    });
    await until(() => printed.includes('ready'), 'the trap is set', PATIENCE_MS);
    const handle = await launch(client, 'idle', undefined, { notifyPid: shell.pid });
    await until(() => printed.includes('told'), 'it is told of the start', PATIENCE_MS);
    printed = '';
    await handle.terminate();
    await until(() => printed.includes('told'), 'it is told of the end', PATIENCE_MS);
  });

  test('that is Node, has no handler, or is nobody is refused, and nothing is signalled', async (t) => {
    const scene = sceneOf(t);
    const client = await scene.postmaster();
    const bare = spawn('sleep', ['600'], { stdio: 'ignore', detached: true });
    endGroup(scene, bare);
    const refused = async (notifyPid: number): Promise<void> => {
      await assert.rejects(register(client, 'idle', undefined, { notifyPid }), { code: 'ERR_NOTIFY_PID' });
    };
    await refused(process.pid);
    await refused(bare.pid ?? 0);
    await refused(2 ** 22 + 1);
    assert.deepEqual(await client.activity(), []);
    assert(!isGone(bare.pid ?? 0));
  });
});

describe('launch', { concurrency: 2, timeout: SUITE_MS }, () => {
  test("given up while it waits for somebody else's worker leaves that worker alone", async (t) => {
    const client = await sceneOf(t).postmaster();
    const owner = await launch(client, 'idle', undefined, { name: 'shared' });
    const controller = new AbortController();
    const never = client.module(fixtureUrl('workers.mjs')).launch('idle', undefined, {
      name: 'shared',
      ifNameTaken: 'useIt',
      until: 'ready',
      signal: controller.signal,
    });
    await client.spares();
    controller.abort(new Error('enough'));
    await assert.rejects(never, /enough/);
    // What would have ended it would have been asked before this.
    assert.equal((await owner.getPid()).status, 'started');
    await owner.terminate();
    const end = await owner.waitForShutdown();
    assert.equal(kindOf(end), 'terminated');
  });

  test('of a script that ends itself on its top level, and well, is no failure', async (t) => {
    const client = await sceneOf(t).postmaster();
    const script = client.script(fixtureUrl('endsItself.mjs'));
    const handle = await script.launch({ args: ['0'] });
    const end = await handle.waitForShutdown();
    assert.equal(kindOf(end), 'exitedWithoutReturning');
    await assert.rejects(script.launch({ args: ['3'] }), { code: 'ERR_WORKER_NOT_STARTED' });
  });
});

function kindOf(answer: ShutdownAnswer): string {
  return answer.status === 'stopped' ? answer.reason.kind : answer.status;
}

function untilNobody(client: Client): Promise<void> {
  return untilAsked(async () => (await client.activity()).length === 0, 'no slot is held');
}

function endGroup(scene: Scene, child: ChildProcess): void {
  scene.add(child.pid);
  scene.undoing(() => kill(-(child.pid ?? 0)));
  void once(child, 'exit');
}
