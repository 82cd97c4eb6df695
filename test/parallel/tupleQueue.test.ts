/**
 * Rows through shared memory: both ends in this process, each a member of its own. What has to be told of batches, of the
 * ways in which a queue ends, and of columns that nobody copies.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BgworkerError } from '../../src/base/index.js';
import { ColumnBatch, decodeColumns, encodeColumns } from '../../src/parallel/columns.js';
import { TupleReceiver, TupleSender } from '../../src/parallel/tupleQueue.js';
import { MessageQueue } from '../../src/shm/index.js';
import { Company } from '../shm/support/company.js';
import { pair } from '../shm/support/queues.js';

interface Tuples extends AsyncDisposable {
  readonly sender: TupleSender;
  readonly receiver: TupleReceiver;
  /** All that can be received now. */
  drain(): unknown[];
}

async function tuples(ringBytes = 65_536): Promise<Tuples> {
  const company = new Company();
  const ends = await pair(company, ringBytes);
  const receiver = new TupleReceiver(ends.receiver);
  return {
    sender: new TupleSender(ends.sender),
    receiver,
    drain: () => {
      const rows: unknown[] = [];
      for (let next = receiver.tryReceive(); next !== null && !next.done; next = receiver.tryReceive()) {
        rows.push(next.value);
      }
      return rows;
    },
    [Symbol.asyncDispose]: async () => {
      ends.sending.detach();
      ends.receiving.detach();
      await company[Symbol.asyncDispose]();
    },
  };
}

test('F-75: the first row goes at once, the next ones in batches, and flush makes all visible that was pushed', async () => {
  await using queue = await tuples();
  assert.equal(queue.sender.push([0]), true);
  assert.equal(queue.sender.flush(), 'sent');
  assert.deepEqual(queue.drain(), [[0]]);
  queue.sender.push([1]);
  assert.deepEqual(queue.drain(), []);
  assert.equal(queue.receiver.hasRows, false);
  queue.sender.push([2]);
  assert.equal(queue.sender.flush(), 'sent');
  assert.deepEqual(queue.receiver.tryReceive(), { done: false, value: [1] });
  assert.equal(queue.receiver.hasRows, true);
  assert.deepEqual(queue.drain(), [[2]]);
  assert.equal(queue.sender.flush(), 'sent');
  assert.deepEqual(queue.drain(), []);
  assert.deepEqual([queue.sender.rows, queue.receiver.rows], [3, 3]);
  assert.equal(queue.sender.bytes, queue.receiver.bytes);
});

test('a batch goes when it is large enough, which is sooner in a small ring', async () => {
  for (const [ringBytes, batchBytes] of [
    [65_536, 16_384],
    [4_096, 1_024],
  ] as const) {
    await using queue = await tuples(ringBytes);
    queue.sender.push('the first');
    queue.sender.flush();
    let rows = 1;
    while (!queue.sender.push('x'.repeat(99))) rows += 1;
    assert.ok(rows * 100 <= batchBytes + 100, `${rows} rows`);
  }
});

test('who is slow is not held back: a batch goes when 2 ms have passed since the last one', async () => {
  await using queue = await tuples();
  queue.sender.push(0);
  queue.sender.flush();
  const startedAt = performance.now();
  let rows = 1;
  while (!queue.sender.push(rows)) {
    rows += 1;
    for (const at = performance.now(); performance.now() - at < 0.3; );
  }
  assert.ok(performance.now() - startedAt >= 2);
  assert.ok(rows < 100, `${rows} rows`);
});

test('a flush waits for room, and how long is told', async () => {
  await using queue = await tuples(256);
  const sent: unknown[] = [];
  let flushed: string | Promise<string> = 'sent';
  while (flushed === 'sent') {
    sent.push({ number: sent.length, text: 'some text' });
    queue.sender.push(sent.at(-1));
    flushed = queue.sender.flush();
  }
  assert.ok(flushed instanceof Promise);
  const received = queue.drain();
  assert.equal(await flushed, 'sent');
  assert.deepEqual([...received, ...queue.drain()], sent);
  assert.ok(queue.sender.waitMs > 0);
});

test('a row that is longer than the ring passes in parts', async () => {
  await using queue = await tuples(128);
  const row = ['x'.repeat(5_000), Buffer.alloc(3_000, 1), 7];
  queue.sender.push(row);
  const flushed = queue.sender.flush();
  const received: unknown[] = [];
  while (received.length === 0) {
    received.push(...queue.drain());
    await nextTurn();
  }
  assert.equal(await flushed, 'sent');
  assert.deepEqual(received, [row]);
});

test('end sends what is left, and then there is nothing more', async () => {
  await using queue = await tuples();
  for (const row of [1, 2, 3]) queue.sender.push(row);
  assert.equal(queue.sender.end(), 'sent');
  assert.deepEqual(queue.drain(), [1, 2, 3]);
  assert.deepEqual(queue.receiver.tryReceive(), { done: true });
  assert.deepEqual(queue.receiver.tryReceive(), { done: true });
});

test('end waits for room, too', async () => {
  await using queue = await tuples(128);
  queue.sender.push('x'.repeat(40));
  assert.equal(queue.sender.flush(), 'sent');
  queue.sender.push('y'.repeat(40));
  const ended = queue.sender.end();
  assert.deepEqual(queue.drain(), ['x'.repeat(40)]);
  assert.equal(await ended, 'sent');
  assert.deepEqual(queue.drain(), ['y'.repeat(40)]);
  assert.deepEqual(queue.receiver.tryReceive(), { done: true });
});

