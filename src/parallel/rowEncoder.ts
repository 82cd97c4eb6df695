/**
 * Rows become a message, one after the other, in memory that is used again for the next message. There is one pass over a
 * row, which believes that it has the shape of the last record and cells of the kinds of rowFormat.ts. When it is not so,
 * what was written of the row is taken back and it goes another way: fast for rows that are alike, and right for all.
 *
 * Whatever a getter or a foreign object throws on the first way is met again on the other one, which says it better.
 */
import { isProxy } from 'node:util/types';
import { deserializeValue, serializeValue } from '../protocol/index.js';
import type { ValueFallback } from '../shm/index.js';
import { SeenObjects, TextWriter, ValueEncoder } from '../shm/index.js';
import * as format from './rowFormat.js';
import type { RowShape } from './rowShapes.js';
import { RowShapes } from './rowShapes.js';

/** What a channel refuses, a row refuses too, with its path: `row.url`. */
export const rowFallback: ValueFallback = {
  serialize: (value) => serializeValue(value, 'row'),
  deserialize: deserializeValue,
};

const SMALLEST_CELLS = 2_048;
/** For more cells there was one long row, and their memory is given back. */
const KEPT_CELLS = 32_768;
const KEPT_BYTES = 1 << 18;
/** Of a row beside its cells: what stands in front of it, and what one that is no cell may have. */
const ROW_TAGS = 8;

const plainPrototype: unknown = Object.prototype;
const datePrototype: unknown = Date.prototype;
const bytesPrototype: unknown = Uint8Array.prototype;
const bufferPrototype: unknown = Buffer.prototype;
const { getTime } = Date.prototype;
const nothing = {};

export class RowEncoder {
  readonly #values = new ValueEncoder({ fallback: rowFallback });
  readonly #shapes = new RowShapes();
  readonly #text = new TextWriter();
  /** Of one row. */
  readonly #seen = new SeenObjects();
  readonly #head = new Uint32Array(format.HEAD_BYTES / 4);
  #tags = new Uint8Array(SMALLEST_CELLS);
  #numbers = new Float64Array(SMALLEST_CELLS);
  #bigints = new BigInt64Array(this.#numbers.buffer);
  #bytes = new Uint8Array(0);
  #tagCount = 0;
  #numberCount = 0;
  #byteCount = 0;
  /** Of all strings, in units: about as many bytes. */
  #textUnits = 0;
  #rows = 0;
  /** Of the last record. */
  #shape: RowShape | undefined;

  /** How many rows the message has. */
  get rows(): number {
    return this.#rows;
  }

  /** About how long the message is: strings may take twice as much. */
  get sizeBytes(): number {
    return 8 * this.#numberCount + this.#tagCount + this.#byteCount + this.#textUnits;
  }

  /** Adds a row. Throws `ERR_NOT_SERIALIZABLE`; then it was not added. */
  push(row: unknown): void {
    if (!this.#tryAdd(row) && !(this.#learn(row) && this.#tryAdd(row))) this.#addValue(row);
    this.#rows += 1;
  }

  /** The pieces of the message, to be sent in this order. They are valid until the next `push` or `reset`. */
  pieces(): Uint8Array[] {
    const text = this.#text.finish();
    const head = this.#head;
    head[0] = format.ROWS;
    head[1] = this.#rows;
    head[2] = this.#numberCount;
    head[3] = this.#tagCount;
    head[4] = this.#byteCount;
    head[5] = text.length;
    return [
      new Uint8Array(head.buffer),
      new Uint8Array(this.#numbers.buffer, 0, 8 * this.#numberCount),
      this.#tags.subarray(0, format.padded(this.#tagCount)),
      this.#bytes.subarray(0, this.#byteCount),
      text,
    ];
  }

  /** Begins the next message. The shapes that were told stay told. */
  reset(): void {
    this.#tagCount = 0;
    this.#numberCount = 0;
    this.#byteCount = 0;
    this.#textUnits = 0;
    this.#rows = 0;
    this.#text.begin();
    if (this.#tags.length > KEPT_CELLS) this.#grow(SMALLEST_CELLS);
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = new Uint8Array(0);
  }

  /** False when nothing was added. */
  #tryAdd(row: unknown): boolean {
    const tagCount = this.#tagCount;
    const numberCount = this.#numberCount;
    const byteCount = this.#byteCount;
    const textUnits = this.#textUnits;
    this.#text.mark();
    try {
      if (this.#writeRow(row)) return true;
    } catch {
      // The other way meets it again.
    } finally {
      this.#seen.forget();
    }
    this.#tagCount = tagCount;
    this.#numberCount = numberCount;
    this.#byteCount = byteCount;
    this.#textUnits = textUnits;
    this.#text.returnToMark();
    return false;
  }

  #writeRow(row: unknown): boolean {
    if (typeof row !== 'object' || row === null) {
      this.#reserve(1);
      return this.#writeCell(row);
    }
    if (isProxy(row)) return false;
    if (Array.isArray(row)) return this.#writeList(row);
    if (Object.getPrototypeOf(row) === plainPrototype)
      return this.#writeRecord(row as Readonly<Record<string, unknown>>);
    this.#reserve(1);
    return this.#writeObject(row);
  }

  #writeList(row: readonly unknown[]): boolean {
    const { length } = row;
    // What a regular expression matched has more than entries, and it is the one such list that one has without knowing.
    if (length > format.MAX_LIST || (row as Partial<RegExpMatchArray>).index !== undefined) return false;
    this.#reserve(length);
    if (length <= format.MAX_SHORT_LIST) {
      this.#tags[this.#tagCount++] = format.LIST;
      this.#tags[this.#tagCount++] = length;
    } else {
      this.#putNumber(format.LONG_LIST, length);
    }
    for (let index = 0; index < length; index++) {
      const cell = row[index];
      // A hole stays a hole.
      if (cell === undefined && !(index in row)) return false;
      if (!this.#writeCell(cell)) return false;
    }
    return true;
  }

  #writeRecord(row: Readonly<Record<string, unknown>>): boolean {
    const shape = this.#shape;
    if (shape === undefined) return false;
    // Then the keys that for…in names would not all be its own.
    for (const _ in nothing) return false;
    const { keys } = shape;
    this.#reserve(keys.length);
    this.#tags[this.#tagCount++] = format.RECORD;
    this.#tags[this.#tagCount++] = shape.number;
    let count = 0;
    for (const key in row) {
      if (keys[count++] !== key || !this.#writeCell(row[key])) return false;
    }
    return count === keys.length;
  }

  /** There must be room for it. */
  #writeCell(cell: unknown): boolean {
    switch (typeof cell) {
      case 'number':
        this.#putNumber(format.NUMBER, cell);
        return true;
      case 'string':
        this.#putString(cell);
        return true;
      case 'boolean':
        this.#tags[this.#tagCount++] = cell ? format.TRUE : format.FALSE;
        return true;
      case 'undefined':
        this.#tags[this.#tagCount++] = format.UNDEFINED;
        return true;
      case 'bigint':
        return this.#putBigint(cell);
      case 'object':
        if (cell !== null) return this.#writeObject(cell);
        this.#tags[this.#tagCount++] = format.NULL;
        return true;
      default:
        return false;
    }
  }

  /** What comes twice stays one object, for which the codec for values is there. */
  #writeObject(cell: object): boolean {
    if (this.#seen.find(cell) !== -1) return false;
    const prototype: unknown = Object.getPrototypeOf(cell);
    if (prototype === datePrototype) {
      this.#putNumber(format.DATE, getTime.call(cell as Date));
      return true;
    }
    if (prototype === bytesPrototype) return this.#putBytes(format.BYTES, cell as Uint8Array);
    return prototype === bufferPrototype && this.#putBytes(format.BUFFER, cell as Uint8Array);
  }

  #putNumber(tag: number, value: number): void {
    this.#tags[this.#tagCount++] = tag;
    this.#numbers[this.#numberCount++] = value;
  }

