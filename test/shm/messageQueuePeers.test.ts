/**
 * The end of the other side of a message queue, in each way: before it attached, after that, orderly or not, told by
 * somebody or found out; and one that writes into memory what it should not.
 */
import assert from 'node:assert/strict';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PeerWatch, Segment } from '../../src/shm/index.js';
import { MessageQueue } from '../../src/shm/index.js';
import { libC } from '../../src/shm/libC.js';
import { Company } from './support/company.js';
import { assertIs, message, pair } from './support/queues.js';

const peer = new URL('./messageQueuePeer.js', import.meta.url).href;
const died = { code: 'ERR_PEER_DIED' };

/** A worker's handle, as far as a queue looks at it. */
class Watch implements PeerWatch {
  isGone = false;
  readonly listeners = new Set<() => void>();

  onGone(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  end(): void {
    this.isGone = true;
    for (const listener of [...this.listeners]) listener();
  }
}

async function half(company: Company): Promise<{ readonly segment: Segment; readonly queue: MessageQueue }> {
  const segment = await company.segment(company.member(), MessageQueue.sizeFor({ ringBytes: 64 }));
  return { segment, queue: MessageQueue.create(segment.chunk(), { ringBytes: 64 }) };
}

test('F-70, R-MQ-40: a receiver whose sender ends before it attaches is told so, waiting or trying', async () => {
  await using company = new Company();
  const peer = new Watch();
  const { queue } = await half(company);
  const receiver = queue.receiver({ peer });
  assert.equal(receiver.tryReceive(), 'wouldBlock');
  const waits = [receiver.receive(), receiver.receiveView(), receiver.waitForAttach()].map((wait) =>
    assert.rejects(wait, died),
  );
  await nextTurn();
  peer.end();
  await Promise.all(waits);
  assert.equal(peer.listeners.size, 0);
  assert.equal(receiver.ending, 'peerDied');
  for (const again of [() => receiver.tryReceive(), () => receiver.receiveBlocking()]) assert.throws(again, died);
  await assert.rejects(receiver[Symbol.asyncIterator]().next(), died);
  await assert.rejects(receiver.waitForAttach(), died);
  assert.throws(() => receiver.waitForAttachBlocking(), died);
});

test('F-70, R-MQ-24: a sender whose receiver ends before it attaches is told so, once the ring is full', async () => {
  await using company = new Company();
  const peer = new Watch();
  const { queue } = await half(company);
  const sender = queue.sender({ peer });
  assert.equal(sender.trySend(message(30)), 'sent');
  const waits = [sender.send(message(40)), sender.waitForAttach()].map((wait) => assert.rejects(wait, died));
  await nextTurn();
  peer.end();
  await Promise.all(waits);
  assert.throws(() => sender.trySend(message(1)), died);
  assert.throws(() => sender.sendBlocking(message(1)), died);
  assert.equal(sender.ending, 'peerDied');
});

test('F-70: who is to attach can be told later, once, and ends a wait that has begun', async () => {
  await using company = new Company();
  const { queue } = await half(company);
  const receiver = queue.receiver();
  const waiting = assert.rejects(receiver.receive(), died);
  await nextTurn();
  const watch = new Watch();
  watch.isGone = true;
  receiver.setPeer(watch);
  await waiting;
  assert.throws(() => receiver.setPeer(watch), { code: 'ERR_PEER_SET' });
});

test('F-70: without one to watch, waiting for the other side is called off by the signal, or takes its timeout', async () => {
  await using company = new Company();
  const { queue } = await half(company);
  const receiver = queue.receiver();
  const signal = AbortSignal.timeout(1);
  await Promise.all([
    assert.rejects(receiver.receive({ signal }), { name: 'TimeoutError' }),
    assert.rejects(receiver.waitForAttach({ signal }), { name: 'TimeoutError' }),
  ]);
  assert.equal(await receiver.waitForAttach({ timeoutMs: 1 }), 'timeout');
  assert.equal(receiver.waitForAttachBlocking({ timeoutMs: 1 }), 'timeout');
});

test('a blocking wait for one who has not attached ends when the line speaks by which his end would be told', async () => {
  await using company = new Company();
  const path = join(company.folder, 'line');
  assert.equal(libC().mkfifo(path, 0o600), 0);
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const watch: PeerWatch = { isGone: false, onGone: () => () => {}, line: { descriptor, input: true } };
  const { queue, segment } = await half(company);
  const receiver = queue.receiver({ peer: watch });
  assert.equal(receiver.receiveBlocking({ timeoutMs: 1 }), 'timeout');
  writeSync(descriptor, 'x');
  assert.throws(() => receiver.receiveBlocking(), { code: 'ERR_WAIT_INTERRUPTED' });
  assert.throws(() => receiver.waitForAttachBlocking(), { code: 'ERR_WAIT_INTERRUPTED' });
  // Once it has attached, its doorbell tells.
  MessageQueue.attach(company.share(segment, company.member()).chunk()).sender();
  assert.equal(receiver.receiveBlocking({ timeoutMs: 1 }), 'timeout');
  closeSync(descriptor);
});

test('R-MQ-43: one that ended before it attached and attaches nevertheless finds the queue detached', async () => {
  await using company = new Company();
  const { segment, queue } = await half(company);
  const watch = new Watch();
  const receiver = queue.receiver({ peer: watch });
  watch.end();
  await assert.rejects(receiver.receive(), died);
  const late = MessageQueue.attach(company.share(segment, company.member()).chunk()).sender();
  assert.equal(late.trySend(message(1)), 'detached');
});

test('R-MQ-30: one that attached, sent and ended, all before anybody looked, is received from, and detached', async () => {
  await using company = new Company();
  const { segment, queue } = await half(company);
  const watch = new Watch();
  const receiver = queue.receiver({ peer: watch });
  const sender = MessageQueue.attach(company.share(segment, company.member()).chunk()).sender();
  sender.trySend(message(10));
  sender.detach();
  watch.end();
  assert.equal(await receiver.waitForAttach(), 'detached');
  assertIs(await receiver.receive(), 10);
  assert.equal(await receiver.receive(), 'detached');
});

test('R-MQ-3, R-MQ-41: who waits for the other side is woken when it attaches', async () => {
  await using company = new Company();
  const { segment, queue } = await half(company);
  const sender = queue.sender();
  const waiting = sender.waitForAttach();
  await nextTurn();
  const receiver = MessageQueue.attach(company.share(segment, company.member()).chunk()).receiver();
  assert.equal(await waiting, 'attached');
  assert.equal(await receiver.waitForAttach(), 'attached');
  assert.equal(sender.waitForAttachBlocking(), 'attached');
  receiver.detach();
  assert.equal(await sender.waitForAttach(), 'detached');
});

async function withChild(arg: unknown) {
  const company = new Company();
  const { segment, queue } = await half(company);
  const child = company.child(peer, 'take', segment, arg);
  const tell = (): void => segment.member.tellGone(child.number);
  return { company, queue, child, tell, [Symbol.asyncDispose]: () => company[Symbol.asyncDispose]() };
}

test('R-MQ-42, and more: the death of an attached sender is noticed, after what it sent, waiting and trying', async () => {
  await using it = await withChild({ side: 'sender', isSending: true });
  const receiver = it.queue.receiver();
  assert.equal(await receiver.waitForAttach(), 'attached');
  for (let number = 0; number < 2; number++) assertIs(await receiver.receive(), 20, number);
  assert.equal(receiver.tryReceive(), 'wouldBlock');
  const waiting = assert.rejects(receiver.receive(), died);
  await nextTurn();
  await it.child.kill();
  it.tell();
  await waiting;
  assert.throws(() => receiver.tryReceive(), died);
});

test('the death of an attached sender ends a blocking receive, though nobody tells of it', async () => {
  await using it = await withChild({ side: 'sender' });
  const receiver = it.queue.receiver();
  assert.equal(await receiver.waitForAttach(), 'attached');
  it.child.process.kill('SIGKILL');
  assert.throws(() => receiver.receiveBlocking(), died);
  assert.equal(receiver.ending, 'peerDied');
});

test('the death of an attached sender is found by one who only tries, though nobody tells of it', async () => {
  await using it = await withChild({ side: 'sender' });
  const receiver = it.queue.receiver();
  assert.equal(await receiver.waitForAttach(), 'attached');
  await it.child.kill();
  assert.throws(() => {
    while (receiver.tryReceive() === 'wouldBlock');
  }, died);
});

test('the death of an attached receiver ends the sends that wait, on the event loop and blocking', async () => {
  await using it = await withChild({ side: 'receiver' });
  const sender = it.queue.sender();
  assert.equal(await sender.waitForAttach(), 'attached');
  const waiting = assert.rejects(sender.send(message(1000)), died);
  await nextTurn();
  await it.child.kill();
  it.tell();
  await waiting;
  await using other = await withChild({ side: 'receiver' });
  const blocked = other.queue.sender();
  assert.equal(blocked.waitForAttachBlocking(), 'attached');
  other.child.process.kill('SIGKILL');
  assert.throws(() => blocked.sendBlocking(message(1000)), died);
  assert.throws(() => blocked.trySend(message(1)), died);
});

/** Words of a queue: see the picture in messageQueue.ts. */
const WRITTEN = 16;
const READ = 32;
const RING = 48;

test('memory that somebody else wrote to is an error for good, and the other side gets detached', async () => {
  const hostile = [-8, 72, 12, 2 ** 31 - 8, -(2 ** 31)];
  for (const value of hostile) {
    await using company = new Company();
    const { sender, receiver, sending } = await pair(company, 64);
    assert.equal(receiver.tryReceive(), 'wouldBlock');
    sending.mapping.words(0, 64).store(WRITTEN, value);
    for (let attempt = 0; attempt < 2; attempt++) {
      assert.throws(() => receiver.tryReceive(), { code: 'ERR_QUEUE_CORRUPT' });
      await assert.rejects(receiver.receive(), { code: 'ERR_QUEUE_CORRUPT' });
    }
    assert.equal(sender.trySend(message(1)), 'detached');
  }
  for (const value of hostile) {
    await using company = new Company();
    const { sender, receiver, sending } = await pair(company, 64);
    sending.mapping.words(0, 64).store(READ, value);
    assert.throws(() => sender.trySend(message(1000)), { code: 'ERR_QUEUE_CORRUPT' });
    assert.throws(() => sender.sendBlocking(message(1000)), { code: 'ERR_QUEUE_CORRUPT' });
    assert.equal(receiver.tryReceive(), 'detached');
  }
});

test('R-MQ-12: a length that no message has is an error', async () => {
  for (const [low, high] of [
    [-1, 0],
    [2 ** 30, 0],
    [4, 1],
  ] as const) {
    await using company = new Company();
    const { sender, receiver, sending } = await pair(company, 64);
    sender.trySend(message(4));
    const words = sending.mapping.words(0, 64);
    words.store(RING, low);
    words.store(RING + 1, high);
    assert.throws(() => receiver.tryReceive(), { code: 'ERR_QUEUE_CORRUPT' });
    assert.throws(() => receiver.receiveBlocking(), { code: 'ERR_QUEUE_CORRUPT' });
  }
});

test('a length that grew lies about a message that never comes, and the wait for it can be called off', async () => {
  await using company = new Company();
  const { sender, receiver, sending } = await pair(company, 64);
  sender.trySend(message(4));
  sending.mapping.words(0, 64).store(RING, 2 ** 30 - 1);
  assert.equal(receiver.tryReceive(), 'wouldBlock');
  assert.equal(receiver.receiveBlocking({ timeoutMs: 1 }), 'timeout');
  sender.detach();
  assert.equal(receiver.tryReceive(), 'detached');
});
