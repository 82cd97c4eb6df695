import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BgworkerError } from '../../src/base/index.js';
import { ValueDecoder } from '../../src/shm/valueDecoder.js';
import { ValueEncoder } from '../../src/shm/valueEncoder.js';
import { assertSame, value } from './valueArbitraries.js';
import { joined } from './valuePair.js';

/** Only what the codec itself reads: what a fallback does with bytes is its own affair. */
const options = {
  fallback: {
    serialize: (): never => assert.fail('takes the short way only'),
    deserialize: (): never => assert.fail('is foreign'),
  },
};

const record = { id: 1, text: 'some text', date: new Date(5), list: [1.5, -7, 2n ** 40n, new Float64Array(3)] };
const shared = [record, record, { ...record, extra: Buffer.alloc(40) }, { a: 'ü'.repeat(30), b: '€' }];

/** Messages that tell shapes, use them, refer to objects, and have two chunks of text. */
function someMessages(): readonly Uint8Array[] {
  const encoder = new ValueEncoder(options);
  return [record, record, shared, shared, ['x'.repeat(1_000), 'y'.repeat(1_000), { '17': 4 }]].map((original) =>
    joined(encoder.encode(original)),
  );
}

/** The value, or the error that says why there is none; anything else that is thrown fails the test. */
function outcomeOf(decoder: ValueDecoder, message: Uint8Array): unknown {
  try {
    return decoder.decode(message);
  } catch (error) {
    assert.ok(error instanceof BgworkerError, String(error));
    assert.equal(error.code, 'ERR_BAD_VALUE');
    return error;
  }
}

test('random bytes are a value or refused', () => {
  const head = fc.constantFrom([0x50, 0, 0, 0, 30, 0, 0, 0], [0x50, 1, 0, 0, 9, 0, 0, 0], [0x44, 0, 0, 0], []);
  const tags = fc.oneof(fc.nat(0xff), fc.nat(11), fc.constantFrom(8, 9, 10, 11, 0x41, 0x7f));
  fc.assert(
    fc.property(head, fc.array(tags, { maxLength: 60 }), (start, rest) => {
      outcomeOf(new ValueDecoder(options), Uint8Array.from([...start, ...rest]));
    }),
    { numRuns: 1_500 },
  );
});

test('a message that was cut off, wherever, is refused', () => {
  const messages = someMessages();
  for (const [index, message] of messages.entries()) {
    for (let length = 0; length < message.length; length++) {
      const decoder = new ValueDecoder(options);
      for (const before of messages.slice(0, index)) decoder.decode(before);
      assert.ok(outcomeOf(decoder, message.subarray(0, length)) instanceof BgworkerError, `${index} at ${length}`);
    }
  }
});

test('a message that was changed is read or refused, the same whatever lies around it, and teaches nothing if refused', () => {
  const messages = someMessages();
  fc.assert(
    fc.property(
      fc.nat(messages.length - 1),
      fc.array(fc.tuple(fc.nat(), fc.nat(0xff)), { minLength: 1, maxLength: 4 }),
      (index, changes) => {
        const changed = Uint8Array.from(messages[index]!);
        for (const [place, byte] of changes) changed[place % Math.min(changed.length, 300)] = byte;
        const outcomes = [0x00, 0xff].map((around) => {
          const memory = new Uint8Array(changed.length + 64).fill(around);
          memory.set(changed, 32);
          const decoder = new ValueDecoder(options);
          for (const before of messages.slice(0, index)) decoder.decode(before);
          const outcome = outcomeOf(decoder, memory.subarray(32, 32 + changed.length));
          if (outcome instanceof BgworkerError) for (const after of messages.slice(index)) decoder.decode(after);
          return outcome;
        });
        const [first, second] = outcomes;
        if (first instanceof BgworkerError) assert.deepStrictEqual(first, second);
        else assertSame(first, second);
      },
    ),
    { numRuns: 700 },
  );
});

test('a message of another encoder is refused, or at least a value', () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 2, maxLength: 6 }), (values) => {
      const encoder = new ValueEncoder();
      const messages = [...values, ...values].map((original) => joined(encoder.encode(original)));
      const decoder = new ValueDecoder();
      for (const message of messages.reverse()) outcomeOf(decoder, message);
    }),
    { numRuns: 50 },
  );
});

const huge = [0xff, 0xff, 0xff, 0xff];
const claims: readonly (readonly [title: string, body: readonly number[]])[] = [
  ['a list of four thousand million entries', [9, ...huge]],
  ['a typed array of four gigabytes', [10, 0, ...huge, 0, 0]],
  ['a text of two gigabytes', [0x7f, ...huge]],
  ['an object that comes later', [11, 0, 0, 0, 0]],
  ['a record of a shape that was never told', [8, 0, 0]],
  ['lists in lists without end', new Array<number[]>(100_000).fill([9, 1, 0, 0, 0]).flat()],
  ['half a number', [5, 0, 0, 0, 0]],
  ['a typed array of half an element', [10, 10, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4]],
  ['two values', [0x81, 0x82]],
  ['no value', []],
];

for (const [title, body] of claims) {
  test(`a message that claims to hold ${title} is refused, and no memory is made for it`, () => {
    const message = Uint8Array.from([0x50, 1, 0, 0, 0, 0, 0, 0, ...body]);
    new DataView(message.buffer).setUint32(4, message.length, true);
    const before = process.memoryUsage().arrayBuffers;
    assert.ok(outcomeOf(new ValueDecoder(options), message) instanceof BgworkerError);
    assert.ok(process.memoryUsage().arrayBuffers - before < 10 * message.length + 100_000);
  });
}

test('definitions that claim more than they hold, or more than may be remembered, are refused', () => {
  for (const [told, passing, keys] of [
    [1, 0, 0xffff],
    [0xffff, 0, 0],
    [0, 0xffff, 1],
    [600, 0, 0],
    [300, 0, 64],
  ] as const) {
    const body = Buffer.alloc(16 + 2 * (told + passing));
    for (let at = 16; at < body.length; at += 2) body.writeUInt16LE(keys, at);
    const message = Buffer.concat([body, Buffer.alloc(-body.length & 7), Buffer.from([0x50, 0, 0, 0, 9, 0, 0, 0, 1])]);
    message.set([0x44, 0, 0, 0]);
    message.writeUInt16LE(told, 4);
    message.writeUInt16LE(passing, 6);
    message.writeUInt32LE(message.length - 9, 8);
    message.writeUInt32LE(body.length, 12);
    assert.ok(outcomeOf(new ValueDecoder(options), message) instanceof BgworkerError, `${told}, ${passing}, ${keys}`);
  }
});

test('what a fallback throws at foreign bytes is said as the reason', () => {
  const message = joined(new ValueEncoder().encode(new Map([[1, 2]])));
  assert.deepStrictEqual(new ValueDecoder().decode(message), new Map([[1, 2]]));
  message.fill(0x7c, 8);
  const outcome = outcomeOf(new ValueDecoder(), message);
  assert.ok(outcome instanceof BgworkerError && outcome.cause instanceof Error);
});
