/**
 * What `ctx` offers beside stopping: its entry, telling, reloading, the channel, the client.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deserializeValue, serializeValue } from '../../src/protocol/index.js';
import type { WorkerProcess } from './workerProcess.js';
import { withWorker } from './workerProcess.js';

const module = 'running.mjs';

async function resultOf(worker: WorkerProcess): Promise<unknown> {
  const said = await worker.said();
  assert.equal(said?.word, 'returned', JSON.stringify(said));
  const bytes = worker.told.at(-1)?.attachments[0];
  return bytes && deserializeValue(bytes);
}

test('a worker knows who it is, and its process shows it', () =>
  withWorker(
    { module, functionName: 'describesItself', worker: { name: 'my\u001bworker', type: 't', nice: 3 } },
    async (worker) => {
      const { entry, title, priority, role, argv1, ctx } = (await resultOf(worker)) as Record<string, unknown>;
      assert.deepEqual(entry, {
        name: 'my\u001bworker',
        type: 't',
        class: 'default',
        module: worker.module,
        functionName: 'describesItself',
        handle: 'e1:3:7',
        attempt: 1,
        restart: 'never',
      });
      assert.equal(title, 'bgworker: my worker');
      assert.equal(priority, 3);
      assert.equal(role, null);
      assert.match(String(argv1), /worker\/boot\.cjs$/);
      assert.deepEqual(ctx, [
        'entry',
        'signal',
        'terminated',
        'sleep',
        'every',
        'latch',
        'ready',
        'progress',
        'log',
        'channel',
        'client',
        'onReload',
      ]);
    },
  ));

test('ready is told once, progress seldom but its last always, log lines in both orders of arguments', () =>
  withWorker({ module, functionName: 'tells' }, async (worker) => {
    await worker.said();
    assert.equal(worker.of('ready').length, 1);
    const progress = worker.of('progress');
    assert.deepEqual(
      [progress[0], progress.at(-1)],
      [
        { type: 'progress', done: 0, total: 1000 },
        { type: 'progress', done: 1000, total: 1000 },
      ],
    );
    assert.ok(progress.length <= 5, `${progress.length} messages`);
    const lines = worker.of('log');
    assert.deepEqual(
      lines.map(({ level, message }) => [level, message]),
      [
        ['info', 'message first'],
        ['warn', 'fields first'],
        ['error', 'an error'],
        ['debug', 'with an error'],
        ['fatal', 'a cycle'],
        ['trace', 'only a message'],
      ],
    );
    const [info, warn, error, debug, fatal, trace] = lines.map(({ fields }) => fields as unknown);
    assert.deepEqual([info, warn, trace], [{ n: 1 }, { n: '2' }, null]);
    assert.equal((error as { err: { name: string } }).err.name, 'RangeError');
    assert.equal((debug as { err: { message: string } }).err.message, 'inner');
    assert.match((fatal as { shown: string }).shown, /Circular/);
    assert.equal(worker.types.split(' ').at(-1), 'said');
  }));

test('a reload reaches its listeners, by SIGHUP and by order', () =>
  withWorker({ module, functionName: 'reloads' }, async (worker) => {
    await worker.hears(/here/);
    worker.child.kill('SIGHUP');
    await worker.hears(/reloaded/);
    worker.order({ type: 'reload' });
    assert.equal(await resultOf(worker), 2);
  }));

test('SIGHUP does nothing to a worker that does not listen', () =>
  withWorker({ module, functionName: 'ignoresStop' }, async (worker) => {
    await worker.hears(/here/);
    worker.child.kill('SIGHUP');
    worker.order({ type: 'terminate', order: 'terminate' });
    assert.equal((await worker.said())?.word, 'stoppedAsAsked');
  }));

test('values go through the channel both ways, and its end ends the loop', () =>
  withWorker({ module, functionName: 'echoes' }, async (worker) => {
    await worker.hears(/here/);
    for (const value of [{ n: 1 }, 'two'])
      worker.order({ type: 'channelData', more: false }, [serializeValue(value, 'value')]);
    worker.order({ type: 'channelEnd' });
    assert.equal(await resultOf(worker), 2);
    const data = worker.told.filter(({ message }) => message.type === 'channelData');
    assert.deepEqual(
      data.map(({ attachments }) => deserializeValue(attachments[0]!)),
      [{ n: 1 }, 'two'],
    );
    assert.equal(worker.of('channelEnd').length, 1);
  }));

test("the client's death ends the loop, and the worker's end of the channel is said once", () =>
  withWorker({ module, functionName: 'echoes' }, async (worker) => {
    await worker.hears(/here/);
    worker.order({ type: 'channelData', more: false }, [serializeValue(1, 'value')]);
    await worker.hears('channelData');
    worker.order({ type: 'channelClosed' });
    assert.equal(await resultOf(worker), 1);
    assert.equal(worker.of('channelEnd').length, 1);
  }));

test('what is sent while the code for it is being loaded by somebody else goes in order', () =>
  withWorker(
    { module, functionName: 'sendsWhileImporting', arg: new URL('../../src/protocol/index.js', import.meta.url).href },
    async (worker) => {
      await resultOf(worker);
      const data = worker.told.filter(({ message }) => message.type === 'channelData');
      assert.deepEqual(
        data.map(({ attachments }) => deserializeValue(attachments[0]!)),
        [1, 2, 3, 4],
      );
    },
  ));

test('a worker that is not attached may not ask for its client, and may spread its context', () =>
  withWorker({ module, functionName: 'asksForClient', worker: { attach: false } }, async (worker) => {
    assert.equal(await resultOf(worker), 'ERR_NOT_ATTACHED');
  }));

test('a module that starts workers when it is imported is refused', () =>
  withWorker(
    { files: { 'a.mjs': "await globalThis[Symbol.for('bgworker.runtime')].worker.client(); export default () => {}" } },
    async (worker) => {
      const said = await worker.said();
      assert.equal(said?.word, 'moduleThrew');
      assert.equal(said.error.code, 'ERR_WORKER_LOADING');
    },
  ));
