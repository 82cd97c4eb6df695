/**
 * Whatever happens to one of them, the others go on: a postmaster that was stopped for a while, a connection that
 * broke, a client that died, a worker that was killed or floods, a disk that is full.
 */
import assert from 'node:assert/strict';
import { execFileSync, fork } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { BgworkerError } from '../../src/index.js';
import { until, untilGone } from '../postmaster/processState.js';
import { fixturePath, fixtureUrl, launch, register } from './support/fixtures.js';
import { kill } from './support/processes.js';
import { openProxy } from './support/proxy.js';
import type { Scene } from './support/scene.js';
import { sceneOf } from './support/scene.js';

const PATIENCE_MS = 20_000;
/** Something hangs. */
const SUITE_MS = 180_000;

describe('the others go on', { concurrency: 3, timeout: SUITE_MS }, () => {
  test('everything that was asked of a stopped postmaster is served when it goes on', async (t) => {
    const scene = sceneOf(t);
    const client = await scene.postmaster({ maxWorkerProcesses: 16 });
    const running = await launch(client, 'idle');
    kill(client.postmasterPid, 'SIGSTOP');
    const another = scene.client(client.directory);
    const asked = [
      Promise.all([1, 2, 3].map(async (n) => (await register(client, 'echo', n)).result())),
      running.getPid(),
      running.terminate().then(() => running.waitForShutdown()),
      client.activity(),
      client.reload({ finalWordsKept: 50 }),
      another.then((other) => other.handle(running.id)).then((handle) => handle.waitForShutdown()),
    ] as const;
    // The worker dies meanwhile as well.
    kill(running.pid);
    const early = await Promise.race([...asked, new Promise((resolve) => setTimeout(resolve, 50, 'nothing yet'))]);
    assert.equal(early, 'nothing yet');
    kill(client.postmasterPid, 'SIGCONT');
    const [results, pid, shutdown, activity, , seen] = await Promise.all(asked);
    assert.deepEqual(results, [1, 2, 3]);
    assert(pid.status === 'started' || pid.status === 'stopped');
    assert(shutdown.status === 'stopped' && seen.status === 'stopped');
    assert.equal(shutdown.reason.signal, 'SIGKILL');
    assert(activity.length >= 1);
  });

  test('a connection that is cut while the postmaster lives: the waits go on and are answered', async (t) => {
    const scene = sceneOf(t);
    const own = await scene.postmaster({ maxWorkerProcesses: 16 });
    const directory = scene.directory();
    const proxy = await openProxy(directory, own.directory);
    t.after(() => proxy.close());
    const client = await scene.client(directory);
    const handle = await launch(client, 'idle');
    const loads = await client.module(fixtureUrl('loadsForever.mjs')).register('default');
    const waits = Promise.all([
      handle.waitForShutdown(),
      handle.waitForShutdown({ until: 'nextDeath' }),
      loads.waitForStartup(),
      handle.result().catch((error: unknown) => error),
    ]);
    for (let cuts = 1; cuts <= 3; cuts += 1) {
      proxy.cut();
      await until(() => proxy.connections > cuts, 'it comes back', PATIENCE_MS);
    }
    assert.equal(client.closed, null);
    assert.equal((await handle.getPid()).status, 'started');
    // Cut again, behind the orders that end the workers.
    await (await own.handle(handle.id)).terminate();
    await (await own.handle(loads.id)).terminate();
    proxy.cut();
    const [end, death, start, result] = await waits;
    assert(end.status === 'stopped' && death.status === 'stopped' && start.status === 'stopped');
    assert.equal(end.reason.kind, 'terminated');
    assert.equal(start.reason.kind, 'terminatedBeforeStart');
    assert.match(String(result), /terminated/);
  });

  test('a registration whose reply is lost with the connection makes exactly one worker', async (t) => {
    const scene = sceneOf(t);
    const own = await scene.postmaster({ maxWorkerProcesses: 16 });
    const directory = scene.directory();
    const proxy = await openProxy(directory, own.directory);
    t.after(() => proxy.close());
    const client = await scene.client(directory);
    for (let round = 1; round <= 3; round += 1) {
      const swallowed = proxy.swallowReplies();
      const registering = register(client, 'idle', undefined, { name: 'once' });
      await swallowed;
      proxy.cut();
      const handle = await registering;
      assert.equal((await handle.waitForStartup()).status, 'started');
      const rows = (await own.activity()).filter(({ name }) => name === 'once');
      assert.deepEqual(
        rows.map((row) => row.handle),
        [handle.id],
      );
      await handle.terminate();
      await handle.waitForShutdown();
    }
  });

  test('a handle whose slot has a new tenant says the last word of its own worker, and harms nobody', async (t) => {
    const client = await sceneOf(t).postmaster({ maxWorkerProcesses: 1 });
    const first = await register(client, 'end', { code: 7 });
    await first.waitForShutdown();
    const tenant = await launch(client, 'idle', undefined, { waitForSlot: true });
    assert.equal(tenant.id.split(':')[1], first.id.split(':')[1]);
    const stale = await (await sceneOf(t).client(client.directory)).handle(first.id);
    await stale.terminate({ timeoutMs: 0 });
    const answer = await stale.waitForShutdown();
    assert(answer.status === 'stopped' && answer.reason.kind === 'exited' && answer.reason.code === 7);
    assert.equal((await tenant.getPid()).status, 'started');
  });

  test('a client that is killed: its workers live on, but for those whose life is tied to it', async (t) => {
    const scene = sceneOf(t);
    const own = await scene.postmaster({ maxWorkerProcesses: 16 });
    const events = own.subscribe();
    const [free, tied] = await clientProcess(scene, own.directory, [
      { name: 'idle', options: { name: 'free' } },
      { name: 'idle', options: { name: 'tied', lifetime: 'client' } },
    ]);
    const end = await (await own.handle(tied.handle)).waitForShutdown();
    assert(end.status === 'stopped' && end.reason.kind === 'clientGone');
    const survivor = await own.handle(free.handle);
    assert.equal((await survivor.getPid()).status, 'started');
    // Whom it would have told is gone; who is there is told of every step.
    await survivor.terminate();
    const seen: string[] = [];
    for await (const { handle, status, missed } of events) {
      assert.equal(missed, 0);
      if (handle === survivor.id) seen.push(status);
      if (handle === survivor.id && status === 'stopped') break;
    }
    assert.equal(seen.at(-1), 'stopped');
  });

  test('a worker killed by any signal says which, and nobody else is harmed', async (t) => {
    const client = await sceneOf(t).postmaster({ maxWorkerProcesses: 16 });
    const bystander = await launch(client, 'idle');
    const signals = ['SIGKILL', 'SIGINT', 'SIGQUIT', 'SIGABRT', 'SIGSEGV', 'SIGBUS', 'SIGTERM'] as const;
    await Promise.all(
      signals.map(async (signal) => {
        const handle = await launch(client, signal === 'SIGTERM' ? 'stubborn' : 'idle');
        kill(handle.pid, signal);
        // It hears this one, and goes on.
        if (signal === 'SIGTERM') kill(handle.pid, 'SIGKILL');
        const end = await handle.waitForShutdown();
        assert(end.status === 'stopped' && end.reason.kind === 'signaled', `${signal}: ${JSON.stringify(end)}`);
        assert.equal(end.reason.signal, signal === 'SIGTERM' ? 'SIGKILL' : signal);
      }),
    );
    assert.equal((await bystander.getPid()).status, 'started');
  });

  test('workers that flood an output which nobody reads delay nobody else', async (t) => {
    const scene = sceneOf(t);
    const application = await scene.application({
      settings: { output: 'raw', maxWorkerProcesses: 8 },
      isDeaf: true,
      workers: [{ name: 'flood' }, { name: 'flood' }],
    });
    const client = await scene.client(application.directory);
    for (let n = 0; n < 3; n += 1) {
      assert.equal((await (await register(client, 'echo', n, { output: 'ignore' })).result()) as number, n);
    }
    const talker = await launch(client, 'answer', undefined, { output: 'ignore' });
    for (let n = 0; n < 10; n += 1) {
      await talker.channel.send(n);
      assert.equal((await talker.channel.receive()).value, n);
    }
    for (const { handle } of application.workers) {
      const flood = await client.handle(handle);
      await flood.terminate({ timeoutMs: 100 });
      assert.equal((await flood.waitForShutdown()).status, 'stopped');
    }
  });

  test('a full disk: a clear error for what needs it, and running workers are unharmed', {
    skip: whyNoDisk() ?? false,
  }, async (t) => {
    const scene = sceneOf(t);
    const disk = scene.directory();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=700', 'none', disk]);
    scene.undoing(() => execFileSync('umount', ['-l', disk]));
    const client = await scene.postmaster({ directory: join(disk, 'd') });
    const running = await launch(client, 'answer');
    fill(join(disk, 'ballast'));
    const tooLarge = register(client, 'echo', Buffer.alloc(1_500_000));
    await assert.rejects(tooLarge, (error: unknown) => {
      const cause = error as NodeJS.ErrnoException;
      assert(error instanceof BgworkerError || cause.code === 'ENOSPC', String(error));
      assert.match(`${cause.message} ${error instanceof BgworkerError ? error.detail : ''}`, /ENOSPC|no space/i);
      return true;
    });
    assert.deepEqual(
      (await client.activity()).map(({ handle }) => handle),
      [running.id],
    );
    await running.channel.send('still');
    assert.equal((await running.channel.receive()).value, 'still');
    // What needs no disk goes on; what failed has left nothing.
    assert.equal((await (await register(client, 'echo', 'small')).result()) as string, 'small');
    rmSync(join(disk, 'ballast'));
    const large = await register(client, 'echo', Buffer.alloc(1_500_000));
    await assert.rejects(large.result(), { code: 'ERR_RESULT_TOO_LARGE' });
  });
});

interface WorkerOfClient {
  readonly handle: string;
  readonly pid: number;
}

/** Starts a client of its own, has it launch two workers, and kills it. */
async function clientProcess(
  scene: Scene,
  directory: string,
  workers: readonly object[],
): Promise<readonly [WorkerOfClient, WorkerOfClient]> {
  const child = fork(fixturePath('client.mjs'), [JSON.stringify({ directory, workers })]);
  scene.add(child.pid);
  const told = await new Promise<readonly [WorkerOfClient, WorkerOfClient]>((resolve, reject) => {
    child.once('message', (message) => resolve(message as never));
    child.once('exit', (code) => reject(new Error(`the client ended with ${code}`)));
  });
  child.kill('SIGKILL');
  await untilGone([child.pid ?? 0]);
  return told;
}

/** Until not another byte fits. */
function fill(path: string): void {
  for (const size of [65_536, 4096, 1]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size), { flag: 'a' });
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    }
  }
}

function whyNoDisk(): string | undefined {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'only who may mount can make a small disk';
  }
}
