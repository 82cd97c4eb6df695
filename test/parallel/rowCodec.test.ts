/**
 * Rows to a message and back: what arrives is what structured clone would make of each row, in the order in which they
 * were pushed; and bytes that are no message are refused, whatever they are.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import { BgworkerError } from '../../src/base/index.js';
import { RowDecoder } from '../../src/parallel/rowDecoder.js';
import { RowEncoder } from '../../src/parallel/rowEncoder.js';
import { assertSame, value } from '../shm/valueArbitraries.js';

const clone = (original: unknown): unknown => deserialize(serialize(original)) as unknown;

/** An encoder and a decoder with messages between them, each in memory that is then used for the next one. */
class RowPair {
  readonly encoder = new RowEncoder();
  readonly decoder = new RowDecoder();
  messageBytes = 0;

  send(rows: readonly unknown[]): unknown[] {
    for (const row of rows) this.encoder.push(row);
    const message = this.message();
    this.decoder.load(message);
    message.fill(0xff);
    return [...this.received()];
  }

  message(): Uint8Array {
    const message = Buffer.concat(this.encoder.pieces());
    this.encoder.reset();
    this.messageBytes = message.length;
    return message;
  }

  *received(): Generator<unknown> {
    while (this.decoder.hasRows) yield this.decoder.next();
  }
}

const cell = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', '\ud800', 'ü', 'x'.repeat(126), 'y'.repeat(127), 'z'.repeat(2_000)),
  fc.constantFrom(null, undefined, true, false, -0, Number.NaN, Infinity),
  fc.date({ noInvalidDate: false }),
  fc.uint8Array({ maxLength: 9 }),
  fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
);
const flatRow = fc.oneof(
  fc.array(cell, { maxLength: 6 }),
  fc.tuple(fc.integer(), cell).map(([id, name]) => ({ id, name })),
  fc.dictionary(fc.constantFrom('a', 'b', 'toString', '7', '__proto__'), cell),
  cell,
);

test('a row arrives as structured clone would make it, whatever came before it', () => {
  const pair = new RowPair();
  fc.assert(
    fc.property(fc.array(fc.oneof(flatRow, flatRow, value), { minLength: 1, maxLength: 8 }), (rows) => {
      const received = pair.send(rows);
      assert.equal(received.length, rows.length);
      for (const [index, row] of rows.entries()) assertArrived(received[index], row);
    }),
    { numRuns: 300 },
  );
});

/** A list that is a row is its entries: what it has beside them is not sent, unless the row takes the long way. */
function assertArrived(got: unknown, row: unknown): void {
  try {
    assertSame(got, clone(row));
  } catch (error) {
    if (!Array.isArray(row)) throw error;
    assertSame(got, clone(row.slice()));
  }
}

test('what a row is, and is not: one object stays one, a hole stays a hole, a match keeps its index', () => {
  const pair = new RowPair();
  const date = new Date(5);
  const bytes = Buffer.from('abc');
  // biome-ignore lint/suspicious/noSparseArray: a hole is what this is about.
  const rows = [[date, bytes, date, bytes], { a: date, b: date }, [1, , 2], /b(?<c>.)/.exec('abc'), [], {}];
  for (const [index, got] of pair.send(rows).entries()) assertSame(got, clone(rows[index]));
});

test('the keys of a record are told once', () => {
  const pair = new RowPair();
  const rows = Array.from({ length: 100 }, (_, identification) => ({ identification, someLongName: null }));
  const sizes = [rows.slice(0, 1), rows.slice(0, 1), rows].map((batch) => {
    assert.deepEqual(pair.send(batch), batch);
    return pair.messageBytes;
  });
  assert.deepEqual(sizes, [70, 40, 24 + 100 * 8 + 400]);
});

test('records of more shapes than are remembered, and with more keys, arrive as others do', () => {
  const pair = new RowPair();
  const wide = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`column${index}`, index]));
  for (let turn = 0; turn < 3; turn++) {
    const rows = Array.from({ length: 100 }, (_, index) => ({ [`key${index}`]: index, turn }));
    assert.deepEqual(pair.send([...rows, wide, ...rows]), [...rows, wide, ...rows]);
  }
});

