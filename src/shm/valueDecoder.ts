/**
 * A message becomes a value: what valueEncoder.ts wrote, read by somebody who believes none of it. Every length is held
 * against what is left of the message before anything is read or made, so a decoder ends, stays inside, and makes no
 * more than a small multiple of what it was given.
 *
 * The message may lie in memory that another process writes to: each byte is read once. What is returned is a copy,
 * but for views that were asked for.
 */
import { badValue } from './badValue.js';
import { ShapeList } from './shapeList.js';
import type { ValueFallback } from './valueFallback.js';
import { v8Fallback } from './valueFallback.js';
import * as format from './valueFormat.js';
import { readUint16, readUint32, TextReader } from './valueText.js';

/** How values are received. */
export interface ValueDecoderOptions {
  /** For what the short way did not take; default: `v8.deserialize`. The encoder needs the same. */
  readonly fallback?: ValueFallback;
  /**
   * Typed arrays and Buffers become views of the message instead of copies, where they stand at a multiple of their
   * element's size: they are valid as long as the message is, which in a queue is until the next receive. Default: false.
   */
  readonly view?: boolean;
}

/** The receiving end: turns messages into values. It must be given every message of its encoder, in their order. */
export class ValueDecoder {
  readonly #fallback: ValueFallback;
  readonly #isView: boolean;
  readonly #shapes = new ShapeList();
  readonly #text = new TextReader();
  #bytes: Uint8Array = nothing;
  /** Made for messages with many numbers only: it costs as much as reading eight of them without it. */
  #numbers: DataView | undefined;
  #fewNumbers = 0;
  #position = 0;
  #end = 0;
  /** Only where the message refers to them. */
  #objects: unknown[] | undefined;

  constructor({ fallback = v8Fallback, view = false }: ValueDecoderOptions = {}) {
    this.#fallback = fallback;
    this.#isView = view;
  }

  /** Throws `ERR_BAD_VALUE` if the bytes are no message of its encoder; then they have taught it nothing. */
  decode(bytes: Uint8Array): unknown {
    this.#shapes.begin();
    const start = bytes[0] === format.DEFINITIONS ? this.#shapes.read(bytes) : 0;
    if (bytes.length < start + format.HEADER_BYTES) throw badValue('the header is cut off');
    if (bytes[start] === format.FOREIGN && start === 0) return this.#decodeForeign(bytes);
    if (bytes[start] !== format.PLAIN) throw badValue('no such kind of message');
    try {
      return this.#decodePlain(bytes, start);
    } finally {
      this.#bytes = nothing;
      this.#numbers = undefined;
      this.#objects = undefined;
    }
  }

