/**
 * Being asked to stop, by the postmaster, by a signal, or by the postmaster's death: who listens is told and ends by
 * himself, who does not ends at once, and who asked is always known.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OrderMessage } from '../../src/protocol/index.js';
import { deserializeValue } from '../../src/protocol/index.js';
import type { WorkerProcess } from './workerProcess.js';
import { withWorker } from './workerProcess.js';

const running = 'running.mjs';

async function resultOf(worker: WorkerProcess): Promise<unknown> {
  const said = await worker.said();
  assert.equal(said?.word, 'returned', JSON.stringify(said));
  assert.equal(said.asked, true);
  const bytes = worker.told.at(-1)?.attachments[0];
  return bytes && deserializeValue(bytes);
}

const asks: readonly [
  title: string,
  ask: (worker: WorkerProcess) => void,
  by: 'postmaster' | 'signal',
  code: string,
][] = [
  ['an order and SIGTERM', (worker) => worker.terminate(), 'postmaster', 'ERR_WORKER_TERMINATED'],
  [
    'an order alone',
    (worker) => worker.order({ type: 'terminate', order: 'restart' }),
    'postmaster',
    'ERR_WORKER_RESTARTING',
  ],
  ['SIGTERM alone', (worker) => worker.child.kill('SIGTERM'), 'signal', 'ERR_WORKER_SIGNALED'],
  ["the postmaster's death", (worker) => worker.dieAsPostmaster(), 'postmaster', 'ERR_POSTMASTER_DIED'],
];

test('what only a newer postmaster says is not heard, and its order to stop is one, whatever the cause', () =>
  withWorker({ module: running, functionName: 'readsSignal' }, async (worker) => {
    await worker.hears(/here/);
    worker.order({ type: 'ofANewerVersion', field: 1 } as unknown as OrderMessage);
    worker.order({ type: 'terminate', order: 'evicted' } as unknown as OrderMessage);
    assert.equal(((await resultOf(worker)) as { code: string }).code, 'ERR_WORKER_TERMINATED');
    assert.equal((await worker.ended).code, 0);
  }));

for (const [title, ask, by, code] of asks) {
  test(`a worker that does not listen ends at once: ${title}`, () =>
    withWorker({ module: running, functionName: 'ignoresStop' }, async (worker) => {
      await worker.hears(/here/);
      ask(worker);
      assert.deepEqual(await worker.said(), { word: 'stoppedAsAsked', by });
      assert.deepEqual(await worker.ended, { code: 1, signal: null });
    }));

  test(`a worker that reads its signal is told why: ${title}`, () =>
    withWorker({ module: running, functionName: 'readsSignal' }, async (worker) => {
      await worker.hears(/here/);
      ask(worker);
      assert.equal(((await resultOf(worker)) as { code: string }).code, code);
      assert.equal((await worker.ended).code, 0);
    }));

  // By itself an order is no signal, so who listens for the signal alone is not reached by it.
  if (code !== 'ERR_WORKER_RESTARTING') {
    test(`a worker that listens for SIGTERM itself is left to end: ${title}`, () =>
      withWorker({ module: running, functionName: 'listensForSigterm' }, async (worker) => {
        await worker.hears(/here/);
        ask(worker);
        assert.equal(await resultOf(worker), 'heard');
      }));
  }

  test(`a worker whose module still loads ends at once: ${title}`, () =>
    withWorker(
      { files: { 'a.mjs': "console.log('here'); await new Promise(() => setInterval(() => {}, 9e6))" } },
      async (worker) => {
        await worker.hears(/here/);
        ask(worker);
        assert.deepEqual(await worker.said(), { word: 'stoppedAsAsked', by });
        assert.equal((await worker.ended).code, 1);
      },
    ));
}

for (const order of ['ranTooLong', 'clientGone', 'postmasterShutdown'] as const) {
  test(`the reason names the order ${order}`, () =>
    withWorker({ module: running, functionName: 'readsSignal' }, async (worker) => {
      await worker.hears(/here/);
      worker.order({ type: 'terminate', order } satisfies OrderMessage);
      assert.equal(((await resultOf(worker)) as { origin: string }).origin, order);
    }));
}

test('a function that rejects with what became of its signal has obeyed', () =>
  withWorker({ module: running, functionName: 'rejectsWithReason' }, async (worker) => {
    await worker.hears(/here/);
    worker.terminate();
    assert.deepEqual(await worker.said(), { word: 'stoppedAsAsked', by: 'postmaster' });
    assert.equal((await worker.ended).code, 1);
  }));

test('a function that fails after it was asked has failed', () =>
  withWorker({ module: running, functionName: 'rejectsForAnotherReason' }, async (worker) => {
    await worker.hears(/here/);
    worker.terminate();
    const said = await worker.said();
    assert.equal(said?.word, 'threw');
    assert.equal(said.error.message, 'in the cleaning up');
  }));

test('a script that does not listen ends at once', () =>
  withWorker(
    { files: { 'a.mjs': "setInterval(() => {}, 9e6); console.log('here')" }, functionName: null },
    async (worker) => {
      await worker.hears('entered');
      worker.terminate();
      assert.deepEqual(await worker.said(), { word: 'stoppedAsAsked', by: 'postmaster' });
    },
  ));

for (const [fn, result] of [
  ['sleeps', [true, false, false]],
  ['awaitsTerminated', 'asked'],
  ['awaitsAnySignal', 'ERR_WORKER_TERMINATED'],
  ['waitsForLatch', ['latchSet', 'latchSet', 'timeout', 'own', 'ERR_WORKER_TERMINATED']],
] as const) {
  test(`${fn}: what waits for the end holds the process, and ends with it`, () =>
    withWorker({ module: running, functionName: fn }, async (worker) => {
      await worker.hears(/here/);
      worker.terminate();
      assert.deepEqual(await resultOf(worker), result);
    }));
}

test('ticks come at a fixed rate, skip what was missed, and end', () =>
  withWorker({ module: running, functionName: 'ticks', arg: 4 }, async (worker) => {
    await worker.hears(/here/);
    worker.terminate();
    const ticks = (await resultOf(worker)) as number[];
    assert.equal(ticks[0], 1);
    assert.ok(ticks[1]! >= 4, `three were missed: ${ticks.join()}`);
    assert.deepEqual(
      ticks,
      [...new Set(ticks)].sort((one, other) => one - other),
    );
  }));

test('a SIGTERM that comes before the job is obeyed', () =>
  withWorker({ files: { 'a.mjs': '' }, job: false }, async (worker) => {
    await worker.hears('hello');
    worker.order({ type: 'terminate', order: 'terminate' });
    worker.child.kill('SIGTERM');
    assert.deepEqual(await worker.said(), { word: 'stoppedAsAsked', by: 'postmaster' });
  }));

test('what comes before the job does not take its place', () =>
  withWorker({ files: { 'a.mjs': 'export default () => {}' }, job: false }, async (worker) => {
    worker.order({ type: 'reload' });
    await worker.hears('hello');
    worker.giveJob();
    assert.equal((await worker.said())?.word, 'returned');
  }));

test("the postmaster's death before the job ends the process", () =>
  withWorker({ files: { 'a.mjs': '' }, job: false }, async (worker) => {
    await worker.hears('hello');
    worker.dieAsPostmaster();
    assert.deepEqual(await worker.ended, { code: 1, signal: null });
  }));