test('long rows arrive whole, and their memory is given back', () => {
  const pair = new RowPair();
  const list = Array.from({ length: 40_000 }, (_, index) => index / 2);
  const long = [list, Array.from({ length: 66_000 }, () => 7), Buffer.alloc(300_000, 7), 'ü€'.repeat(50_000)];
  for (const row of [...long, [1]]) assert.deepEqual(pair.send([row]), [row]);
  assert.deepEqual(pair.send([...long, [1]]), [...long, [1]]);
});

const refused: readonly (readonly [row: unknown, detail: string])[] = [
  [{ id: 1, url: new URL('http://localhost') }, 'row.url is of class URL'],
  [[1, () => {}], 'row[1] is a function'],
  [{ deep: { er: [Symbol('s')] } }, 'row.deep.er[0] is a symbol'],
  [Symbol('s'), 'row is a symbol'],
  [new Proxy([1], {}), 'row is a Proxy'],
  [{ id: 1, error: new TypeError('x') }, 'row.error is of class TypeError'],
];

test('what a channel refuses is refused with its path, and the rows around it arrive', () => {
  const pair = new RowPair();
  const rows = [[1, 'before', new Date(1)], { id: 2, name: 'record' }];
  for (const [row, detail] of refused) {
    for (const before of rows) pair.encoder.push(before);
    assert.throws(() => pair.encoder.push(row), { code: 'ERR_NOT_SERIALIZABLE', detail });
    assert.deepEqual(pair.send(rows), [...rows, ...rows]);
  }
});

test('a getter that throws, and one that has changed its mind', () => {
  const pair = new RowPair();
  const error = new Error('not today');
  const throwing = Object.defineProperty({ id: 1 }, 'name', {
    enumerable: true,
    get: () => {
      throw error;
    },
  });
  assert.throws(() => pair.encoder.push(throwing), { code: 'ERR_NOT_SERIALIZABLE', cause: error });
  let calls = 0;
  const fickle = Object.defineProperty({}, 'size', {
    enumerable: true,
    get: () => (calls++ === 0 ? new Map() : calls),
  });
  assert.deepEqual(pair.send([{ size: 0 }, fickle]), [{ size: 0 }, { size: 2 }]);
});

/** Messages with every kind of cell and row, in which the second refers to shapes that the first told. */
function someMessages(): Uint8Array[] {
  const pair = new RowPair();
  const record = { id: 1, text: 'some text', at: new Date(5), big: 2n ** 40n, bytes: Buffer.alloc(11, 1), none: null };
  const rows = [record, { a: 1 }, [1, 'x'.repeat(200), true, undefined, new Uint8Array(3)], { nested: [1] }, 'ü€', -1];
  return [1, 2].map(() => {
    for (const row of rows) pair.encoder.push(row);
    return pair.message();
  });
}

/** The rows, or the error that says why there are none; anything else that is thrown fails the test. */
function outcomeOf(messages: readonly Uint8Array[]): unknown {
  const pair = new RowPair();
  const rows: unknown[] = [];
  try {
    for (const message of messages) {
      pair.decoder.load(message);
      rows.push(...pair.received());
    }
    return rows;
  } catch (error) {
    assert.ok(error instanceof BgworkerError, String(error));
    assert.equal(error.code, 'ERR_BAD_VALUE');
    assert.equal(pair.decoder.hasRows, false);
    return error;
  }
}

test('a message that was cut off, wherever, is refused', () => {
  const [first, second] = someMessages() as [Uint8Array, Uint8Array];
  for (const message of [first, second]) {
    for (let length = 0; length < message.length; length++) {
      const before = message === first ? [] : [first];
      assert.ok(outcomeOf([...before, message.subarray(0, length)]) instanceof BgworkerError, `at ${length}`);
    }
  }
});

test('a message that was changed is read or refused, and the decoder reads the next one that is right', () => {
  const messages = someMessages();
  fc.assert(
    fc.property(
      fc.nat(1),
      fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(0xff), fc.nat(0x14))), { minLength: 1, maxLength: 4 }),
      (index, changes) => {
        const changed = Uint8Array.from(messages[index]!);
        for (const [place, byte] of changes) changed[place % changed.length] = byte;
        outcomeOf([...messages.slice(0, index), changed]);
      },
    ),
    { numRuns: 2_000 },
  );
});
