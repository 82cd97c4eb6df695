/** The two sides of a queue: one makes batches of numbers, the other adds them up where they lie. */
import { attachSegment, MessageQueue } from 'bgworker/shm';
import { defineWorker } from 'bgworker/worker';

export const produce = defineWorker(import.meta, async (ctx, { segment: handle, batches, batchItems }) => {
  const segment = await attachSegment(handle);
  const sender = MessageQueue.attach(segment.chunk()).sender();
  const numbers = new Float64Array(batchItems);
  const bytes = new Uint8Array(numbers.buffer);
  let waits = 0;
  for (let sent = 0; sent < batches; sent++) {
    for (let n = 0; n < batchItems; n++) numbers[n] = sent * batchItems + n;
    // The ring takes a copy, so the same array can be filled again.
    let answer = sender.trySend(bytes);
    if (answer === 'wouldBlock') {
      waits += 1;
      ctx.ready();
      answer = await sender.send(bytes);
    }
    if (answer === 'detached') return { sent, waits };
  }
  return { sent: batches, waits };
});

export const consume = defineWorker(import.meta, async (_ctx, { segment: handle, enough }) => {
  const segment = await attachSegment(handle);
  const receiver = MessageQueue.attach(segment.chunk()).receiver();
  let received = 0;
  let sum = 0;
  while (received < enough) {
    // The message itself, not a copy, until the next one is received. It begins at a multiple of 8.
    const view = await receiver.receiveView();
    if (view === 'detached') break;
    const numbers = new Float64Array(view.buffer, view.byteOffset, view.length / Float64Array.BYTES_PER_ELEMENT);
    for (const number of numbers) sum += number;
    received += 1;
  }
  receiver.detach();
  return { received, sum };
});
