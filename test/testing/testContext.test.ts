/**
 * A worker's function alone: the test calls it with a context, moves the clock, asks it to stop, and looks at what it
 * said.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakePostmaster, createTestClock, createTestContext } from '../../src/testing/index.js';
import type { WorkerContext } from '../../src/worker/index.js';
import { defineWorker } from '../../src/worker/index.js';
import * as workers from './workers.js';

/** As a user's: it prunes every minute until it is asked to stop. */
const prune = defineWorker(import.meta, async (ctx, { days }: { days: number }) => {
  ctx.ready();
  let rounds = 0;
  for await (const tick of ctx.every(60_000)) {
    ctx.progress(tick);
    ctx.log.info('pruned', { days });
    rounds += 1;
  }
  return { rounds };
});

test('a function is called with a context, and what it did is there to be looked at', async () => {
  const context = createTestContext({ entry: { name: 'prune', attempt: 3 } });
  const running = context.run(prune, { days: 30 });
  assert.equal(context.isReady, true);
  await context.clock.advance(150_000);
  await context.terminate();
  assert.deepEqual(await running, { rounds: 2 });
  assert.deepEqual(context.progress, [
    { done: 1, total: null },
    { done: 2, total: null },
  ]);
  assert.deepEqual(context.log[0], { level: 'info', message: 'pruned', fields: { days: 30 } });
  assert.deepEqual([context.ctx.entry.name, context.ctx.entry.attempt], ['prune', 3]);
});

test('time passes when the test says so: a sleep, a tick, the time-out of a latch', async () => {
  const context = createTestContext();
  const { ctx, clock } = context;
  const said: string[] = [];
  const sleeping = ctx.sleep(1_000).then((isOver) => said.push(`slept: ${isOver}`));
  const waiting = ctx.latch.wait({ timeoutMs: 500 }).then((event) => said.push(event));
  await clock.advance(499);
  assert.deepEqual(said, []);
  await clock.advance(1);
  assert.deepEqual(said, ['timeout']);
  await clock.advance(500);
  assert.deepEqual(said, ['timeout', 'slept: true']);
  await Promise.all([sleeping, waiting]);
  await assert.rejects(ctx.sleep(-1), { code: 'ERR_INVALID_ARGUMENT' });
});

test('one who is asked to stop hears it by everything that ends with it', async () => {
  const context = createTestContext();
  const { ctx } = context;
  assert.equal(context.heedsStop, false);
  const sleeping = ctx.sleep(1_000);
  const waiting = assert.rejects(ctx.latch.wait(), { code: 'ERR_WORKER_RESTARTING' });
  const mine = AbortSignal.abort('mine');
  await assert.rejects(ctx.latch.wait({ signal: mine }), (reason) => reason === 'mine');
  assert.equal(context.heedsStop, true);
  await context.terminate('restart');
  await context.terminate('terminate');
  assert.equal(await sleeping, false);
  await waiting;
  await ctx.terminated;
  assert.equal(ctx.signal.reason.code, 'ERR_WORKER_RESTARTING');
  assert.equal(await ctx.sleep(1), false);
});

test('one that heeds nothing is over at once, as its process would be', async () => {
  const context = createTestContext();
  const running = context.run(async () => new Promise(() => {}));
  const over = assert.rejects(running, { code: 'ERR_POSTMASTER_DIED' });
  await context.terminate('postmasterDied');
  await over;
});

test('a function that throws, or ends with the reason of its signal, rejects with that', async () => {
  await assert.rejects(createTestContext().run(workers.throws), { code: 'ERR_FAR' });
  const context = createTestContext();
  const obeying = assert.rejects(context.run(workers.obeys), { code: 'ERR_WORKER_TERMINATED' });
  await context.terminate();
  await obeying;
});

test('argument and result are copies, and what cannot be sent is refused', async () => {
  const context = createTestContext();
  const arg = { list: [1] };
  const seen = await context.run((_ctx, given: typeof arg) => given, arg);
  assert.deepEqual(seen, arg);
  assert.notEqual(seen, arg);
  await assert.rejects(
    context.run(workers.returns, () => {}),
    { code: 'ERR_NOT_SERIALIZABLE' },
  );
  await assert.rejects(context.run(workers.returnsWhatCannotBeSent), { code: 'ERR_NOT_SERIALIZABLE' });
  assert.equal(await context.run(workers.returnsNothing), undefined);
});

test('the other end of the channel is the test', async () => {
  const context = createTestContext();
  const running = context.run(async (ctx: WorkerContext) => {
    const heard: unknown[] = [];
    for await (const value of ctx.channel) {
      heard.push(value);
      await ctx.channel.send({ heard: heard.length });
    }
    return heard;
  });
  await context.channel.send('one');
  await context.channel.send(new Uint8Array(700_000));
  assert.equal(context.ctx.latch.isSet, true);
  assert.deepEqual((await context.channel.receive()).value, { heard: 1 });
  assert.deepEqual((await context.channel.receive()).value, { heard: 2 });
  context.channel.end();
  assert.deepEqual(await running, ['one', new Uint8Array(700_000)]);
});

test('reloads are heard by those who listen, and set the latch', async () => {
  const context = createTestContext();
  const reloads: string[] = [];
  const unlisten = context.ctx.onReload(() => reloads.push('one'));
  context.ctx.onReload(() => reloads.push('two'));
  await context.reload();
  unlisten();
  context.ctx.latch.reset();
  await context.reload();
  assert.deepEqual(reloads, ['one', 'two', 'two']);
  assert.equal(context.ctx.latch.isSet, true);
});

test('its client is the one it was given, a fake for example; without one it has none', async () => {
  await assert.rejects(createTestContext().ctx.client, { code: 'ERR_NOT_ATTACHED' });
  const { ...looked } = createTestContext().ctx;
  assert.ok(looked.client instanceof Promise);
  const fake = await createFakePostmaster();
  const { client, clock } = fake;
  const context = createTestContext({ client, clock });
  const answer = await context.run(async (ctx: WorkerContext) => (await ctx.client).run(workers.returns, 1));
  assert.deepEqual(answer, { value: 1, name: 'returns' });
  assert.equal(context.clock, clock);
  await fake.close();
});

test('what is said of progress is checked as in a process', () => {
  const { ctx } = createTestContext();
  assert.throws(() => ctx.progress(Number.NaN), TypeError);
  assert.throws(() => ctx.progress(1, Number.POSITIVE_INFINITY), TypeError);
});

test('a clock of its own goes on from the date it was given', async () => {
  const clock = createTestClock({ startDate: new Date('2030-06-01T12:00:00Z') });
  await Promise.all([clock.advance(1_000), clock.advance(500)]);
  assert.deepEqual([clock.now(), clock.date.toISOString()], [1_500, '2030-06-01T12:00:01.500Z']);
});
