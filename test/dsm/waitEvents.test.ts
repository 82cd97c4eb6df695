/** What a worker waits for in shared memory, as others see it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSegment, MessageQueue } from '../../src/dsm/index.js';
import { startPostmaster } from '../../src/index.js';
import { untilAsked } from '../process/support/patience.js';
import { receiveOne } from './workers.js';

test('R-MQ-36: a worker that waits for a message is seen to, on the event loop or without it', async () => {
  const client = await startPostmaster({ spareWorkers: 0, output: 'ignore', logLevel: 'silent' });
  try {
    const waiting = [false, true].map(async (isBlocking) => {
      using segment = await createSegment(4096, { client });
      const sender = MessageQueue.create(segment.chunk()).sender();
      const worker = await client.launch(receiveOne, { handle: String(segment), isBlocking });
      const waitEvent = async (): Promise<string | null | undefined> =>
        (await client.activity()).find(({ handle }) => handle === worker.id)?.waitEvent;
      await untilAsked(async () => (await waitEvent()) === 'MessageQueueReceive', 'it is seen waiting');
      await sender.send(new Uint8Array(5));
      assert.equal(await worker.result(), 5);
    });
    await Promise.all(waiting);
  } finally {
    await client.close();
  }
});