  #decodeForeign(bytes: Uint8Array): unknown {
    try {
      return this.#fallback.deserialize(bytes.subarray(format.HEADER_BYTES));
    } catch (cause) {
      throw badValue(cause instanceof Error ? cause.message : String(cause), cause);
    }
  }

  #decodePlain(bytes: Uint8Array, start: number): unknown {
    const end = start + readUint32(bytes, start + 4);
    if (end > bytes.length) throw badValue('the texts are cut off');
    this.#bytes = bytes;
    this.#position = start + format.HEADER_BYTES;
    this.#end = end;
    this.#fewNumbers = FEW_NUMBERS;
    this.#objects = (bytes[start + 1] as number) & format.HAS_REFERENCES ? [] : undefined;
    this.#text.begin(bytes, end, bytes.length);
    const value = this.#read(0);
    if (this.#position !== end) throw badValue('something is left over');
    this.#text.finish();
    this.#shapes.commit();
    return value;
  }

  #read(depth: number): unknown {
    if (this.#position >= this.#end) throw badValue('a value is missing');
    const tag = this.#bytes[this.#position++] as number;
    if (tag >= format.SMALL_INTEGER) return tag - format.SMALL_INTEGER;
    if (tag >= format.STRING) {
      return this.#text.read(tag === format.LONG_STRING ? this.#readWord() : tag - format.STRING);
    }
    switch (tag) {
      case format.UNDEFINED:
        return undefined;
      case format.NULL:
        return null;
      case format.FALSE:
        return false;
      case format.TRUE:
        return true;
      case format.INTEGER:
        return this.#readWord() | 0;
      case format.DOUBLE:
        return this.#readDouble();
      case format.BIGINT:
        return this.#readBigint();
      case format.DATE: {
        const date = new Date(this.#readDouble());
        this.#objects?.push(date);
        return date;
      }
      case format.RECORD:
        return this.#readRecord(depth);
      case format.LIST:
        return this.#readList(depth);
      case format.VIEW:
        return this.#readView();
      case format.REFERENCE:
        return this.#readReference();
      default:
        throw badValue('no such kind of value');
    }
  }

  #readRecord(depth: number): unknown {
    const at = this.#take(2);
    const shape = this.#shapes.get(readUint16(this.#bytes, at));
    if (shape === undefined) throw badValue('a shape was never told');
    if (depth > format.MAX_DEPTH) throw badValue('it is nested too deeply');
    const record: Record<string, unknown> = {};
    this.#objects?.push(record);
    const { keys, isAssignable } = shape;
    const { length } = keys;
    for (let index = 0; index < length; index++) {
      const key = keys[index] as string;
      const value = this.#read(depth + 1);
      if (isAssignable) record[key] = value;
      else Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
    }
    return record;
  }

  #readList(depth: number): unknown {
    const length = this.#readWord();
    if (length > this.#end - this.#position) throw badValue('a list reaches out of its message');
    if (depth > format.MAX_DEPTH) throw badValue('it is nested too deeply');
    const list: unknown[] = [];
    this.#objects?.push(list);
    for (let index = 0; index < length; index++) list.push(this.#read(depth + 1));
    return list;
  }

  #readView(): ArrayBufferView {
    const kind = format.viewKinds[this.#bytes[this.#take(1)] as number];
    const length = this.#readWord();
    this.#take(-this.#position & 7);
    const start = this.#take(length);
    if (kind === undefined || length % kind.elementBytes !== 0) throw badValue('no such kind of typed array');
    const { buffer, byteOffset } = this.#bytes;
    const isAligned = (byteOffset + start) % kind.elementBytes === 0;
    const view =
      this.#isView && isAligned
        ? kind.make(buffer, byteOffset + start, length / kind.elementBytes)
        : kind.make(copyOf(this.#bytes.subarray(start, start + length)), 0, length / kind.elementBytes);
    this.#objects?.push(view);
    return view;
  }

  #readReference(): unknown {
    const number = this.#readWord();
    if (this.#objects === undefined || number >= this.#objects.length) throw badValue('no object of this number');
    return this.#objects[number];
  }

  #readWord(): number {
    return readUint32(this.#bytes, this.#take(4));
  }

  #readDouble(): number {
    const at = this.#take(8);
    if (this.#numbers === undefined && this.#fewNumbers-- > 0) return doubleAt(this.#bytes, at);
    return this.#numbersOfMessage().getFloat64(at, format.IS_LITTLE_ENDIAN);
  }

  #readBigint(): bigint {
    const at = this.#take(8);
    return this.#numbersOfMessage().getBigInt64(at, format.IS_LITTLE_ENDIAN);
  }

  #numbersOfMessage(): DataView {
    this.#numbers ??= new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
    return this.#numbers;
  }

  /** Where the next so many bytes begin. */
  #take(length: number): number {
    const at = this.#position;
    if (length > this.#end - at) throw badValue('a value is cut off');
    this.#position = at + length;
    return at;
  }
}

const FEW_NUMBERS = 8;
const doubles = new Float64Array(1);
const octets = new Uint8Array(doubles.buffer);
const nothing = new Uint8Array(0);

/** In memory of its own, which is not cleared first. */
function copyOf(bytes: Uint8Array): ArrayBuffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy.buffer;
}

/** Written out, since a loop would take twice as long. */
function doubleAt(bytes: Uint8Array, at: number): number {
  octets[0] = bytes[at] as number;
  octets[1] = bytes[at + 1] as number;
  octets[2] = bytes[at + 2] as number;
  octets[3] = bytes[at + 3] as number;
  octets[4] = bytes[at + 4] as number;
  octets[5] = bytes[at + 5] as number;
  octets[6] = bytes[at + 6] as number;
  octets[7] = bytes[at + 7] as number;
  return doubles[0] as number;
}
