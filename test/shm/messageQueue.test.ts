/**
 * The message queue inside one process, between two members of it: what is sent is received, whole and in order, and
 * each rule of PostgreSQL's queue that can be seen without a second process. What needs one is in the files beside.
 */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { MAX_MESSAGE_BYTES, MessageQueue } from '../../src/shm/index.js';
import { libC } from '../../src/shm/libC.js';
import { Company } from './support/company.js';
import type { Pair } from './support/queues.js';
import { assertIs, inPieces, message, pair, passAlong } from './support/queues.js';

function fill({ sender }: Pair, bytes: number): number {
  for (let count = 0; ; count++) if (sender.trySend(message(bytes, count)) === 'wouldBlock') return count;
}

test('F-73, R-MQ-10, R-MQ-11, R-MQ-13, R-MQ-20: messages of every odd size, at every offset of the ring, in pieces, are intact', async () => {
  await using company = new Company();
  const ring = 64;
  const queue = await pair(company, ring);
  const cuts = [[1000], [1], [3], [7, 1], [0, 5, 0], [8, 9], [13, 2, 1]];
  for (let offset = 0; offset < ring; offset += 8) {
    for (const length of [0, 1, 7, 8, 9, ring - 16, ring - 8, ring - 7, ring, ring + 1, 3 * ring, 3 * ring + 5]) {
      for (const cut of cuts) {
        for (const isView of [false, true]) {
          const bytes = message(length, offset);
          assertIs(passAlong(queue, cut[0] === 1000 ? bytes : inPieces(bytes, cut), isView), length, offset);
        }
      }
    }
    // One step of 8 bytes further.
    assertIs(passAlong(queue, new Uint8Array(0)), 0);
  }
});

test('the smallest ring passes messages of any length', async () => {
  await using company = new Company();
  const queue = await pair(company, 8);
  for (const length of [0, 1, 8, 100]) assertIs(passAlong(queue, message(length)), length);
});

test('R-MQ-5, R-MQ-28: messages wait in order while there is room, and the receiver need not be there', async () => {
  await using company = new Company();
  const segment = await company.segment(company.member(), MessageQueue.sizeFor({ ringBytes: 1024 }));
  const sender = MessageQueue.create(segment.chunk()).sender();
  assert.equal(sender.hasReceiver, false);
  for (let number = 0; number < 10; number++) assert.equal(sender.trySend(message(20, number)), 'sent');
  const receiver = MessageQueue.attach(company.share(segment, company.member()).chunk()).receiver();
  assert.equal(sender.hasReceiver, true);
  for (let number = 0; number < 10; number++) assertIs(receiver.tryReceive(), 20, number);
  assert.equal(receiver.tryReceive(), 'wouldBlock');
});

test('R-MQ-2, R-MQ-45: each side is taken once, and never again', async () => {
  await using company = new Company();
  const segment = await company.segment(company.member(), 4096);
  const queue = MessageQueue.create(segment.chunk());
  const sender = queue.sender();
  assert.throws(() => queue.sender(), { code: 'ERR_QUEUE_SIDE_TAKEN' });
  sender.detach();
  assert.throws(() => MessageQueue.attach(segment.chunk()).sender(), { code: 'ERR_QUEUE_SIDE_TAKEN' });
});

test('a queue is attached to only where one was made, and made only where it fits', async () => {
  await using company = new Company();
  const segment = await company.segment(company.member(), 4096);
  assert.throws(() => MessageQueue.attach(segment.chunk()), { code: 'ERR_WRONG_MEMORY' });
  assert.throws(() => MessageQueue.create(segment.chunk(0, 64)), { code: 'ERR_CHUNK_TOO_SMALL' });
  assert.throws(() => MessageQueue.create(segment.chunk(), { ringBytes: 4096 }), { code: 'ERR_CHUNK_TOO_SMALL' });
  for (const ringBytes of [0, -8, 12, 7, 2 ** 31, Number.NaN, 1.5]) {
    assert.throws(() => MessageQueue.create(segment.chunk(), { ringBytes }), { code: 'ERR_INVALID_ARGUMENT' });
    assert.throws(() => MessageQueue.sizeFor({ ringBytes }), { code: 'ERR_INVALID_ARGUMENT' });
  }
  assert.equal(MessageQueue.create(segment.chunk()).ringBytes, MessageQueue.attach(segment.chunk()).ringBytes);
  assert.throws(() => MessageQueue.attach(segment.chunk(0, 1024)), { code: 'ERR_WRONG_MEMORY' });
});

