/** Memory of one process alone: what lives in shared memory works there too, for the one who is there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AtomicCounter,
  Mapping,
  Member,
  MessageQueue,
  Segment,
  SharedLatch,
  SharedLock,
  TableOfContents,
  WorkCounter,
} from '../../src/shm/index.js';

function alone(): Segment {
  const mapping = Mapping.private(64 * 1024);
  return new Segment({ mapping, member: Member.alone(), name: 'private', release: () => {} });
}

test('a table of contents, counters and locks are there for the one who is alone', async () => {
  const contents = TableOfContents.create(alone().chunk());
  const put = (key: string, sizeBytes: number) => {
    const chunk = contents.allocate(sizeBytes);
    contents.insert(key, chunk);
    return chunk;
  };
  AtomicCounter.create(put('count', AtomicCounter.sizeFor())).add(3);
  assert.equal(AtomicCounter.attach(contents.lookup('count')).load(), 3);
  const work = WorkCounter.create(put('work', WorkCounter.sizeFor()), { items: 2 });
  assert.deepEqual([work.next(), work.next(), work.next()], [{ begin: 0, end: 1 }, { begin: 1, end: 2 }, null]);
  const lock = SharedLock.create(put('lock', SharedLock.sizeFor()));
  const held = await lock.acquire();
  let isSecond = false;
  const second = lock.acquire().then((mine) => {
    isSecond = true;
    mine.release();
  });
  assert.equal(isSecond, false);
  held.release();
  await second;
});

test('both sides of a queue can be the same process, which waits for itself on the event loop', async () => {
  const queue = MessageQueue.create(alone().chunk(0, 1024));
  const [sender, receiver] = [queue.sender(), queue.receiver()];
  const receiving = receiver.receive();
  await sender.send(Uint8Array.of(1));
  assert.deepEqual(await receiving, Uint8Array.of(1));
  sender.detach();
  assert.equal(await receiver.receive(), 'detached');
});

test('a blocking wait that nobody could end is refused, and one with a limit lasts so long', () => {
  const latch = SharedLatch.create(alone().chunk());
  latch.own();
  assert.equal(latch.waitBlocking({ timeoutMs: 60 }), 'timeout');
  assert.throws(() => latch.waitBlocking(), { code: 'ERR_WAIT_WITHOUT_END' });
});

test('detached, it reads zeros, and what lived there says so', () => {
  const segment = alone();
  const counter = AtomicCounter.create(segment.chunk(0, 64), 5);
  const { shownBytes } = segment.mapping;
  segment.detach();
  assert.ok(shownBytes.every((byte) => byte === 0));
  assert.throws(() => counter.load(), { code: 'ERR_SEGMENT_DETACHED' });
});
