/**
 * Random values for the codec, and what it means that two values are the same: not only deeply equal, but with their
 * keys in the same order, and one object where the other has one object.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';

const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('', 'ü', '\ud800', 'a\udfff', 'x'.repeat(62), 'x'.repeat(63), 'é'.repeat(1_024), '€'.repeat(1_500)),
);

const key = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('id', 'name', 'email', 'a', 'b', '') },
  { weight: 2, arbitrary: fc.constantFrom('0', '7', '4294967295', '-1', '01', 'constructor', 'toString', '__proto__') },
  { weight: 1, arbitrary: text },
);

const number = fc.oneof(
  fc.integer(),
  fc.integer({ min: -200, max: 200 }),
  fc.double(),
  fc.constantFrom(-0, Number.NaN, Infinity, -Infinity, 2 ** 31, -(2 ** 31), 2 ** 53, 5e-324),
);

const bigint = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 0n, 2n ** 200n),
);

const date = fc.oneof(fc.date(), fc.constantFrom(new Date(Number.NaN), new Date(-0), new Date(8.64e15)));

const views = [Int8Array, Uint8ClampedArray, Uint16Array, Int32Array, Float32Array, Float64Array, BigUint64Array];
const view = fc
  .tuple(fc.constantFrom('Buffer', 'DataView', 'Uint8Array', ...views.map(({ name }) => name)), fc.nat(300), fc.nat(9))
  .chain(([name, size, places]) =>
    fc.constantFrom(size, size * 10).map((elements) => makeView(name, elements, 8 * places)),
  );

function makeView(name: string, elements: number, offset: number): ArrayBufferView {
  const memory = new ArrayBuffer(offset + elements * 8 + 3);
  new Uint8Array(memory).forEach((_, at, all) => {
    all[at] = at * 7;
  });
  if (name === 'Buffer') return Buffer.from(memory, offset, elements);
  if (name === 'DataView') return new DataView(memory, offset, elements);
  if (name === 'Uint8Array') return new Uint8Array(memory, offset + 3, elements);
  const View = views.find((candidate) => candidate.name === name)!;
  return new View(memory, offset, elements);
}

class Point {
  x = 1;
  y: unknown;
}

/** What is like a record or a list, and not quite. */
const variations: readonly ((part: unknown) => unknown)[] = [
  (part) => Object.assign(Object.create(null), { part }) as unknown,
  (part) => Object.assign(new Point(), { y: part }),
  (part) => Object.freeze({ part, frozen: Object.freeze([part]) }),
  (part) => ({ part, [Symbol('s')]: 1 }),
  (part) => Object.defineProperty({ part }, 'hidden', { value: 1 }),
  (part) => Object.defineProperty({ a: 1 }, 'part', { get: () => part, enumerable: true }),
  (part) => Object.assign([], { 1: part, length: 4 }),
  (part) => Object.assign([part], { extra: part }),
  (part) => Object.assign([part], { '-1': part, length: 3 }),
  (part) => new Map([[part, { part }]]),
  (part) => new Set([part, 1]),
  (part) => [/x/giu, Object('boxed'), new ArrayBuffer(3), part],
  (part) => ({ part, deeper: nested(part, 150) }),
  (part) => nested(part, 260),
  (part) => circle({ part }),
  (part) => circle([part]),
  (part) => Array.from({ length: 40 }, (_, index) => ({ id: index % 3, part })),
];

/** What the short way takes, and now and then what it does not. */
export const value: fc.Arbitrary<unknown> = fc.letrec<{ any: unknown; leaf: unknown }>((tie) => ({
  leaf: fc.oneof(text, number, bigint, date, view, fc.boolean(), fc.constant(null), fc.constant(undefined)),
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 8, arbitrary: tie('leaf') },
    { weight: 4, arbitrary: fc.array(fc.tuple(key, tie('any')), { maxLength: 6 }).map(recordOf) },
    { weight: 2, arbitrary: fc.array(tie('any'), { maxLength: 6 }) },
    { weight: 1, arbitrary: tie('any').map((part) => [part, { part }, [part]]) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom(...variations), tie('any')).map(([vary, part]) => vary(part)),
    },
  ),
})).any;

/** Own fields, whatever they are called. */
function recordOf(entries: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(entries);
}

function nested(part: unknown, levels: number): unknown {
  let outer = part;
  for (let level = 0; level < levels; level++) outer = level % 2 === 0 ? { outer } : [outer];
  return outer;
}

function circle(object: object): object {
  return Object.assign(object, { self: object, 1: [object] });
}

/** Deeply equal, the keys in the same order, and the same objects at the same places. */
export function assertSame(got: unknown, wanted: unknown): void {
  const partners = new Map<object, object>();
  const visit = (a: unknown, b: unknown): void => {
    if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) {
      assert.deepStrictEqual(a, b);
      return;
    }
    const partner = partners.get(a);
    assert.ok(partner === undefined || partner === b, 'an object has become two, or two have become one');
    if (partner !== undefined) return;
    partners.set(a, b);
    assert.equal(Object.getPrototypeOf(a), Object.getPrototypeOf(b));
    // Since two invalid dates are not equal to deepStrictEqual.
    if (a instanceof Date && b instanceof Date) assert.deepStrictEqual(a.getTime(), b.getTime());
    else if (a instanceof Map && b instanceof Map) visit([...a], [...b]);
    else if (a instanceof Set && b instanceof Set) visit([...a], [...b]);
    else if (isLeaf(a)) assert.deepStrictEqual(a, b);
    else {
      assert.deepStrictEqual(Object.keys(a), Object.keys(b));
      if (Array.isArray(a)) assert.equal(a.length, Reflect.get(b, 'length'));
      for (const name of Object.keys(a)) visit(Reflect.get(a, name), Reflect.get(b, name));
    }
  };
  visit(got, wanted);
  assert.equal(new Set(partners.values()).size, partners.size);
}

function isLeaf(object: object): boolean {
  return (
    ArrayBuffer.isView(object) || object instanceof ArrayBuffer || object instanceof RegExp || object instanceof String
  );
}
