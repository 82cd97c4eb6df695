import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { toReadable, toReadableStream, toWritable, toWritableStream } from '../../src/shm/streams.js';
import { MemoryQueue } from './memoryQueue.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (chunk: unknown): string => Buffer.from(chunk as Uint8Array).toString();

/** Both kinds of stream behind one face. */
const writers = {
  Web: (queue: MemoryQueue) => {
    const writer = toWritableStream(queue.sender).getWriter();
    return {
      write: (chunk: Uint8Array) => writer.write(chunk),
      end: () => writer.close(),
      abort: (e: Error) => writer.abort(e),
    };
  },
  Node: (queue: MemoryQueue) => {
    const stream = toWritable(queue.sender).on('error', () => {});
    const write = (chunk: Uint8Array): Promise<void> =>
      new Promise((resolve, reject) => stream.write(chunk, (error) => (error ? reject(error) : resolve())));
    const end = (): Promise<void> => finished(stream.end());
    return { write, end, abort: async (e: Error) => void stream.destroy(e) };
  },
};
const readers = {
  Web: (queue: MemoryQueue) => toReadableStream(queue.receiver)[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>,
  Node: (queue: MemoryQueue) => toReadable(queue.receiver)[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>,
};

for (const [out, writerTo] of Object.entries(writers)) {
  for (const [into, readerFrom] of Object.entries(readers)) {
    test(`what is written to a ${out} stream comes out of a ${into} stream, and its end is the end`, async () => {
      const queue = new MemoryQueue();
      const [writer, reader] = [writerTo(queue), readerFrom(queue)];
      const written = (async () => {
        for (const chunk of ['one', '', 'two', 'three']) await writer.write(bytes(chunk));
        await writer.end();
      })();
      const got: string[] = [];
      for (let next = await reader.next(); next.done !== true; next = await reader.next()) got.push(text(next.value));
      await written;
      assert.deepEqual(got.join(' '), 'one two three');
      assert.deepEqual(queue.detached, ['sender', 'receiver']);
      assert.equal(queue.waiting, 0);
    });
  }

  test(`a chunk counts as written to a ${out} stream when the queue has taken it`, async () => {
    const queue = new MemoryQueue(1);
    const writer = writerTo(queue);
    await writer.write(bytes('one'));
    let isWritten = false;
    const second = writer.write(bytes('two')).then(() => {
      isWritten = true;
    });
    await setImmediate();
    assert.deepEqual([isWritten, queue.waiting], [false, 1]);
    await queue.receiver.receive();
    await second;
  });

  test(`who writes to a ${out} stream whose reader detached is told so, and detaches too`, async () => {
    const queue = new MemoryQueue();
    const writer = writerTo(queue);
    await writer.write(bytes('one'));
    const waits = writer.write(bytes('two'));
    await setImmediate();
    queue.receiver.detach();
    await assert.rejects(waits, { code: 'ERR_QUEUE_DETACHED' });
    assert.deepEqual(queue.detached, ['receiver', 'sender']);
  });

  test(`to abort a ${out} stream calls off the write that waits, and detaches`, async () => {
    const queue = new MemoryQueue();
    const writer = writerTo(queue);
    await writer.write(bytes('one'));
    const reason = new Error('enough');
    const waits = assert.rejects(writer.write(bytes('two')), reason);
    await setImmediate();
    await writer.abort(reason);
    await waits;
    assert.deepEqual([queue.detached, queue.waiting, queue.messages.map(text)], [['sender'], 0, ['one']]);
  });
}

for (const [into, readerFrom] of Object.entries(readers)) {
  test(`nothing is received before somebody reads from a ${into} stream`, async () => {
    const queue = new MemoryQueue(3);
    for (const chunk of ['one', 'two']) await queue.sender.send(bytes(chunk));
    const reader = readerFrom(queue);
    await setImmediate();
    assert.equal(queue.messages.length, 2);
    assert.equal(text((await reader.next()).value), 'one');
  });

  test(`who leaves a ${into} stream detaches, and the receive that waits is called off`, async () => {
    const queue = new MemoryQueue();
    const reader = readerFrom(queue);
    await queue.sender.send(bytes('one'));
    assert.equal(text((await reader.next()).value), 'one');
    await reader.return?.();
    assert.deepEqual([queue.detached, queue.waiting], [['receiver'], 0]);
  });

  test(`the death of its peer is an error of a ${into} stream, behind what was sent`, async () => {
    const queue = new MemoryQueue();
    await queue.sender.send(bytes('last'));
    queue.killSender();
    const reader = readerFrom(queue);
    assert.equal(text((await reader.next()).value), 'last');
    await assert.rejects(reader.next(), { code: 'ERR_PEER_DIED' });
    assert.deepEqual([queue.detached, queue.waiting], [['receiver'], 0]);
  });
}

test('to cancel a Web stream, or to destroy one of Node, calls off the receive that waits', async () => {
  const [web, node] = [new MemoryQueue(), new MemoryQueue()];
  const reader = toReadableStream(web.receiver).getReader();
  const waits = reader.read();
  const stream = toReadable(node.receiver).resume();
  await setImmediate();
  assert.deepEqual([web.waiting, node.waiting], [1, 1]);
  await reader.cancel(new Error('enough'));
  assert.equal((await waits).done, true);
  stream.destroy();
  await once(stream, 'close');
  await setImmediate();
  for (const queue of [web, node]) assert.deepEqual([queue.detached, queue.waiting], [['receiver'], 0]);
});

test('a pipeline of streams carries more than any of them holds, and its failure detaches both ends', async () => {
  const chunks = Array.from({ length: 200 }, (_, index) => Buffer.alloc(1 + ((index * 977) % 5_000), index));
  const queue = new MemoryQueue(2);
  const got: Buffer[] = [];
  await Promise.all([
    pipeline(Readable.from(chunks), toWritable(queue.sender)),
    pipeline(toReadable(queue.receiver), async (source: AsyncIterable<Buffer>) => {
      for await (const chunk of source) got.push(chunk);
    }),
  ]);
  assert.ok(Buffer.concat(got).equals(Buffer.concat(chunks)));

  const broken = new MemoryQueue(2);
  const sink = new Writable({ write: (_chunk, _encoding, done) => done(new Error('disk full')) });
  const sends = assert.rejects(pipeline(Readable.from(chunks), toWritable(broken.sender)), {
    code: 'ERR_QUEUE_DETACHED',
  });
  await assert.rejects(pipeline(toReadable(broken.receiver), sink), /disk full/);
  await sends;
  assert.deepEqual(broken.detached, ['receiver', 'sender']);
});

test('a Web stream takes whatever has bytes, and refuses what has none', async () => {
  const queue = new MemoryQueue(3);
  const writer = toWritableStream(queue.sender).getWriter();
  const memory = new Uint8Array([0, 0, 1, 0]).buffer;
  await writer.write(new Uint16Array(memory, 2, 1));
  await writer.write(memory);
  assert.deepEqual(
    queue.messages.map((message) => [...message]),
    [
      [1, 0],
      [0, 0, 1, 0],
    ],
  );
  await assert.rejects(writer.write('text' as unknown as Uint8Array), { code: 'ERR_INVALID_ARGUMENT' });
  assert.deepEqual(queue.detached, ['sender']);
});
