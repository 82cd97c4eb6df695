import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { Segment } from '../../src/shm/index.js';
import { SharedLatch } from '../../src/shm/index.js';
import { Company } from './support/company.js';

const peer = new URL('./latchPeer.js', import.meta.url).href;
const size = SharedLatch.sizeFor();

function makeLatches(segment: Segment): { readonly theirs: SharedLatch; readonly mine: SharedLatch } {
  return { theirs: SharedLatch.create(segment.chunk(0, size)), mine: SharedLatch.create(segment.chunk(size, size)) };
}

for (const isBlocking of [false, true]) {
  const how = isBlocking ? 'blocking' : 'on the event loop';
  test(`two processes wake each other by latches a thousand times, ${how}, and no wake-up is lost`, async () => {
    await using company = new Company();
    const segment = await company.segment(company.member(), 4096);
    const { theirs, mine } = makeLatches(segment);
    mine.own();
    const child = company.child(peer, 'answer', segment, { rounds: 1000, isBlocking });
    for (let round = 0; round < 1000; round++) {
      theirs.set();
      assert.equal(isBlocking ? mine.waitBlocking() : await mine.wait(), 'latchSet');
      mine.reset();
    }
    assert.equal(await child.result, 1000);
  });
}

test('R-LAT-6, R-LAT-7: sets do not count, and a set latch ends a wait that begins later, at once', async () => {
  await using company = new Company();
  const { mine } = makeLatches(await company.segment(company.member(), 4096));
  mine.own();
  mine.set();
  mine.set();
  assert.equal(await mine.wait({ timeoutMs: 0 }), 'latchSet');
  assert.equal(mine.waitBlocking({ timeoutMs: 0 }), 'latchSet');
  mine.reset();
  assert.equal(await mine.wait({ timeoutMs: 0 }), 'timeout');
  assert.equal(mine.waitBlocking({ timeoutMs: 1 }), 'timeout');
  assert.equal(await mine.wait({ timeoutMs: 1 }), 'timeout');
});

test('R-LAT-1, R-LAT-3, R-LAT-11: a latch is waited for and reset by its owner only, and an owner that died has lost it', async () => {
  await using company = new Company();
  const segment = await company.segment(company.member(), 4096);
  const { theirs, mine } = makeLatches(segment);
  await assert.rejects(mine.wait(), { code: 'ERR_LATCH_NOT_OWNED' });
  assert.throws(() => mine.reset(), { code: 'ERR_LATCH_NOT_OWNED' });
  mine.own();
  const child = company.child(peer, 'ownAndStay', segment);
  await mine.wait();
  assert.throws(() => theirs.own(), { code: 'ERR_LATCH_OWNED' });
  await child.kill();
  theirs.own();
  assert.equal(await theirs.wait({ timeoutMs: 0 }), 'timeout');
});

test('a wait ends with the reason of its signal, and when the member has lost its place', async () => {
  await using company = new Company();
  const member = company.member();
  const { mine } = makeLatches(await company.segment(member, 4096));
  mine.own();
  const controller = new AbortController();
  const waiting = mine.wait({ signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  const lost = mine.wait();
  member.lose(new Error('the connection is lost'));
  await assert.rejects(lost, /the connection is lost/);
  await assert.rejects(mine.wait(), /the connection is lost/);
});

test('R-LAT-9, R-LAT-10, R-LAT-13: a wait ends also when a socket can be read or written, or has ended; the latch goes first', async () => {
  await using company = new Company();
  const { mine } = makeLatches(await company.segment(company.member(), 4096));
  mine.own();
  const [here, there] = await socketPair();
  const waiting = mine.wait({ readable: here });
  there.write('x');
  assert.equal(await waiting, 'socketReadable');
  assert.equal(await mine.wait({ readable: here }), 'socketReadable', 'as long as nobody has read it');
  assert.equal(here.read().toString(), 'x');
  assert.equal(await mine.wait({ readable: here, timeoutMs: 1 }), 'timeout');
  assert.equal(await mine.wait({ writable: here }), 'socketWritable');
  while (here.write(Buffer.alloc(65_536)));
  const drained = mine.wait({ writable: here });
  there.resume();
  assert.equal(await drained, 'socketWritable');
  there.destroy();
  assert.equal(await mine.wait({ readable: here }), 'socketReadable', 'an end is something to read');
  mine.set();
  assert.equal(await mine.wait({ readable: here }), 'latchSet');
  here.destroy();
  assert.equal(here.listenerCount('readable'), 0);
});

test('a blocking wait looks at a descriptor too', async () => {
  await using company = new Company();
  const { mine } = makeLatches(await company.segment(company.member(), 4096));
  mine.own();
  const pipe = join(company.folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const descriptor = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  assert.equal(mine.waitBlocking({ readable: descriptor, timeoutMs: 1 }), 'timeout');
  assert.equal(mine.waitBlocking({ writable: descriptor }), 'socketWritable');
  writeSync(descriptor, 'x');
  assert.equal(mine.waitBlocking({ readable: descriptor }), 'socketReadable');
  mine.set();
  assert.equal(mine.waitBlocking({ readable: descriptor }), 'latchSet');
  const socket = new PassThrough() as unknown as number;
  assert.throws(() => mine.waitBlocking({ readable: socket }), { code: 'ERR_INVALID_ARGUMENT' });
  assert.throws(() => mine.waitBlocking({ writable: -1 }), { code: 'ERR_INVALID_ARGUMENT' });
  closeSync(descriptor);
});

async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const here = connect(port, '127.0.0.1');
  const [there] = (await once(server, 'connection')) as [Socket];
  server.close();
  return [here, there];
}

for (const isBlocking of [false, true]) {
  test(`a wait that ends leaves others for the same latch in its process to be woken, ${isBlocking ? 'blocking' : 'on the event loop'}`, async () => {
    await using company = new Company();
    const segment = await company.segment(company.member(), 4096);
    const { mine } = makeLatches(segment);
    const theirs = SharedLatch.attach(company.share(segment, company.member()).chunk(size, size));
    mine.own();
    const waiting = [mine.wait(), SharedLatch.attach(segment.chunk(size, size)).wait()];
    assert.equal(isBlocking ? mine.waitBlocking({ timeoutMs: 1 }) : await mine.wait({ timeoutMs: 1 }), 'timeout');
    theirs.set();
    assert.deepEqual(await Promise.all(waiting), ['latchSet', 'latchSet']);
  });
}
