import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { BgworkerError } from '../../src/base/index.js';
import type { ErrorRecord } from '../../src/core/index.js';
import {
  encodeFrame,
  FrameReader,
  fromErrorRecord,
  parseWorkerMessage,
  toErrorRecord,
} from '../../src/protocol/index.js';

/** As it arrives in another process: through the frame and the schema. */
function sent(thrown: unknown): ErrorRecord {
  const reader = new FrameReader();
  reader.push(encodeFrame({ type: 'said', saying: { word: 'threw', error: toErrorRecord(thrown) } }));
  const frame = reader.next();
  assert.ok(frame);
  const { message } = parseWorkerMessage(frame);
  assert.ok(message.type === 'said' && message.saying.word === 'threw');
  return message.saying.error;
}

test('an error arrives with name, message, stack, code, cause and fields, as an instance of its class', () => {
  const cause = new RangeError('why');
  const error = Object.assign(new TypeError('what', { cause }), { code: 'E_X', path: '/a', at: new Date(0) });
  const made = fromErrorRecord(sent(error));
  assert.ok(made instanceof TypeError);
  assert.deepEqual([made.name, made.message, made.stack], ['TypeError', 'what', error.stack]);
  assert.deepEqual({ ...made }, { code: 'E_X', path: '/a', at: '1970-01-01T00:00:00.000Z' });
  assert.ok(made.cause instanceof RangeError);
  assert.equal(made.cause.stack, cause.stack);
});

test('an error of a class nobody knows arrives as an Error that bears its name', () => {
  class OddError extends Error {
    override name = 'OddError';
  }
  const made = fromErrorRecord(sent(new OddError('odd')));
  assert.equal(Object.getPrototypeOf(made), Error.prototype);
  assert.deepEqual([made.name, String(made), Object.keys(made)], ['OddError', 'OddError: odd', []]);
});

test('a BgworkerError arrives as one, with code, detail and hint', () => {
  const made = fromErrorRecord(sent(new BgworkerError('ERR_X', 'short', { detail: 'long', hint: 'do' })));
  assert.ok(made instanceof BgworkerError);
  assert.equal(made.describe(), 'short (ERR_X)\ndetail: long\nhint: do');
});

test('an AggregateError arrives with its errors', () => {
  const made = fromErrorRecord(sent(new AggregateError([new TypeError('a'), 'b'], 'many')));
  assert.ok(made instanceof AggregateError);
  assert.deepEqual(made.errors.map(String), ['TypeError: a', "NonError: 'b'"]);
});

test('an AbortError of the platform arrives under its name', () => {
  const made = fromErrorRecord(sent(AbortSignal.abort().reason));
  assert.deepEqual([made.name, (made as { code?: unknown }).code], ['AbortError', 20]);
});

test('an error of another realm is an error', () => {
  assert.equal(sent(runInNewContext('new TypeError("there")')).name, 'TypeError');
});

for (const [thrown, message, fields] of [
  ['text', "'text'", { value: 'text' }],
  [undefined, 'undefined', undefined],
  [null, 'null', { value: null }],
  [NaN, 'NaN', { value: 'NaN' }],
  [12n, '12n', { value: '12' }],
  [{ a: [1, { b: 2 }] }, '{ a: [ 1, { b: 2 } ] }', { value: { a: [1, { b: 2 }] } }],
  [Symbol('s'), 'Symbol(s)', { value: 'Symbol(s)' }],
] as const) {
  test(`${message} is no error and arrives as a NonError that shows it`, () => {
    const record = sent(thrown);
    assert.deepEqual([record.name, record.message, record.fields], ['NonError', message, fields]);
  });
}

test('what throws when it is read does no harm', () => {
  const bad = () => {
    throw new Error('no');
  };
  const error = Object.defineProperties(new Error('x'), {
    stack: { get: bad },
    code: { get: bad },
    cause: { get: bad },
    field: { get: bad, enumerable: true },
  });
  assert.equal(sent(error).message, 'x');
  for (const handler of [{ get: bad }, { ownKeys: bad }, { getPrototypeOf: bad }, { has: bad }]) {
    sent(new Proxy(new Error('behind'), handler));
    sent(new Proxy({ a: 1 }, handler));
    sent(Object.assign(new Error('with'), { field: new Proxy({}, handler) }));
  }
  sent({ toJSON: bad });
  sent(Object.assign(new Error('with'), { __proto__x: 1, ['__proto__']: 1, constructor: bad, toString: bad }));
});

test('an error that is its own cause, or contains itself, ends', () => {
  const error: Error & { self?: unknown } = new Error('loop');
  error.cause = error;
  error.self = error;
  const aggregate = new AggregateError([], 'loop');
  aggregate.errors.push(aggregate, error);
  assert.equal(sent(error).cause, undefined);
  assert.equal(sent(aggregate).errors?.length, 1);
});

test('however large, it fits into a frame and into the rules for messages', () => {
  let error = new Error('\u0001'.repeat(1_000_000));
  for (let depth = 0; depth < 100; depth++) {
    error = new AggregateError(new Array(100).fill(error), '\u0001'.repeat(100_000), { cause: error });
    Object.assign(
      error,
      Object.fromEntries(
        Array.from({ length: 1_000 }, (_, i) => [`${i}${'\u0001'.repeat(500)}`, '\u0001'.repeat(5_000)]),
      ),
    );
  }
  sent(error);
  sent({ nested: JSON.parse('[['.repeat(2_000) + ']]'.repeat(2_000)), many: new Array(100_000).fill({}) });
});

test('anything at all can be thrown', () => {
  fc.assert(
    fc.property(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withTypedArray: true,
        withNullPrototype: true,
      }),
      (thrown) => {
        const record = sent(thrown);
        assert.deepEqual(toErrorRecord(fromErrorRecord(record)).message, record.message);
      },
    ),
  );
});

test('a record that goes deeper than any error does is cut, and fields never change what an error is', () => {
  let record: ErrorRecord = { name: 'Error', message: 'm' };
  for (let depth = 0; depth < 1_000; depth++) record = { name: 'Error', message: 'm', cause: record };
  assert.ok(fromErrorRecord(record));
  const made = fromErrorRecord({
    name: 'Error',
    message: 'm',
    fields: JSON.parse('{"message":"x","stack":"x","__proto__":{"polluted":1},"cause":1}') as Record<string, unknown>,
  });
  assert.deepEqual([made.message, made.cause, Object.getPrototypeOf(made)], ['m', undefined, Error.prototype]);
});
