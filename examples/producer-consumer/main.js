/** Two workers and a queue between them in shared memory: what one makes the other adds up, as fast as the slower of them. */
import { launch } from 'bgworker';
import { createSegment, MessageQueue } from 'bgworker/shm';
import { consume, produce } from './workers.js';

const BATCHES = 2_000;
const BATCH_ITEMS = 128;

for (const enough of [Infinity, 3]) {
  // A ring for eight batches: whoever is faster waits for the other one.
  const segment = await createSegment(MessageQueue.sizeFor({ ringBytes: 8 * 1024 + 64 }));
  MessageQueue.create(segment.chunk());
  const task = { segment: String(segment), batches: BATCHES, batchItems: BATCH_ITEMS, enough };
  // Ready is the producer when the ring is full: what it sent lies there until the consumer comes.
  const producer = await launch(produce, task, { until: 'ready' });
  const consumer = await launch(consume, task);
  const [{ sent, waits }, { received, sum }] = await Promise.all([producer.result(), consumer.result()]);
  const items = received * BATCH_ITEMS;
  console.log(`received ${received} batches, the sum is ${sum === (items * (items - 1)) / 2 ? 'right' : 'wrong'}`);
  if (enough === Infinity) console.log(`the producer sent ${sent} and had to wait:`, waits > 0);
  else console.log('the consumer had enough, and the producer stopped early:', sent < BATCHES);
  segment.detach();
}
