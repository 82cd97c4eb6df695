import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import { BgworkerError } from '../../src/base/index.js';
import { deserializeValue, serializeValue } from '../../src/protocol/index.js';
import { ValueDecoder } from '../../src/shm/valueDecoder.js';
import { ValueEncoder } from '../../src/shm/valueEncoder.js';
import { assertSame, value } from './valueArbitraries.js';
import { joined, ValuePair } from './valuePair.js';

const clone = (original: unknown): unknown => deserialize(serialize(original)) as unknown;

const row = {
  ...{ id: 7, name: 'Ada', email: 'ada@example.com', active: true, score: 0.5, createdAt: new Date(5) },
  ...{ tags: 'a,b', count: 300, ratio: -1e300, note: null },
};

test('a value arrives as structured clone would make it, whatever came before it', () => {
  const pair = new ValuePair();
  fc.assert(
    fc.property(value, (original) => {
      assertSame(pair.send(original), clone(original));
    }),
    { numRuns: 400 },
  );
});

test('the keys of a record are told once, when it comes for the second time', () => {
  const pair = new ValuePair();
  const sizes = [1, 2, 3].map((id) => {
    assertSame(pair.send({ ...row, id }), { ...row, id });
    return pair.bytes;
  });
  assert.ok(sizes[0]! > 120 && sizes[1]! > 120, `${sizes} bytes`);
  assert.ok(sizes[2]! < 80, `${sizes} bytes`);
});

test('a message that was not sent is taken back, and the pair stays together', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(value, fc.boolean()), { maxLength: 12 }), (messages) => {
      const pair = new ValuePair();
      for (const [original, isSent] of messages) {
        if (!isSent) {
          pair.encoder.encode(original);
          pair.encoder.rollback();
          pair.encoder.rollback();
        }
        assertSame(pair.send(original), clone(original));
      }
    }),
    { numRuns: 40 },
  );
});

test('what both ends remember is bounded: they forget together, also if that message is taken back', () => {
  const pair = new ValuePair();
  const shapeOf = (number: number): object => ({ [`first${number}`]: number, [`second${number}`]: `${number}` });
  const sizes = new Set<number>();
  for (let number = 0; number < 700; number++) {
    const original = [shapeOf(number), row];
    for (let time = 0; time < 3; time++) {
      if (number % 5 === 0) {
        pair.encoder.encode(original);
        pair.encoder.rollback();
      }
      assertSame(pair.send(original), original);
    }
    sizes.add(pair.bytes);
  }
  // Small ones, for which nothing was told; and two of the third time that told all anew.
  assert.ok(Math.min(...sizes) < 100 && Math.max(...sizes) > 200, [...sizes].join());
});

test('a dictionary, whose keys never come again, does not make the pair forget what does', () => {
  const pair = new ValuePair();
  for (let time = 0; time < 3; time++) pair.send(row);
  const { bytes } = pair;
  for (let number = 0; number < 2_000; number++) pair.send({ [`k${number}`]: 1, [`l${number}`]: 2 });
  pair.send(row);
  assert.equal(pair.bytes, bytes);
});

test('a message of one record is one piece, and large typed arrays are pieces of their own that nobody copied', () => {
  const encoder = new ValueEncoder();
  for (let time = 0; time < 2; time++) encoder.encode({ row });
  assert.equal(encoder.encode({ row }).length, 1);
  const [small, large, floats] = [Buffer.alloc(100, 1), Buffer.alloc(5_000, 2), new Float64Array(1_000).fill(3)];
  for (let time = 0; time < 2; time++) encoder.encode({ small, large, floats, text: 'text' });
  const pieces = encoder.encode({ small, large, floats, text: 'text' });
  assert.equal(pieces[1], large);
  assert.equal(pieces[3]?.buffer, floats.buffer);
  assertSame(new ValueDecoder().decode(joined(new ValueEncoder().encode({ small, large, floats }))), {
    ...{ small, large, floats },
  });
});

test('what the encoder hands out may be thrown away: a longer message later is no trouble, nor is a shorter one', () => {
  const pair = new ValuePair();
  for (const length of [10, 100_000, 3, 3_000_000, 0, 5_000]) {
    const original = {
      text: 'ü'.repeat(length),
      wide: '😀'.repeat(length / 2),
      list: new Array(length % 9_999).fill(1),
    };
    assertSame(pair.send(original), original);
  }
});

