/**
 * What a user would write: tests of a program that has to cope with whatever becomes of its workers. The test plays
 * them, or has their starts fail, and moves the clock.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryLinkOf } from '../../src/client/index.js';
import { PostmasterDiedError, run, TooManyWorkersError, WorkerStartError } from '../../src/index.js';
import { createFakePostmaster } from '../../src/testing/index.js';
import { fakeFor, module, register } from './fakeFor.js';
import * as workers from './workers.js';

test('a fake opens nothing that would keep a process alive', async () => {
  const before = process.getActiveResourcesInfo();
  const fake = await createFakePostmaster({ byHand: true });
  const handle = await register(fake, 'prune');
  void handle.waitForStartup();
  await fake.clock.settled();
  assert.deepEqual(openedSince(before), []);
  await fake.close();
  assert.deepEqual(openedSince(before), []);
});

test('a worker that fails is started again after its backoff, and not a millisecond before', async (t) => {
  const fake = await fakeFor(t, { byHand: ['prune'], startDate: new Date('2030-01-01T00:00:00Z') });
  const handle = await register(fake, 'prune', {
    restart: 'onFailure',
    restartBackoff: { factor: 3, maxMs: 60_000, jitter: 0.2 },
  });
  const first = await fake.nextStart('prune');
  await first.enter();
  assert.equal((await handle.waitForStartup()).status, 'started');
  await first.throw(new Error('no database'));
  assert.deepEqual([handle.status, handle.reason?.kind], ['stopped', 'threw']);
  const death = await handle.waitForShutdown({ until: 'nextDeath' });
  assert.ok(death.status === 'stopped');
  assert.equal(death.retryAt?.toISOString(), '2030-01-01T00:00:01.000Z');

  await fake.clock.advance(999);
  assert.equal(fake.starts.length, 1);
  await fake.clock.advance(1);
  const second = await fake.nextStart();
  assert.equal(second.attempt, 2);
  await second.failToStart({ kind: 'moduleThrew', error: new Error('still none') });
  await fake.clock.advance(2_999);
  assert.equal(handle.attempts, 2);
  await fake.clock.advance(1);
  assert.equal(handle.attempts, 3);
});

test('a kind of failure that there is not is refused where it is asked for', async (t) => {
  const fake = await fakeFor(t, { byHand: true });
  const asked = { kind: 'modulNotFound' } as never;
  const refused = { code: 'ERR_INVALID_ARGUMENT', hint: 'did you mean moduleNotFound?' };
  assert.throws(() => fake.failNextStart(asked), refused);
  assert.throws(() => fake.failNextStart({ kind: 'nope' } as never), { hint: /^give one of spawnFailed, / });
  const handle = await register(fake, 'prune');
  const worker = await fake.nextStart('prune');
  await assert.rejects(worker.failToStart(asked), refused);
  await worker.enter();
  assert.equal(handle.status, 'started');
});

test('the dice are in the hand of the test', async (t) => {
  const fake = await fakeFor(t, { chance: () => 0, startDate: new Date(0) });
  fake.failNextStart({ kind: 'moduleNotFound' });
  const handle = await register(fake, 'prune', {
    restart: 'always',
    restartBackoff: { factor: 1, maxMs: 60_000, jitter: 0.2 },
  });
  const answer = await handle.waitForStartup();
  assert.ok(answer.status === 'stopped');
  assert.equal(answer.retryAt?.getTime(), 800);
});

test('a worker that fails ten times within a minute is given up', async (t) => {
  const fake = await fakeFor(t);
  fake.failNextStart({ kind: 'spawnFailed', errno: 'EAGAIN' }, { name: 'prune', times: Number.POSITIVE_INFINITY });
  const handle = await register(fake, 'prune', { restart: 'always' });
  await fake.clock.advance(8_999);
  assert.deepEqual([handle.attempts, handle.reason?.kind], [9, 'spawnFailed']);
  await fake.clock.advance(1);
  const end = await handle.waitForShutdown();
  assert.ok(end.status === 'stopped');
  assert.deepEqual([end.reason.kind, handle.attempts], ['crashLoop', 10]);
});

test('a start fails once as it is told to, for the worker that is named, and launch says why', async (t) => {
  const fake = await fakeFor(t);
  fake.failNextStart({ kind: 'exportMissing', exports: ['other'] }, { name: 'returnsNothing' });
  fake.failNextStart({ kind: 'diedBeforeRuntime', signal: 'SIGSEGV', output: 'no libc' });
  await assert.rejects(fake.client.launch(workers.obeys), (error) => {
    assert.ok(error instanceof WorkerStartError);
    assert.deepEqual(
      [error.reason.kind, error.reason.signal, error.reason.output],
      ['diedBeforeRuntime', 'SIGSEGV', 'no libc'],
    );
    return true;
  });
  await assert.rejects(fake.client.run(workers.returnsNothing), { hint: /other/ });
  await fake.client.run(workers.returnsNothing);
});

test('no slot, no worker; and when one is free, there is one', async (t) => {
  const fake = await fakeFor(t, { maxWorkerProcesses: 1, classes: {}, maxParallelWorkers: 0 });
  const handle = await fake.client.launch(workers.obeys);
  await assert.rejects(fake.client.run(workers.returnsNothing), TooManyWorkersError);
  assert.equal(await fake.client.tryRegister(workers.returnsNothing), null);
  const waiting = fake.client.run(workers.returns, 1, { waitForSlot: true });
  await handle.terminate();
  assert.deepEqual(await waiting, { value: 1, name: 'returns' });
});

test('a fake has no shared memory, and says so', async (t) => {
  const { client } = await fakeFor(t);
  const joining = memoryLinkOf(client).ask({ type: 'memoryJoin' }, () => {});
  await assert.rejects(joining, { code: 'ERR_NO_SHARED_MEMORY', message: 'a fake postmaster has no shared memory' });
  assert.equal((await client.postmasterStatus()).segments.used, 0);
});

test('a worker that does not stop when it is asked to is killed when its time is over', async (t) => {
  const fake = await fakeFor(t, { byHand: true });
  const handle = await register(fake, 'prune', { terminateTimeoutMs: 300 });
  const worker = await fake.nextStart();
  await worker.enter();
  await handle.terminate();
  assert.equal(await worker.askedToStop, 'terminate');
  await fake.clock.advance(299);
  assert.deepEqual([handle.status, worker.isOver], ['started', false]);
  await fake.clock.advance(1);
  const end = await handle.waitForShutdown();
  assert.ok(end.status === 'stopped' && end.reason.kind === 'terminated');
  assert.deepEqual([end.reason.escalated, end.reason.signal, worker.isOver], [true, 'SIGKILL', true]);
  await worker.return('too late');
  assert.equal((await handle.waitForShutdown()).status, 'stopped');
});

test('what a worker uses, prints and ends of is what the test says', async (t) => {
  const fake = await fakeFor(t, { byHand: true });
  const handle = await register(fake, 'grow', { resourceLimits: { maxRssBytes: 100_000_000 } });
  const worker = await fake.nextStart();
  await worker.enter();
  worker.print('growing\n');
  await fake.clock.advance(60_000);
  assert.equal(handle.status, 'started');
  worker.useMemory(100_000_001);
  await fake.clock.advance(500);
  const { reason } = handle;
  assert.deepEqual([reason?.kind, reason?.output], ['memoryLimit', 'growing\n']);
  await register(fake, 'explode');
  const other = await fake.nextStart('explode');
  await other.load();
  await other.runOutOfMemory();
  assert.deepEqual(other.phase, null);
});

test('a channel carries values both ways, to a worker by hand and to a function', async (t) => {
  const fake = await fakeFor(t, {
    byHand: ['speaks'],
    functions: {
      echoes: async (ctx) => {
        for await (const value of ctx.channel) await ctx.channel.send([value]);
      },
    },
  });
  const spoken = await register(fake, 'speaks');
  const worker = await fake.nextStart();
  await worker.enter();
  await spoken.channel.send(new Date(7));
  assert.deepEqual(await worker.channel.receive(), { done: false, value: new Date(7) });
  await worker.channel.send(new Uint8Array(300_000));
  await worker.return();
  const heard: unknown[] = [];
  for await (const value of spoken.channel) heard.push(value);
  assert.deepEqual(heard, [new Uint8Array(300_000)]);

  const echoing = await register(fake, 'echoes');
  await echoing.channel.send('a');
  await echoing.channel.end();
  assert.deepEqual(await echoing.channel.receive(), { done: false, value: ['a'] });
  assert.equal((await echoing.waitForShutdown()).status, 'stopped');
});

test('spares are there when their time has come, serve a start, and go', async (t) => {
  const fake = await fakeFor(t, { spareWorkers: 1, spareIdleMs: 60_000 });
  await fake.clock.advance(1_000);
  assert.equal((await fake.client.spares()).idle, 1);
  const handle = await fake.client.launch(workers.obeys);
  assert.deepEqual(handle.startedFrom, { kind: 'spare' });
  await fake.clock.advance(1_000);
  fake.failNextStart({ kind: 'diedBeforeRuntime', code: 3 });
  const other = await fake.client.register(workers.obeys);
  const answer = await other.waitForStartup();
  assert.ok(answer.status === 'stopped');
  assert.deepEqual(
    [answer.reason.kind, other.startedFrom],
    ['diedBeforeRuntime', { kind: 'cold', because: 'spareLost' }],
  );
  await fake.clock.advance(62_000);
  assert.equal((await fake.client.spares()).idle, 0);
});

test('when the postmaster dies, every wait says so, and every worker is told', async (t) => {
  const reasons: unknown[] = [];
  const fake = await fakeFor(t, {
    byHand: ['prune'],
    functions: {
      serve: async (ctx) => {
        await ctx.terminated;
        reasons.push(ctx.signal.reason.code);
      },
    },
  });
  fake.install();
  const handle = await register(fake, 'prune');
  const serving = await fake.client.module(module).launch('serve', undefined);
  const worker = await fake.nextStart('prune');
  const waits = [handle.waitForStartup(), handle.waitForShutdown(), serving.waitForShutdown()];
  const result = assert.rejects(handle.result(), PostmasterDiedError);
  await fake.crash();
  for (const wait of waits) assert.equal((await wait).status, 'postmasterDied');
  await result;
  assert.deepEqual([await worker.askedToStop, reasons], ['postmasterDied', ['ERR_POSTMASTER_DIED']]);
  assert.equal(worker.isOver, false);
  await fake.clock.advance(1_000);
  assert.equal(worker.isOver, true);

  const dead = fake.client;
  assert.equal(dead.closed, 'postmasterDied');
  assert.deepEqual(await run(workers.returns, 2), { value: 2, name: 'returns' });
  assert.notEqual(fake.client.epoch, dead.epoch);
  assert.equal(handle.status, 'postmasterDied');
});

test('a worker whose life is tied to a client ends with it, and others do not', async (t) => {
  const fake = await fakeFor(t, { byHand: true });
  const other = await fake.connect();
  const tied = await other.module(module).register('tied', undefined, { lifetime: 'client' });
  await other.module(module).register('free', undefined);
  const seen = await fake.client.handle(tied.id);
  await fake.clock.settled();
  await other.close();
  assert.equal(await fake.worker(tied).askedToStop, 'clientGone');
  assert.equal(fake.worker('free').stopOrigin, null);
  await fake.worker('tied').stop();
  assert.equal(seen.reason?.kind, 'clientGone');
});

test('workers of the settings are there from the start, and a setting that is wrong is refused', async (t) => {
  const startDate = new Date('2030-01-01T00:00:00Z');
  const fake = await fakeFor(t, { startDate, workers: [{ worker: workers.obeys, name: 'always there' }] });
  assert.deepEqual((await fake.client.postmasterStatus()).startedAt, startDate);
  await fake.clock.settled();
  assert.deepEqual(
    (await fake.client.activity()).map(({ name, status }) => [name, status]),
    [['always there', 'started']],
  );
  await assert.rejects(createFakePostmaster({ maxWorkerProcesses: -1 }), { code: 'ERR_INVALID_SETTING' });
});

test('a script is played by hand', async (t) => {
  const fake = await fakeFor(t);
  const handle = await fake.client.script('file:///app/server.js').register({ args: ['--port', '80'] });
  const worker = await fake.nextStart('server.js');
  assert.deepEqual(worker.definition.args, ['--port', '80']);
  await worker.return();
  assert.equal((await handle.waitForShutdown()).status, 'stopped');
});

test('whoever waits for a start may give up, and asks for one that was never made in vain', async (t) => {
  const fake = await fakeFor(t);
  await assert.rejects(
    fake.nextStart('prune', { signal: AbortSignal.abort('enough') }),
    (reason) => reason === 'enough',
  );
  const controller = new AbortController();
  const waiting = fake.nextStart('prune', { signal: controller.signal });
  controller.abort('enough');
  await assert.rejects(waiting, (reason) => reason === 'enough');
  assert.throws(() => fake.worker('prune'), { code: 'ERR_UNKNOWN_WORKER' });
});

test('a client that is told more than a socket takes knows the newest in the end', async (t) => {
  const count = 60;
  const fake = await fakeFor(t, { byHand: true, maxWorkerProcesses: count });
  const handles = await Promise.all(Array.from({ length: count }, () => register(fake, 'prune')));
  for (const _ of handles) await fake.nextStart();
  const subscription = fake.client.subscribe();
  await fake.clock.settled();
  // More than a socket takes, and all before the client can read any of it.
  for (const worker of fake.starts) {
    void worker.enter();
    void worker.exit({ code: 1, output: 'x'.repeat(8_000) });
  }
  await fake.clock.settled();
  assert.deepEqual(
    handles.map(({ status }) => status),
    handles.map(() => 'stopped'),
  );
  await fake.client.close();
  let missed = 0;
  for await (const event of subscription) missed += event.missed;
  assert.ok(missed > 0 && missed < count, `${missed} were missed`);
});

test('it works while the timers of the process are faked', async (t) => {
  t.mock.timers.enable();
  const fake = await fakeFor(t, { startDate: new Date(0) });
  fake.failNextStart({ kind: 'spawnFailed' });
  const handle = await fake.client.register(workers.returnsNothing, undefined, { restart: 'onFailure' });
  await handle.waitForStartup();
  await fake.clock.advance(1_000);
  assert.deepEqual([handle.status, handle.attempts, fake.clock.date.getTime()], ['stopped', 2, 1_000]);
  await fake.close();
});

function openedSince(before: readonly string[]): readonly string[] {
  const known = [...before];
  return process.getActiveResourcesInfo().filter((resource) => {
    const index = known.indexOf(resource);
    if (index !== -1) known.splice(index, 1);
    return index === -1;
  });
}