test('R-MQ-12: a message that is too large is refused, and nothing of it is sent', async () => {
  await using company = new Company();
  const queue = await pair(company, 64);
  const piece = new Uint8Array(2 ** 20);
  const pieces = Array.from({ length: MAX_MESSAGE_BYTES / 2 ** 20 + 1 }, () => piece);
  assert.throws(() => queue.sender.trySend(pieces), { code: 'ERR_MESSAGE_TOO_LARGE' });
  await assert.rejects(queue.sender.send(pieces), { code: 'ERR_MESSAGE_TOO_LARGE' });
  assertIs(passAlong(queue, message(5)), 5);
});

test('what is not bytes is refused, and nothing of it is sent', async () => {
  await using company = new Company();
  const queue = await pair(company, 64);
  for (const wrong of ['text', undefined, null, 7, new ArrayBuffer(8), [message(1), 'text'], new Uint16Array(4)]) {
    const sent = wrong as unknown as Uint8Array;
    assert.throws(() => queue.sender.trySend(sent), { code: 'ERR_INVALID_ARGUMENT' });
    assert.throws(() => queue.sender.sendBlocking(sent), { code: 'ERR_INVALID_ARGUMENT' });
    await assert.rejects(queue.sender.send(sent), { code: 'ERR_INVALID_ARGUMENT' });
  }
  const foreign = runInNewContext('Uint8Array.of(1, 2, 3)') as Uint8Array;
  assert.deepEqual(passAlong(queue, foreign), Uint8Array.of(1, 2, 3));
});

test('nobody who is awake makes a system call: neither to send, nor to receive, nor to give room back', async () => {
  await using company = new Company();
  const { sender, receiver } = await pair(company, 1024);
  // What is done once: the other side's doorbell is opened.
  sender.trySend(message(100));
  receiver.tryReceive();
  let calls = 0;
  const { writeSync, readSync, openSync } = fs;
  const { poll } = libC();
  const counted =
    (original: (...args: never[]) => unknown) =>
    (...args: never[]) => {
      calls += 1;
      return original(...args);
    };
  Object.assign(fs, { writeSync: counted(writeSync), readSync: counted(readSync), openSync: counted(openSync) });
  Object.assign(libC(), { poll: counted(poll) });
  syncBuiltinESMExports();
  try {
    for (let number = 0; number < 1000; number++) {
      assert.equal(await sender.send(message(100, number)), 'sent');
      assertIs(await receiver.receive(), 100, number);
    }
  } finally {
    Object.assign(fs, { writeSync, readSync, openSync });
    Object.assign(libC(), { poll });
    syncBuiltinESMExports();
  }
  assert.equal(calls, 0);
});

test('F-74, R-MQ-27: a message that fits into the ring is sent whole or not at all, so another may follow wouldBlock', async () => {
  await using company = new Company();
  const queue = await pair(company, 256);
  const count = fill(queue, 32);
  assert.equal(queue.sender.trySend(message(100)), 'wouldBlock');
  for (let number = 0; number < count; number++) assertIs(queue.receiver.tryReceive(), 32, number);
  assert.equal(queue.receiver.tryReceive(), 'wouldBlock');
  assertIs(passAlong(queue, message(3)), 3);
});

test('F-74, R-MQ-27, R-MQ-35: a longer one that is under way must be offered again; another length is refused', async () => {
  await using company = new Company();
  const queue = await pair(company, 64);
  const { sender, receiver } = queue;
  assert.equal(sender.trySend(message(200)), 'wouldBlock');
  assert.throws(() => sender.trySend(message(10)), { code: 'ERR_OTHER_MESSAGE' });
  await assert.rejects(sender.send(message(10)), { code: 'ERR_OTHER_MESSAGE' });
  assert.throws(() => sender.sendBlocking(message(10)), { code: 'ERR_OTHER_MESSAGE' });
  assert.equal(receiver.tryReceive(), 'wouldBlock');
  assertIs(passAlong(queue, message(200)), 200);
  assertIs(passAlong(queue, message(10)), 10);
});

test('F-75, R-MQ-21, R-MQ-22: what is not flushed is invisible, up to a quarter of the ring; flushed, it is there at once', async () => {
  await using company = new Company();
  const { sender, receiver } = await pair(company, 1024);
  for (let number = 0; number < 16; number++) {
    assert.equal(sender.trySend(message(8, number), { flush: false }), 'sent');
    assert.equal(receiver.tryReceive(), 'wouldBlock');
  }
  assert.equal(sender.trySend(message(8, 16), { flush: false }), 'sent');
  for (let number = 0; number < 17; number++) assertIs(receiver.tryReceive(), 8, number);
  assert.equal(sender.trySend(message(8, 17), { flush: false }), 'sent');
  assert.equal(receiver.tryReceive(), 'wouldBlock');
  sender.flush();
  assertIs(receiver.tryReceive(), 8, 17);
  sender.trySend(message(8, 18), { flush: false });
  sender.trySend(message(8, 19));
  assertIs(receiver.tryReceive(), 8, 18);
  assertIs(receiver.tryReceive(), 8, 19);
});