test('typed arrays are copies, or on demand views of the message where they are aligned', () => {
  const original = {
    text: 'abc',
    floats: new Float64Array([1, 2]),
    bytes: Buffer.from('x'),
    long: new BigInt64Array(400),
  };
  const message = joined(new ValueEncoder().encode(original));
  const memory = new Uint8Array(message.length + 16);
  for (const [offset, aligned] of [
    [8, true],
    [3, false],
  ] as const) {
    memory.set(message, offset);
    const bytes = memory.subarray(offset, offset + message.length);
    const copies = new ValueDecoder().decode(bytes) as typeof original;
    const views = new ValueDecoder({ view: true }).decode(bytes) as typeof original;
    assert.deepStrictEqual([copies, views], [original, original]);
    for (const copy of [copies.floats, copies.bytes, copies.long]) assert.notEqual(copy.buffer, memory.buffer);
    assert.equal(views.bytes.buffer, memory.buffer, 'a byte is aligned everywhere');
    for (const view of [views.floats, views.long]) assert.equal(view.buffer === memory.buffer, aligned);
  }
});

const refused: readonly (readonly [title: string, offender: unknown])[] = [
  ['a function', () => {}],
  ['a symbol', Symbol('s')],
  ['a Proxy', new Proxy({ a: 1 }, {})],
  ['a Proxy', new Proxy([1], {})],
  ['of class URL', new URL('http://localhost')],
  ['of class AbortSignal', new AbortController().signal],
  ['of class Promise', Promise.resolve()],
  ['of class TypeError', new TypeError('x')],
  ['of class WeakMap', Object.setPrototypeOf(new WeakMap(), Object.prototype)],
  ['of class Object', Object.setPrototypeOf(new Promise(() => {}), Object.prototype)],
];

for (const [title, offender] of refused) {
  test(`what would arrive emptied or not at all is refused by the fallback, with its path: ${title}`, () => {
    const pair = new ValuePair({
      fallback: { serialize: (v) => serializeValue(v, 'message'), deserialize: deserializeValue },
    });
    for (let time = 0; time < 3; time++) pair.send({ headers: [1, { url: null }] });
    const { bytes } = pair;
    assert.throws(
      () => pair.send({ headers: [1, { url: offender }], fresh: [{ fresh: 1 }, { fresh: 1 }] }),
      (error) => {
        assert.ok(error instanceof BgworkerError);
        assert.equal(error.code, 'ERR_NOT_SERIALIZABLE');
        assert.ok(error.detail?.startsWith('message.headers[1].url'), error.detail);
        return true;
      },
    );
    pair.send({ headers: [1, { url: null }] });
    assert.equal(pair.bytes, bytes, 'nothing has happened');
  });
}

test('fields that everything inherits are not sent, and what looks plain and is not is sent as what it is', () => {
  const pair = new ValuePair();
  Object.defineProperty(Object.prototype, 'inherited', { value: 1, enumerable: true, configurable: true });
  try {
    for (let time = 0; time < 3; time++) assertSame(pair.send({ own: { deep: 1 } }), { own: { deep: 1 } });
  } finally {
    Reflect.deleteProperty(Object.prototype, 'inherited');
  }
  const disguised = [new Map([[1, 2]]), new Date(4), new String('ab')].map((object) =>
    Object.setPrototypeOf(object, Object.prototype),
  );
  for (const object of disguised) assertSame(pair.send([object]), clone([object]));
});

test('a getter that throws, changes its object, or encodes with the same encoder does no harm', () => {
  const pair = new ValuePair();
  for (let time = 0; time < 3; time++) pair.send(row);
  const throwing = {
    a: [row],
    get b(): never {
      throw new Error('no');
    },
  };
  assert.throws(() => pair.send(throwing), { code: 'ERR_NOT_SERIALIZABLE' });
  const encoding = {
    a: 1,
    get b(): unknown {
      return pair.encoder.encode(row);
    },
  };
  assert.throws(() => pair.send(encoding), { code: 'ERR_NOT_SERIALIZABLE' });
  const shrinking: Record<string, unknown> = {
    get a(): number {
      delete shrinking['b'];
      return 1;
    },
    b: 2,
    c: 3,
  };
  assertSame(pair.send(shrinking), { a: 1, c: 3 });
  assertSame(pair.send(row), row);
});

test('nothing of a value is held on to when it has been encoded', async () => {
  const encoder = new ValueEncoder();
  const references = [1, 30].map((count) => {
    const objects = Array.from({ length: count }, () => ({ large: Buffer.alloc(10_000), at: new Date(1) }));
    encoder.encode(objects);
    return objects.map((object) => new WeakRef(object));
  });
  assert.ok(references.flat().every((reference) => reference.deref() !== undefined));
  const { runInNewContext } = await import('node:vm');
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--expose-gc');
  await new Promise(setImmediate);
  runInNewContext('gc')();
  assert.ok(references.flat().every((reference) => reference.deref() === undefined));
});