  #putString(value: string): void {
    const { length } = value;
    if (length < format.SHORT_STRING_UNITS) this.#tags[this.#tagCount++] = format.STRING + length;
    else this.#putNumber(format.LONG_STRING, length);
    this.#textUnits += length;
    if (length > 0) this.#text.add(value);
  }

  #putBigint(value: bigint): boolean {
    if (BigInt.asIntN(64, value) !== value) return false;
    this.#tags[this.#tagCount++] = format.BIGINT;
    this.#bigints[this.#numberCount++] = value;
    return true;
  }

  /** Empty ones may be of memory that was transferred away, which the codec for values finds out. */
  #putBytes(tag: number, bytes: Uint8Array): boolean {
    const { length } = bytes;
    if (length === 0) return false;
    this.#putNumber(tag, length);
    this.#append(bytes);
    return true;
  }

  /** Whether it is a record of another shape than the last one, which the decoder is told of now if it must be. */
  #learn(row: unknown): boolean {
    if (typeof row !== 'object' || row === null || isProxy(row) || Array.isArray(row)) return false;
    if (Object.getPrototypeOf(row) !== plainPrototype) return false;
    const keys = Object.keys(row);
    const shape = this.#shapes.find(keys);
    if (shape === undefined) return this.#define(keys);
    if (shape === this.#shape) return false;
    this.#shape = shape;
    return true;
  }

  #define(keys: readonly string[]): boolean {
    const shape = this.#shapes.tryDefine(keys);
    if (shape === undefined) return false;
    this.#shape = shape;
    this.#reserve(keys.length);
    this.#tags[this.#tagCount++] = format.SHAPE;
    this.#tags[this.#tagCount++] = keys.length;
    for (const key of keys) this.#putString(key);
    return true;
  }

  #addValue(row: unknown): void {
    const pieces = this.#values.encode(row);
    this.#reserve(1);
    let length = 0;
    for (const piece of pieces) {
      this.#append(piece);
      length += piece.length;
    }
    this.#putNumber(format.VALUE, length);
  }

  #append(bytes: Uint8Array): void {
    const end = this.#byteCount + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.#byteCount));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#byteCount);
    this.#byteCount = end;
  }

  /** Makes room for a row of so many cells: each has a tag and at most one number. */
  #reserve(cells: number): void {
    const needed = Math.max(this.#tagCount, this.#numberCount) + cells + ROW_TAGS;
    if (needed > this.#tags.length) this.#grow(Math.max(needed, 2 * this.#tags.length));
  }

  #grow(cells: number): void {
    const size = format.padded(cells);
    const tags = new Uint8Array(size);
    tags.set(this.#tags.subarray(0, this.#tagCount));
    this.#tags = tags;
    const numbers = new BigInt64Array(size);
    // As integers, since a NaN may have bits of its own.
    numbers.set(this.#bigints.subarray(0, this.#numberCount));
    this.#bigints = numbers;
    this.#numbers = new Float64Array(numbers.buffer);
  }
}
