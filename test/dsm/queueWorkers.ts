/** What the workers at the other ends of queues do. */
import type { DsmSegment } from '../../src/dsm/index.js';
import {
  attachSegment,
  MessageQueue,
  toReadableStream,
  toValueReceiver,
  toValueSender,
  toWritableStream,
} from '../../src/dsm/index.js';
import { defineWorker } from '../../src/worker/index.js';

export const RING = { ringBytes: 16 * 1024 };
export const QUEUE_BYTES = MessageQueue.sizeFor(RING);

/** There and back: to the worker, and from it. */
export function makeQueues(segment: DsmSegment): { readonly there: MessageQueue; readonly back: MessageQueue } {
  const [there, back] = [0, QUEUE_BYTES].map((at) => MessageQueue.create(segment.chunk(at, QUEUE_BYTES), RING));
  return { there: there as MessageQueue, back: back as MessageQueue };
}

async function join(handle: string) {
  const segment = await attachSegment(handle);
  const [there, back] = [0, QUEUE_BYTES].map((at) => MessageQueue.attach(segment.chunk(at, QUEUE_BYTES)));
  return { receiver: (there as MessageQueue).receiver(), sender: (back as MessageQueue).sender() };
}

export interface Item {
  readonly id: number;
  readonly name: string;
  readonly at: Date;
  readonly bytes: Uint8Array;
}

/** Sends back each value that it gets, until there are no more, and says how many. */
export const echoValues = defineWorker(import.meta, async (_, handle: string) => {
  const { receiver, sender } = await join(handle);
  const values = toValueSender<Item>(sender);
  let count = 0;
  for await (const item of toValueReceiver<Item>(receiver)) {
    await values.send(item);
    count += 1;
  }
  return count;
});

/** Sends so many values and is killed. */
export const sendAndDie = defineWorker(import.meta, async (_, { handle, count }: { handle: string; count: number }) => {
  const values = toValueSender<{ n: number }>((await join(handle)).sender);
  for (let n = 1; n <= count; n++) await values.send({ n });
  process.kill(process.pid, 'SIGKILL');
});

/** Passes on what it is sent. */
export const pipe = defineWorker(import.meta, async (_, handle: string) => {
  const { receiver, sender } = await join(handle);
  await toReadableStream(receiver).pipeTo(toWritableStream(sender));
});

/** Receives one message after the other and sends each back, until there are no more. */
export const echoBlocking = defineWorker(import.meta, async (_, handle: string) => {
  const { receiver, sender } = await join(handle);
  for (let got = receiver.receiveBlocking(); typeof got !== 'string'; got = receiver.receiveBlocking()) {
    sender.sendBlocking(got);
  }
});

/** Ends without having looked at the queue: as it is told, or when it is killed. */
export const neverAttach = defineWorker(import.meta, async (ctx, how: 'return' | 'stay') => {
  if (how === 'return') return;
  ctx.ready();
  await ctx.terminated;
});
