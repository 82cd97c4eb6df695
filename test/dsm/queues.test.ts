/** Message queues between an application and its workers, with a real postmaster, real ends and real deaths. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DsmSegment, MessageReceiver } from '../../src/dsm/index.js';
import {
  createSegment,
  peerOf,
  toReadable,
  toReadableStream,
  toValueReceiver,
  toValueSender,
  toWritable,
} from '../../src/dsm/index.js';
import type { BackgroundWorkerHandle, Client } from '../../src/index.js';
import { startPostmaster } from '../../src/index.js';
import { root } from '../process/support/fixtures.js';
import { untilAsked } from '../process/support/patience.js';
import type { Item } from './queueWorkers.js';
import { echoBlocking, echoValues, makeQueues, neverAttach, pipe, QUEUE_BYTES, sendAndDie } from './queueWorkers.js';

const died = { code: 'ERR_PEER_DIED' };

let client: Client;
before(async () => {
  client = await startPostmaster({ maxWorkerProcesses: 8, spareWorkers: 1, output: 'ignore', logLevel: 'silent' });
});
after(() => client.close());

const make = (): Promise<DsmSegment> => createSegment(2 * QUEUE_BYTES, { client });

/** Until it ends otherwise than by an interruption, after each of which the event loop has its turn. */
async function receiveStubbornly(receiver: MessageReceiver): Promise<Uint8Array | string> {
  for (;;) {
    try {
      return receiver.receiveBlocking();
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_WAIT_INTERRUPTED') throw error;
      await nextTurn();
    }
  }
}

test('values go to a worker and come back as they were, in order, and then the worker is told that this was all', async () => {
  using segment = await make();
  const { there, back } = makeQueues(segment);
  const handle = await client.launch(echoValues, String(segment));
  const peer = peerOf(handle);
  const sender = toValueSender<Item>(there.sender({ peer }));
  const itemOf = (id: number): Item => {
    return { id, name: `number ${id}`, at: new Date(id), bytes: new Uint8Array(id === 50 ? 100_000 : 10).fill(id) };
  };
  const sending = (async () => {
    for (let id = 0; id < 100; id++) assert.equal(await sender.send(itemOf(id)), 'sent');
    sender.detach();
  })();
  let id = 0;
  for await (const item of toValueReceiver<Item>(back.receiver({ peer }))) assert.deepEqual(item, itemOf(id++));
  await sending;
  assert.equal(id, 100);
  assert.equal(await handle.result(), 100);
});

function crashAtImport(): Promise<BackgroundWorkerHandle> {
  return client.module(`${root}test/fixtures/dsm/crashes.mjs`).register('main');
}

const neverThere: { readonly [how: string]: () => Promise<BackgroundWorkerHandle> } = {
  'returned at once': () => client.launch(neverAttach, 'return'),
  'crashed at import': crashAtImport,
  'was killed': async () => {
    const handle = await client.launch(neverAttach, 'stay', { until: 'ready' });
    process.kill(handle.pid ?? 0, 'SIGKILL');
    return handle;
  },
};
for (const [how, launch] of Object.entries(neverThere)) {
  test(`F-70: a worker that ${how} and never attached ends a receive, and a send into a full ring, by its handle`, async () => {
    using segment = await make();
    const { there, back } = makeQueues(segment);
    const handle = await launch();
    const peer = peerOf(handle);
    const sender = there.sender({ peer });
    const receiver = back.receiver({ peer });
    const filling = (async () => {
      while ((await sender.send(new Uint8Array(1000))) === 'sent');
    })();
    await Promise.all([assert.rejects(receiver.receive(), died), assert.rejects(filling, died)]);
  });

  test(`F-70: a worker that ${how} and never attached ends a blocking receive by its handle`, async () => {
    using segment = await make();
    const receiver = makeQueues(segment).back.receiver({ peer: peerOf(await launch()) });
    await assert.rejects(receiveStubbornly(receiver), died);
  });
}

test('R-MQ-33: what a worker had sent before it was killed arrives, and then its death is told', async () => {
  const count = 2000;
  using segment = await make();
  const { back } = makeQueues(segment);
  const handle = await client.launch(sendAndDie, { handle: String(segment), count });
  const receiver = toValueReceiver<{ n: number }>(back.receiver({ peer: peerOf(handle) }));
  let received = 0;
  await assert.rejects(async () => {
    for await (const { n } of receiver) assert.equal(n, ++received);
  }, died);
  assert.equal(received, count);
});

for (const kind of ['Node', 'Web'] as const) {
  test(`a stream of bytes goes through a worker, and comes back whole out of a ${kind} stream`, async () => {
    using segment = await make();
    const { there, back } = makeQueues(segment);
    const handle = await client.launch(pipe, String(segment));
    const chunks = Array.from({ length: 60 }, (_, index) => Buffer.alloc(1 + index * 500, index));
    const writing = pipeline(Readable.from(chunks), toWritable(there.sender({ peer: peerOf(handle) })));
    const receiver = back.receiver({ peer: peerOf(handle) });
    const received: Uint8Array[] = [];
    for await (const chunk of kind === 'Node' ? toReadable(receiver) : toReadableStream(receiver)) {
      received.push(chunk as Uint8Array);
    }
    await writing;
    assert.ok(Buffer.concat(received).equals(Buffer.concat(chunks)));
    await handle.result();
  });
}

test('R-MQ-36: a worker that blocks again just after it was seen waiting is seen waiting again', async () => {
  using segment = await make();
  const { there, back } = makeQueues(segment);
  const handle = await client.launch(echoBlocking, String(segment));
  const [sender, receiver] = [there.sender(), back.receiver({ peer: peerOf(handle) })];
  for (let round = 0; round < 3; round++) {
    await untilAsked(async () => {
      const row = (await client.activity()).find(({ handle: id }) => id === handle.id);
      return row?.waitEvent === 'MessageQueueReceive';
    }, 'it is seen waiting');
    await sender.send(Uint8Array.of(round));
    assert.deepEqual(await receiver.receive(), Uint8Array.of(round));
  }
  sender.detach();
  await handle.result();
});
