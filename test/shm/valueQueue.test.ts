/**
 * Values through a queue: whatever is called off, waits, or is longer than the ring, the two ends stay of one mind about
 * what has been told.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toReadable, toWritable, ValueReceiver, ValueSender } from '../../src/shm/index.js';
import { Company } from './support/company.js';
import { pair } from './support/queues.js';

async function valuePair(company: Company, ringBytes = 1024): Promise<[ValueSender, ValueReceiver]> {
  const { sender, receiver } = await pair(company, ringBytes);
  return [new ValueSender(sender), new ValueReceiver(receiver)];
}

const record = (id: number): object => ({ id, name: `number ${id}`, at: new Date(id), tags: ['a', id] });

test('values of all kinds arrive as structured clone makes them, in order', async () => {
  await using company = new Company();
  const [sender, receiver] = await valuePair(company);
  const values = [
    record(1),
    'text',
    7n,
    null,
    undefined,
    new Map([[1, { a: new Set([2]) }]]),
    new Array(2),
    -0,
    record(2),
  ];
  const received: unknown[] = [];
  const reading = (async () => {
    for await (const value of receiver) received.push(value);
  })();
  for (const value of values) assert.equal(await sender.send(value), 'sent');
  sender.detach();
  await reading;
  assert.deepEqual(received, values);
});

test('sends that are not awaited arrive in order, also those among them that take a breath or wait', async () => {
  await using company = new Company();
  const [sender, receiver] = await valuePair(company, 64 * 1024);
  const sends = Array.from({ length: 3000 }, (_, id) => sender.send({ id }));
  const reads = Array.from({ length: 3000 }, () => receiver.receive());
  await Promise.all(sends);
  const ids = (await Promise.all(reads)).map(({ value }) => (value as { id: number }).id);
  assert.deepEqual(
    ids,
    ids.map((_, index) => index),
  );
});

test('a value that is called off before it has begun is not sent, and those before and behind it arrive', async () => {
  await using company = new Company();
  const [sender, receiver] = await valuePair(company, 256);
  const controller = new AbortController();
  while (sender.trySend(record(0)) === 'sent');
  const calledOff = sender.send({ never: 1, seen: 2 }, { signal: controller.signal });
  const behind = sender.send({ behind: 3 });
  controller.abort(new Error('no more'));
  await assert.rejects(calledOff, /no more/);
  const received: unknown[] = [];
  const reading = (async () => {
    for await (const value of receiver) received.push(value);
  })();
  await behind;
  assert.equal(await sender.send({ never: 4, seen: 5 }), 'sent');
  sender.detach();
  await reading;
  assert.deepEqual(received.slice(-2), [{ behind: 3 }, { never: 4, seen: 5 }]);
  assert.ok(received.slice(0, -2).every((value) => JSON.stringify(value) === JSON.stringify(record(0))));
});

test('a value longer than the ring is sent when it has begun, by whichever way, and goes on by itself', async () => {
  await using company = new Company();
  const [sender, receiver] = await valuePair(company, 256);
  const long = { text: 'x'.repeat(5000), id: 1 };
  assert.equal(sender.trySend(long), 'sent');
  assert.equal(sender.trySend(record(2)), 'wouldBlock');
  const controller = new AbortController();
  const second = sender.send(long, { signal: controller.signal });
  assert.deepEqual((await receiver.receive()).value, long);
  controller.abort(new Error('too late, or not'));
  await second.catch(() => {});
  const third = sender.send(record(3));
  let value = (await receiver.receive()).value;
  if ((value as { id: number }).id === 1) value = (await receiver.receive()).value;
  await third;
  assert.deepEqual(value, record(3));
  assert.equal(sender.sendBlocking(long, { timeoutMs: 5 }), 'sent');
  assert.deepEqual((await receiver.receive()).value, long);
  assert.equal(receiver.tryReceive(), null);
  assert.equal(receiver.receiveBlocking({ timeoutMs: 1 }), null);
});

test('what cannot be sent is refused with its path, and the next value arrives', async () => {
  await using company = new Company();
  const [sender, receiver] = await valuePair(company);
  await assert.rejects(sender.send({ a: { b: () => 1 } }), { code: 'ERR_NOT_SERIALIZABLE' });
  assert.throws(() => sender.trySend({ c: Symbol('x') }), { code: 'ERR_NOT_SERIALIZABLE' });
  assert.equal(sender.trySend(record(1)), 'sent');
  assert.deepEqual(receiver.tryReceive(), { done: false, value: record(1) });
});

test('a stream of bytes passes through a queue, with back-pressure, to its end', async () => {
  await using company = new Company();
  const { sender, receiver } = await pair(company, 256);
  const writable = toWritable(sender);
  const chunks: Buffer[] = [];
  const reading = (async () => {
    for await (const chunk of toReadable(receiver)) chunks.push(chunk as Buffer);
  })();
  for (let index = 0; index < 100; index++) writable.write(Buffer.alloc(100, index));
  writable.end();
  await reading;
  assert.deepEqual(
    Buffer.concat(chunks),
    Buffer.concat(Array.from({ length: 100 }, (_, index) => Buffer.alloc(100, index))),
  );
});

test('several receives at once each get the value that is theirs, whatever is sent in its place meanwhile', async () => {
  await using company = new Company();
  const [sender, receiver] = await valuePair(company, 256);
  assert.equal(sender.trySend('the first text'), 'sent');
  const both = [receiver.receive(), receiver.receive()];
  while (sender.trySend('another text!!') === 'sent');
  assert.deepEqual(
    (await Promise.all(both)).map(({ value }) => value),
    ['the first text', 'another text!!'],
  );
});

test('a value that was received leaves its room to the sender at once, unless it may lie there', async () => {
  for (const view of [false, true]) {
    await using company = new Company();
    const { sender, receiver } = await pair(company, 1024);
    const values = new ValueSender(sender);
    assert.equal(values.trySend(new Uint8Array(700)), 'sent');
    assert.equal(new ValueReceiver(receiver, { view }).tryReceive()?.done, false);
    assert.equal(values.trySend(new Uint8Array(700)), view ? 'wouldBlock' : 'sent');
  }
});

test('a value that waited for its turn in vain is not sent, though a longer one before it has begun', async () => {
  await using company = new Company();
  const [sender, receiver] = await valuePair(company, 256);
  const long = { text: 'x'.repeat(5000), id: 1 };
  const sending = sender.send(long);
  assert.equal(sender.sendBlocking(record(2), { timeoutMs: 1 }), 'timeout');
  assert.deepEqual((await receiver.receive()).value, long);
  assert.equal(await sending, 'sent');
  assert.equal(await sender.send(record(3)), 'sent');
  assert.deepEqual((await receiver.receive()).value, record(3));
});
