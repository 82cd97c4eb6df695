/**
 * How the end of a process looks to those who share memory with it: who ends well has detached, who fails has died, also
 * where there was time to clean up. Half of something must not be taken for all of it.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createSegment, MessageQueue, toReadable, toValueReceiver } from '../../src/dsm/index.js';
import type { Client } from '../../src/index.js';
import { startPostmaster } from '../../src/index.js';
import { sendHalf } from './workers.js';

let client: Client;
before(async () => {
  client = await startPostmaster({ maxWorkerProcesses: 4, spareWorkers: 1, output: 'ignore', logLevel: 'silent' });
});
after(() => client.close());

test('a worker that returns has detached from its queues: what it sent is all there is', async () => {
  using segment = await createSegment(4096, { client });
  const values = toValueReceiver<number>(MessageQueue.create(segment.chunk()).receiver());
  await client.run(sendHalf, { segment: segment.handle, how: 'returns' });
  assert.deepEqual(await collect(values), [0, 1, 2]);
});

for (const how of ['throws', 'exits 3', 'rejects']) {
  test(`a worker that ${how} has died to the other side of its queues, behind all that it had sent`, async () => {
    using segment = await createSegment(4096, { client });
    const values = toValueReceiver<number>(MessageQueue.create(segment.chunk()).receiver());
    const running = assert.rejects(client.run(sendHalf, { segment: segment.handle, how }));
    const received: number[] = [];
    await assert.rejects(collect(values, received), { code: 'ERR_PEER_DIED' });
    assert.deepEqual(received, [0, 1, 2], 'also what was not flushed');
    await running;
  });
}

test('a stream that is read from a worker that fails ends with the error, and not with half a file', async () => {
  using segment = await createSegment(4096, { client });
  const stream = toReadable(MessageQueue.create(segment.chunk()).receiver());
  const running = assert.rejects(client.run(sendHalf, { segment: segment.handle, how: 'throws' }));
  await assert.rejects(collect(stream), { code: 'ERR_PEER_DIED' });
  await running;
});

test('a segment in the place of its handle is refused, with what to send', async () => {
  using segment = await createSegment(4096, { client });
  const sending = client.run(sendHalf, { segment, how: 'returns' } as never);
  await assert.rejects(sending, { code: 'ERR_NOT_SERIALIZABLE', hint: 'send String(segment), its handle' });
});

async function collect<T>(source: AsyncIterable<T>, into: T[] = []): Promise<T[]> {
  for await (const value of source) into.push(value);
  return into;
}
