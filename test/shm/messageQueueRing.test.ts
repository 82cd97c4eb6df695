/**
 * What PostgreSQL's test_shm_mq does: a ring of queues through several processes and back to us. Each passes on what it
 * receives; in the end every message is what it was.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageReceiver, MessageSender } from '../../src/shm/index.js';
import { MessageQueue } from '../../src/shm/index.js';
import type { PassOn } from './messageQueuePeer.js';
import { bytesOf, queueAt } from './messageQueuePeer.js';
import { Company } from './support/company.js';
import { assertIs, message } from './support/queues.js';

const peer = new URL('./messageQueuePeer.js', import.meta.url).href;

interface Loop {
  readonly sender: MessageSender;
  readonly receiver: MessageReceiver;
  /** All that it does ends, and every process of it says that it has passed on all. */
  ended(): Promise<void>;
}

async function loop(company: Company, ringBytes: number, hows: readonly PassOn['how'][], count: number): Promise<Loop> {
  const size = MessageQueue.sizeFor({ ringBytes });
  const segment = await company.segment(company.member(), (hows.length + 1) * size);
  for (let number = 0; number <= hows.length; number++) {
    MessageQueue.create(segment.chunk(number * size, size), { ringBytes });
  }
  const sender = queueAt(segment, ringBytes, 0).sender();
  const receiver = queueAt(segment, ringBytes, hows.length).receiver();
  const children = hows.map((how, number) => {
    const passOn: PassOn = { ringBytes, number, count, how };
    return company.child(peer, 'passOn', segment, passOn);
  });
  return {
    sender,
    receiver,
    ended: async () => {
      for (const child of children) assert.equal(await child.result, count);
      assert.equal(await receiver.receive(), 'detached');
      assert.equal(await sender.send(new Uint8Array(0)), 'detached');
    },
  };
}

test('P-16: an empty message goes around 2000 times, from event loop to event loop', async () => {
  await using company = new Company();
  const { sender, receiver, ended } = await loop(company, 1024, ['eventLoop'], 2000);
  for (let round = 0; round < 2000; round++) {
    await sender.send(new Uint8Array(0));
    assertIs(await receiver.receive(), 0);
  }
  await ended();
});

test('P-17: a message of one byte goes around 2001 times, blocking', async () => {
  await using company = new Company();
  const { sender, receiver, ended } = await loop(company, 1024, ['blocking'], 2001);
  for (let round = 0; round < 2001; round++) {
    sender.sendBlocking(message(1, round));
    assertIs(receiver.receiveBlocking(), 1, round);
  }
  await ended();
});

/** The one who fills and the one who empties run beside each other, so many messages are under way. */
async function flow(
  count: number,
  lengthOf: (number: number) => number,
  { sender, receiver, ended }: Loop,
): Promise<void> {
  const sending = (async () => {
    for (let number = 0; number < count; number++)
      await sender.send(message(lengthOf(number), number), { flush: number % 5 === 0 });
    sender.flush();
  })();
  for (let number = 0; number < count; number++) assertIs(await receiver.receive(), lengthOf(number), number);
  await sending;
  await ended();
}

test('P-18: ten thousand messages of 100 to 1000 bytes flow around', async () => {
  await using company = new Company();
  await flow(10_000, (number) => 100 + ((number * 7919) % 901), await loop(company, 32_768, ['blocking'], 10_000));
});

test('P-19, R-MQ-11: three thousand messages that are all longer than the ring flow around', async () => {
  await using company = new Company();
  await flow(3_000, (number) => 100 + ((number * 7919) % 201), await loop(company, 40, ['blocking'], 3_000));
});

test('P-20: long messages flow through three processes, and nobody waits while he can go on', async () => {
  await using company = new Company();
  const length = 270_000;
  const count = 25;
  const { sender, receiver, ended } = await loop(company, 16_384, ['eventLoop', 'tries', 'blocking'], count);
  const sent = message(length);
  let sentCount = 0;
  let receivedCount = 0;
  while (receivedCount < count) {
    const result = sentCount < count ? sender.trySend(sent) : 'wouldBlock';
    if (result === 'sent') sentCount += 1;
    const received = receiver.tryReceive();
    if (received !== 'wouldBlock') {
      assert.ok(Buffer.compare(bytesOf(received), sent) === 0);
      receivedCount += 1;
    } else if (result === 'wouldBlock') {
      await new Promise(setImmediate);
    }
  }
  await ended();
});
