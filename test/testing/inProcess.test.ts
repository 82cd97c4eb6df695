/**
 * Functions of workers that run in the test's process: what a user would write to test a program that starts them.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { runtime } from '../../src/client/index.js';
import { run, WorkerError } from '../../src/index.js';
import { defineWorker } from '../../src/worker/index.js';
import { fakeFor, module, register } from './fakeFor.js';
import * as workers from './workers.js';

test('a worker runs without a process, and its pid is one that no process has', async (t) => {
  const fake = await fakeFor(t);
  const handle = await fake.client.launch(workers.obeys);
  const { pid } = handle;
  assert.ok(pid !== null);
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  assert.deepEqual(await fake.client.run(workers.returns, [1]), { value: [1], name: 'returns' });
});

test('the functions of the package use an installed fake, until that is disposed', async (t) => {
  const fake = await fakeFor(t);
  const installed = fake.install();
  assert.deepEqual(await run(workers.returns, 'here'), { value: 'here', name: 'returns' });
  const other = await fakeFor(t);
  other.install();
  installed[Symbol.dispose]();
  await run(workers.returnsNothing);
  assert.deepEqual([fake.starts.length, other.starts.length], [1, 1]);
  await other.close();
  assert.equal(runtime.worker, undefined);
});

test('a stand-in is called in the place of the function, and what it is given and gives is a copy', async (t) => {
  const order = { items: ['tea'] };
  const given: unknown[] = [];
  const fake = await fakeFor(t, {
    functions: {
      pack: (_ctx, arg) => {
        given.push(arg);
        return { packed: arg };
      },
    },
  });
  const result = await fake.client.module(module).run('pack', order);
  assert.deepEqual(result, { packed: order });
  assert.notEqual(given[0], order);
});

test('a worker value that is named needs not to be found; one that is not is refused as always', async (t) => {
  const unexported = defineWorker(import.meta, () => 'made in a test');
  const fake = await fakeFor(t, { functions: { job: unexported } });
  assert.equal(await fake.client.run(unexported), 'made in a test');
  assert.deepEqual(fake.worker('job').entry.functionName, 'job');
  const other = defineWorker(import.meta, () => {});
  await assert.rejects(fake.client.run(other), { code: 'ERR_WORKER_NOT_EXPORTED', hint: /createFakePostmaster/ });
});

test('a function that ignores its signal is left alone when it would have been killed', async (t) => {
  const fake = await fakeFor(t);
  const running = fake.client.run(workers.ignores, undefined, { maxRunMs: 10_000 });
  const failed = assert.rejects(running, (error) => error instanceof WorkerError && error.reason.kind === 'ranTooLong');
  await fake.clock.advance(14_999);
  assert.equal(fake.worker('ignores').stopOrigin, 'ranTooLong');
  assert.equal(fake.worker('ignores').isOver, false);
  await fake.clock.advance(1);
  await failed;
});

test('a function that has not looked at its signal ends at once', async (t) => {
  const fake = await fakeFor(t, { functions: { idles: () => new Promise(() => {}) } });
  const handle = await fake.client.module(module).launch('idles', undefined);
  await handle.terminate();
  const end = await handle.waitForShutdown();
  assert.ok(end.status === 'stopped' && end.reason.kind === 'terminated');
  assert.equal(end.reason.escalated, false);
});

test('readiness, progress, log lines and reloads go their way', async (t) => {
  const reloads: string[] = [];
  const shown: string[] = [];
  const log = (_fields: object, message: string): void => void shown.push(message);
  const fake = await fakeFor(t, {
    logger: { trace: log, debug: log, info: log, warn: log, error: log, fatal: log },
    functions: {
      serve: async (ctx) => {
        ctx.onReload(() => reloads.push('reloaded'));
        ctx.ready();
        for await (const tick of ctx.every(1_000)) ctx.progress(tick, 10);
        ctx.log.info('closing', { port: 80 });
      },
    },
  });
  const handle = await fake.client.module(module).launch('serve', undefined, { until: 'ready' });
  await fake.clock.advance(2_500);
  assert.deepEqual([handle.phase, handle.progress], ['ready', { done: 2, total: 10 }]);
  await fake.client.reload({ maxWorkerProcesses: 3 });
  assert.deepEqual(reloads, ['reloaded']);
  await handle.terminate();
  await handle.waitForShutdown();
  const line = fake.log.find(({ message }) => message === 'closing');
  assert.deepEqual([line?.level, line?.fields['port'], line?.fields['worker']], ['info', 80, 'serve']);
  assert.ok(shown.includes('closing') && !shown.includes('postmaster started'));
});

test('a function has a client of the same postmaster', async (t) => {
  const fake = await fakeFor(t, {
    functions: {
      parent: async (ctx) => {
        const client = await ctx.client;
        return client.run(workers.returns, 'from a child');
      },
    },
  });
  assert.deepEqual(await fake.client.module(module).run('parent', undefined), {
    value: 'from a child',
    name: 'returns',
  });
  const unattached = fake.client.module(module).run('parent', undefined, { attach: false });
  await assert.rejects(unattached, ({ cause }) => cause.code === 'ERR_NOT_ATTACHED');
});

test('an argument too long for a frame is taken as well, and leaves nothing behind', async (t) => {
  const fake = await fakeFor(t);
  const { directory } = fake.client;
  const long = 'x'.repeat(2 * 1024 * 1024);
  const handle = await fake.client.register(workers.throws as never, long as never, { name: 'long' });
  await handle.waitForShutdown();
  assert.equal(fake.worker('long').arg, long);
  await fake.close();
  assert.equal(existsSync(directory), false);
});

test('the clock waits for nobody who never rests, and says so', async (t) => {
  const fake = await fakeFor(t, {
    functions: {
      spins: async (ctx) => {
        while (await ctx.sleep(0)) ctx.progress(1);
      },
    },
  });
  const handle = await register(fake, 'spins');
  await assert.rejects(fake.clock.advance(1), { code: 'ERR_NOT_AT_REST' });
  await handle.terminate();
  assert.equal((await handle.waitForShutdown()).status, 'stopped');
  assert.throws(() => fake.clock.advance(-1), { code: 'ERR_INVALID_ARGUMENT' });
});