test('F-71, R-MQ-33, R-MQ-44: what was sent before the sender detached is received, flushed or not; then it is detached', async () => {
  await using company = new Company();
  const { sender, receiver } = await pair(company, 1024);
  for (let number = 0; number < 5; number++) sender.trySend(message(10, number), { flush: number === 2 });
  sender.detach();
  sender.detach();
  assert.equal(receiver.ending, null);
  for (let number = 0; number < 5; number++) assertIs(await receiver.receive(), 10, number);
  assert.equal(receiver.tryReceive(), 'detached');
  assert.equal(receiver.receiveBlocking(), 'detached');
  assert.equal(await receiver.receive(), 'detached');
  assert.equal(receiver.ending, 'detached');
  assert.equal(sender.trySend(message(1)), 'detached');
  assert.equal(await sender.send(message(1)), 'detached');
});

test('F-71, R-MQ-4, R-MQ-23: a sender that goes with its segment loses nothing, flushed or not', async () => {
  await using company = new Company();
  const { sender, receiver, sending } = await pair(company, 1024);
  sender.trySend(message(10), { flush: false });
  assert.deepEqual(sending.detach(), []);
  assertIs(await receiver.receive(), 10);
  assert.equal(await receiver.receive(), 'detached');
  assert.throws(() => sender.trySend(message(1)), { code: 'ERR_SEGMENT_DETACHED' });
});

test('R-MQ-34: a message that the sender did not bring to its end is dropped', async () => {
  await using company = new Company();
  const { sender, receiver } = await pair(company, 64);
  assert.equal(sender.trySend(message(1000)), 'wouldBlock');
  assert.equal(receiver.tryReceive(), 'wouldBlock');
  sender.detach();
  assert.equal(receiver.tryReceive(), 'detached');
});

test('F-72, R-MQ-26: a sender that waits for room is told that the receiver has detached, and so is each later send', async () => {
  await using company = new Company();
  const queue = await pair(company, 64);
  fill(queue, 8);
  const sends = [queue.sender.send(message(30)), queue.sender.send(message(300))];
  await nextTurn();
  queue.receiver.detach();
  assert.deepEqual(await Promise.all(sends), ['detached', 'detached']);
  assert.equal(queue.sender.trySend(message(1)), 'detached');
  assert.equal(queue.sender.sendBlocking(message(1)), 'detached');
  assert.equal(queue.sender.ending, 'detached');
});

test('R-MQ-31, R-MQ-32: a view is the queue’s own memory, which the sender does not get before the next receive', async () => {
  await using company = new Company();
  const { sender, receiver, sending } = await pair(company, 64);
  sender.trySend(message(40));
  const view = receiver.tryReceiveView();
  assertIs(view, 40);
  assert.equal((view as Uint8Array).buffer.byteLength, sending.sizeBytes);
  assert.equal(sender.trySend(message(40, 1)), 'wouldBlock');
  assertIs(view, 40);
  assert.equal(receiver.tryReceiveView(), 'wouldBlock');
  assert.equal(sender.trySend(message(40, 1)), 'sent');
  const wrapped = receiver.tryReceiveView();
  assertIs(wrapped, 40, 1);
  assert.equal((wrapped as Uint8Array).buffer.byteLength, 40, 'it lies across the end, so it is a copy');
});

test('a received message is the receiver’s own: it stays what it is when the queue goes on', async () => {
  await using company = new Company();
  const queue = await pair(company, 64);
  const first = passAlong(queue, message(40));
  for (let number = 1; number < 10; number++) passAlong(queue, message(40, number));
  assertIs(first, 40);
  assert.equal(first.buffer.byteLength, 40);
});

test('R-MQ-25: sends that wait are sent in order and whole; a try meanwhile would block', async () => {
  await using company = new Company();
  const { sender, receiver } = await pair(company, 64);
  const lengths = [40, 200, 0, 63, 1000, 8];
  const sends = lengths.map((length, number) => sender.send(message(length, number)));
  assert.equal(sender.trySend(message(1)), 'wouldBlock');
  for (const [number, length] of lengths.entries()) assertIs(await receiver.receive(), length, number);
  assert.deepEqual(
    await Promise.all(sends),
    lengths.map(() => 'sent'),
  );
});

