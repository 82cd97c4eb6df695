/**
 * Structured values as messages of a queue: how a value lies in one, the words that encoder and decoder share, and every
 * limit of both. What arrives is what structured clone makes of a value. Records of plain fields take a short way, some
 * four times as fast as `v8.serialize`; a value in which anything else stands (a Map, an instance of a class) goes as a
 * whole to the fallback, which also decides what cannot be sent and says where it stands.
 *
 * A pair of encoder and decoder serves one direction of one queue, and each message passes through both ends in the order
 * in which it was encoded: the list of keys of a record (its shape) is told once, and a number stands for it from then on.
 * The bytes are for processes of one machine that run one version of this package.
 *
 *   message   = [definitions] plain | foreign
 *   foreign   = 'F' and 7 unused bytes, then what the fallback wrote
 *   plain     = 'P', flags: u8, 2 unused bytes, start of the texts: u32, value, texts
 *   value     = a tag, and what belongs to it (below); children follow their parent
 *   texts     = chunks, each a head: u32 (length in units × 2, + 1 if a unit has two bytes) and its units
 *   definitions: shapeTable.ts
 *
 * Strings stand in the texts, one behind the other in the order in which the values name their lengths, since writing
 * or reading one long string costs as much as a short one. None crosses the border of a chunk. A chunk is short unless
 * it is a single string, because what is cut out of a string keeps all of it in memory.
 *
 * The bytes of typed arrays start at multiples of 8, counted from the start of the message.
 */
import { endianness } from 'node:os';

/** Doubles and typed arrays are in the order of the processor; lengths and the like have their low byte first. */
export const IS_LITTLE_ENDIAN = endianness() === 'LE';

export const FOREIGN = 0x46;
export const PLAIN = 0x50;
export const DEFINITIONS = 0x44;

/** Of foreign and of plain messages. */
export const HEADER_BYTES = 8;
/** Of definitions. */
export const DEFINITIONS_HEAD_BYTES = 16;
/** Flag: the value refers to objects that it has named before. Objects count from 0, in the order of their tags. */
export const HAS_REFERENCES = 1;

/** Tags from here up are the integers 0 to 127. */
export const SMALL_INTEGER = 0x80;
/** Tags from here up are strings of up to 62 units; the last one says that a u32 with the length follows. */
export const STRING = 0x40;
export const LONG_STRING = 0x7f;
export const SHORT_STRING_UNITS = LONG_STRING - STRING;

export const UNDEFINED = 0;
export const NULL = 1;
export const FALSE = 2;
export const TRUE = 3;
/** i32. */
export const INTEGER = 4;
/** f64. */
export const DOUBLE = 5;
/** i64. */
export const BIGINT = 6;
/** f64: milliseconds, NaN for an invalid date. */
export const DATE = 7;
/** u16: the number of its shape; then its values. */
export const RECORD = 8;
/** u32: its length; then its entries. */
export const LIST = 9;
/** u8: its kind, u32: its length in bytes, padding, the bytes. */
export const VIEW = 10;
/** u32: which object. */
export const REFERENCE = 11;

/** How deep a value may be nested; deeper ones are foreign, and a decoder that meets them refuses the message. */
export const MAX_DEPTH = 200;

/** A typed array from this size on becomes a piece of its own instead of being copied. */
export const GATHERED_BYTES = 2_048;

/** A chunk of text is ended before it becomes longer, unless one string alone is. */
export const CHUNK_UNITS = 1_024;

/** What a pair remembers at most. When it is full, both ends forget everything and begin anew. */
export const MAX_SHAPES = 512;
export const MAX_REMEMBERED_KEYS = 16_384;
/** In units. An object with a longer key is not a record that comes again. */
export const MAX_REMEMBERED_KEY = 64;
/** Numbers from here up are shapes that are told for this message only. */
export const FIRST_PASSING_SHAPE = MAX_SHAPES;
export const MAX_SHAPE_NUMBER = 0xffff;
export const MAX_KEYS = 0xffff;
/** In units. */
export const MAX_KEY = 0xffff;
/** A record with more keys than this is told anew each time. */
export const MAX_SHAPE_KEYS = 1_024;

interface ViewKind {
  /** What `Symbol.toStringTag` says of it. */
  readonly name: string;
  readonly elementBytes: number;
  /** `length` is in elements. */
  readonly make: (memory: ArrayBufferLike, byteOffset: number, length: number) => ArrayBufferView;
}

/** A kind's number is its place here. A Buffer is the one that is not known by its name. */
export const viewKinds: readonly ViewKind[] = [
  { name: 'Buffer', elementBytes: 1, make: (memory, at, length) => Buffer.from(memory as ArrayBuffer, at, length) },
  { name: 'DataView', elementBytes: 1, make: (memory, at, length) => new DataView(memory, at, length) },
  ...[Uint8Array, Int8Array, Uint8ClampedArray, Uint16Array, Int16Array, Uint32Array, Int32Array].map(kindOf),
  ...[Float32Array, Float64Array].map(kindOf),
  ...[BigInt64Array, BigUint64Array].map(kindOf),
];

function kindOf(View: TypedArrayConstructor): ViewKind {
  return {
    name: View.name,
    elementBytes: View.BYTES_PER_ELEMENT,
    make: (memory, at, length) => new View(memory, at, length),
  };
}

interface TypedArrayConstructor {
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
  new (memory: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView;
}