test('R-GA-6: when the receiver has detached, the sender learns it at its next flush, or in the one that waits', async () => {
  await using idle = await tuples();
  idle.sender.push(1);
  idle.receiver.detach();
  assert.equal(idle.sender.flush(), 'detached');

  await using full = await tuples(128);
  full.sender.push('x'.repeat(30));
  full.sender.flush();
  full.sender.push('x'.repeat(30));
  const flushed = full.sender.flush();
  full.receiver.detach();
  assert.equal(await flushed, 'detached');
});

test('R-MQ-33: of a sender that was killed all rows are received that it had flushed, and then its death is told', async () => {
  await using company = new Company();
  const segment = await company.segment(company.member(), MessageQueue.sizeFor({ ringBytes: 65_536 }));
  const receiver = new TupleReceiver(MessageQueue.create(segment.chunk()).receiver());
  const child = company.child(new URL('./tuplePeer.js', import.meta.url).href, 'sendAndHang', segment, 1_000);
  await child.result;
  await child.kill();
  for (let row = 0; row < 1_000; row++) {
    assert.deepEqual(receiver.tryReceive(), { done: false, value: { row, pid: child.process.pid } });
  }
  assert.throws(() => receiver.tryReceive(), { code: 'ERR_PEER_DIED' });
  segment.detach();
});

test('a row that cannot be sent is refused, and those before it go', async () => {
  await using queue = await tuples();
  queue.sender.push([1]);
  assert.throws(() => queue.sender.push({ id: 2, url: new URL('http://localhost') }), {
    detail: 'row.url is of class URL',
  });
  queue.sender.flush();
  assert.deepEqual([queue.drain(), queue.sender.rows], [[[1]], 1]);
});

test('bytes that are no rows are refused', async () => {
  for (const message of [new Uint8Array(0), new Uint8Array(40), Buffer.from('ROWS'), Buffer.from('COLS')]) {
    await using company = new Company();
    const ends = await pair(company, 256);
    ends.sender.trySend(message);
    assert.throws(() => new TupleReceiver(ends.receiver).tryReceive(), { code: 'ERR_BAD_VALUE' });
    ends.sending.detach();
    ends.receiving.detach();
  }
});

function someColumns(rows = 5) {
  return new ColumnBatch({
    id: Int32Array.from({ length: rows }, (_, row) => row),
    price: Float64Array.from({ length: rows }, (_, row) => row / 3),
    flag: Uint8Array.from({ length: rows }, (_, row) => row % 2),
    big: BigInt64Array.from({ length: rows }, (_, row) => -BigInt(row)),
  });
}

test('columns arrive between the rows before and behind them, as views of the queue until the next row is asked for', async () => {
  await using queue = await tuples();
  const batch = someColumns();
  queue.sender.push(['before']);
  assert.equal(queue.sender.push(batch), true);
  assert.equal(queue.sender.flush(), 'sent');
  queue.sender.push(['behind']);
  queue.sender.flush();
  assert.deepEqual(queue.receiver.tryReceive(), { done: false, value: ['before'] });
  const received = queue.receiver.tryReceive();
  assert.ok(received?.done === false && received.value instanceof ColumnBatch);
  const { rows, columns } = received.value;
  assert.equal(rows, 5);
  assert.deepEqual(columns, batch.columns);
  assert.equal(columns['id']?.buffer, columns['big']?.buffer);
  assert.ok(columns['id'].buffer.byteLength >= 65_536, 'they lie in the queue itself');
  assert.deepEqual(queue.drain(), [['behind']]);
  assert.deepEqual([queue.sender.rows, queue.receiver.rows], [7, 7]);
});

test('columns that lie across the end of the ring, and such that are longer than it, arrive whole', async () => {
  await using queue = await tuples(2_048);
  for (const rows of [20, 30, 40, 50, 60, 1_000, 0]) {
    const batch = someColumns(rows);
    queue.sender.push(batch);
    const flushed = queue.sender.flush();
    let received = queue.receiver.tryReceive();
    while (received === null) {
      await nextTurn();
      received = queue.receiver.tryReceive();
    }
    assert.equal(await flushed, 'sent');
    assert.deepEqual(received, { done: false, value: batch });
  }
});

test('a batch of columns has typed arrays of one length, under any name', () => {
  const odd = new ColumnBatch(Object.fromEntries(['__proto__', '', '\ud800'].map((name) => [name, new Int8Array(1)])));
  assert.deepEqual(decodeColumns(Buffer.from(Buffer.concat(encodeColumns(odd)))), odd);
  assert.equal(new ColumnBatch({}).rows, 0);
  for (const columns of [
    { a: new Int8Array(1), b: new Int8Array(2) },
    { a: [1] },
    { a: new DataView(new ArrayBuffer(1)) },
  ]) {
    assert.throws(() => new ColumnBatch(columns as never), { code: 'ERR_INVALID_ARGUMENT' });
  }
});

test('columns that were cut off or changed are read or refused', () => {
  const message = Buffer.concat(encodeColumns(someColumns()));
  const outcome = (bytes: Uint8Array) => {
    try {
      decodeColumns(new Uint8Array(bytes));
      return 'read';
    } catch (error) {
      assert.ok(error instanceof BgworkerError && error.code === 'ERR_BAD_VALUE', String(error));
      return 'refused';
    }
  };
  for (let at = 0; at < message.length; at++) {
    assert.equal(outcome(message.subarray(0, at)), 'refused');
    for (const byte of [0, 1, 0x22, 0x5d, 0xff]) {
      const changed = Buffer.from(message);
      changed[at] = byte;
      outcome(changed);
    }
  }
});