test('receives that wait get their messages in order; a try meanwhile takes none away', async () => {
  await using company = new Company();
  const { sender, receiver } = await pair(company, 1024);
  const received = [receiver.receive(), receiver.receive(), receiver.receive()];
  assert.equal(receiver.tryReceive(), 'wouldBlock');
  for (let number = 0; number < 3; number++) sender.trySend(message(10, number));
  assert.equal(receiver.tryReceive(), 'wouldBlock');
  for (const [number, one] of (await Promise.all(received)).entries()) assertIs(one, 10, number);
});

test('a send that is called off before its first byte is not sent; after that it is, from a copy', async () => {
  await using company = new Company();
  const { sender, receiver } = await pair(company, 64);
  const controller = new AbortController();
  const long = message(300, 1);
  const first = sender.send(long, { signal: controller.signal });
  const second = sender.send(message(20, 2), { signal: controller.signal });
  const third = sender.send(message(20, 3));
  await nextTurn();
  controller.abort(new Error('enough'));
  long.fill(0);
  await assert.rejects(first, /enough/);
  await assert.rejects(second, /enough/);
  assertIs(await receiver.receive(), 300, 1);
  assertIs(await receiver.receive(), 20, 3);
  assert.equal(await third, 'sent');
  assert.equal(receiver.tryReceive(), 'wouldBlock');
  await assert.rejects(sender.send(message(1), { signal: controller.signal }), /enough/);
});

test('a receive that is called off loses no message and leaves no listener behind', async () => {
  await using company = new Company();
  const { sender, receiver } = await pair(company, 1024);
  const controller = new AbortController();
  const called = receiver.receive({ signal: controller.signal });
  const other = receiver.receive();
  controller.abort(new Error('enough'));
  await assert.rejects(called, /enough/);
  sender.trySend(message(10));
  assertIs(await other, 10);
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
});

test('for await gives message by message until the sender detaches', async () => {
  await using company = new Company();
  const { sender, receiver } = await pair(company, 256);
  const sending = (async () => {
    for (let number = 0; number < 100; number++) await sender.send(message(50, number));
    sender.detach();
  })();
  let count = 0;
  for await (const received of receiver) assertIs(received, 50, count++);
  await sending;
  assert.equal(count, 100);
});

test('who sends and receives without ever waiting lets the event loop have its turns', async () => {
  await using company = new Company();
  const { sender, receiver } = await pair(company, 1024);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  for (let number = 0; number < 20_000; number++) {
    await sender.send(message(4, number));
    await receiver.receive();
  }
  clearInterval(timer);
  assert.ok(turns > 5, `${turns} turns`);
});

test('who awaits nothing keeps the order, also when the event loop has its turn in between', async () => {
  await using company = new Company();
  const { sender, receiver } = await pair(company, 64 * 1024);
  const numbers = Array.from({ length: 1000 }, (_, number) => number);
  const sends = numbers.map((number) => sender.send(message(4, number)));
  const received = await Promise.all(numbers.map(() => receiver.receive()));
  for (const number of numbers) assertIs(received[number], 4, number);
  assert.ok((await Promise.all(sends)).every((result) => result === 'sent'));
});

test('blocking calls end at their timeout, and the queue is as before', async () => {
  await using company = new Company();
  const queue = await pair(company, 64);
  assert.equal(queue.receiver.receiveBlocking({ timeoutMs: 1 }), 'timeout');
  assert.equal(queue.receiver.receiveViewBlocking({ timeoutMs: 0 }), 'timeout');
  const count = fill(queue, 8);
  assert.equal(queue.sender.sendBlocking(message(8), { timeoutMs: 1 }), 'timeout');
  for (let number = 0; number < count; number++) assertIs(queue.receiver.receiveBlocking(), 8, number);
  assert.equal(queue.sender.sendBlocking(message(8), { timeoutMs: 1 }), 'sent');
});

test('a side that detaches ends its own waits, and one whose segment is detached says so', async () => {
  await using company = new Company();
  const first = await pair(company, 64);
  const waiting = first.receiver.receive();
  await nextTurn();
  first.receiver.detach();
  assert.equal(await waiting, 'detached');
  const second = await pair(company, 64);
  const lost = second.receiver.receive();
  const attached = MessageQueue.create(second.sending.chunk()).sender().waitForAttach();
  await nextTurn();
  second.receiving.detach();
  second.sending.detach();
  await Promise.all([lost, attached].map((wait) => assert.rejects(wait, { code: 'ERR_SEGMENT_DETACHED' })));
});

test('a wait ends when the member has lost its place', async () => {
  await using company = new Company();
  const { receiver, receiving, sender, sending } = await pair(company, 64);
  const waiting = receiver.receive();
  const sends = sender.send(message(1000));
  receiving.member.lose(new Error('the connection is lost'));
  await assert.rejects(waiting, /the connection is lost/);
  sending.member.lose(new Error('the connection is lost'));
  await assert.rejects(sends, /the connection is lost/);
});
