/**
 * A message becomes rows, each when it is asked for: what rowEncoder.ts wrote, read by somebody who believes none of it.
 *
 * The message is copied first. So its room in the queue is the sender's again at once, and nobody changes what was checked.
 */
import { badValue, TextReader, ValueDecoder } from '../shm/index.js';
import { rowFallback } from './rowEncoder.js';
import * as format from './rowFormat.js';

const SMALLEST_BYTES = 4_096;
/** A copy that was longer is let go of when the next message comes. */
const KEPT_BYTES = 1 << 18;

export class RowDecoder {
  readonly #values = new ValueDecoder({ fallback: rowFallback });
  readonly #shapes: (readonly string[])[] = [];
  readonly #text = new TextReader();
  #copy = new Uint8Array(SMALLEST_BYTES);
  #numbers = new Float64Array(this.#copy.buffer);
  #bigints = new BigInt64Array(this.#copy.buffer);
  #rows = 0;
  #tagAt = 0;
  #tagEnd = 0;
  #numberAt = 0;
  #numberEnd = 0;
  #byteAt = 0;
  #byteEnd = 0;

  /** Whether there are rows left in the message. */
  get hasRows(): boolean {
    return this.#rows > 0;
  }

  /** Begins a message; what was left of the last one is dropped. Throws `ERR_BAD_VALUE`. */
  load(message: Uint8Array): void {
    this.#rows = 0;
    const { length } = message;
    if (length < format.HEAD_BYTES) throw badValue('the head is cut off');
    this.#take(message);
    const [kind = 0, rows = 0, numbers = 0, tags = 0, bytes = 0, texts = 0] = new Uint32Array(this.#copy.buffer, 0, 6);
    const tagAt = format.HEAD_BYTES + 8 * numbers;
    const byteAt = tagAt + format.padded(tags);
    const textAt = byteAt + bytes;
    if (kind !== format.ROWS) throw badValue('no such kind of message');
    if (textAt + texts !== length) throw badValue('its parts are not as long as it is');
    if (rows === 0 || rows > tags) throw badValue('it cannot have so many rows');
    this.#numberAt = format.HEAD_BYTES / 8;
    this.#numberEnd = tagAt / 8;
    this.#tagAt = tagAt;
    this.#tagEnd = tagAt + tags;
    this.#byteAt = byteAt;
    this.#byteEnd = textAt;
    this.#text.begin(this.#copy, textAt, length);
    this.#rows = rows;
  }

  /** The next row; there must be one. Throws `ERR_BAD_VALUE`, and what is left of the message is dropped. */
  next(): unknown {
    const rows = this.#rows;
    // Nothing more comes of a message in which something was wrong.
    this.#rows = 0;
    const row = this.#readRow();
    if (rows === 1) this.#finish();
    else this.#rows = rows - 1;
    return row;
  }

  #take(message: Uint8Array): void {
    const { length } = message;
    const isLarge = this.#copy.length > KEPT_BYTES;
    if (length > this.#copy.length || isLarge) {
      this.#copy = new Uint8Array(Math.max(SMALLEST_BYTES, format.padded(length)));
      this.#numbers = new Float64Array(this.#copy.buffer);
      this.#bigints = new BigInt64Array(this.#copy.buffer);
    }
    this.#copy.set(message);
  }

  /** A shape may be told last, for a row that was refused then. */
  #finish(): void {
    while (this.#tagAt < this.#tagEnd && this.#copy[this.#tagAt] === format.SHAPE) {
      this.#tagAt += 1;
      this.#readShape();
    }
    const isRead = this.#tagAt === this.#tagEnd && this.#numberAt === this.#numberEnd && this.#byteAt === this.#byteEnd;
    if (!isRead) throw badValue('something is left over');
    this.#text.finish();
  }

  #readRow(): unknown {
    const tag = this.#readTag();
    switch (tag) {
      case format.LIST:
        return this.#readList(this.#readTag());
      case format.LONG_LIST:
        return this.#readList(this.#readCount());
      case format.RECORD:
        return this.#readRecord();
      case format.VALUE: {
        const start = this.#skipBytes(this.#readCount());
        return this.#values.decode(this.#copy.subarray(start, this.#byteAt));
      }
      case format.SHAPE:
        this.#readShape();
        return this.#readRow();
      default:
        return this.#readCell(tag);
    }
  }

  #readList(length: number): unknown[] {
    // Each cell has a tag.
    if (length > this.#tagEnd - this.#tagAt) throw badValue('a list reaches out of its message');
    const list = new Array<unknown>(length);
    for (let index = 0; index < length; index++) list[index] = this.#readCell(this.#readTag());
    return list;
  }

  /** The first fields are written out: as each place sees one key only, V8 makes it six times as fast as a loop. */
  #readRecord(): Record<string, unknown> {
    const keys = this.#shapes[this.#readTag()];
    if (keys === undefined) throw badValue('a shape was never told');
    const { length } = keys;
    const row: Record<string, unknown> = {};
    row[keys[0] as string] = this.#readCell(this.#readTag());
    if (length === 1) return row;
    row[keys[1] as string] = this.#readCell(this.#readTag());
    if (length === 2) return row;
    row[keys[2] as string] = this.#readCell(this.#readTag());
    if (length === 3) return row;
    row[keys[3] as string] = this.#readCell(this.#readTag());
    if (length === 4) return row;
    row[keys[4] as string] = this.#readCell(this.#readTag());
    if (length === 5) return row;
    row[keys[5] as string] = this.#readCell(this.#readTag());
    if (length === 6) return row;
    row[keys[6] as string] = this.#readCell(this.#readTag());
    if (length === 7) return row;
    row[keys[7] as string] = this.#readCell(this.#readTag());
    for (let index = 8; index < length; index++) row[keys[index] as string] = this.#readCell(this.#readTag());
    return row;
  }

  #readShape(): void {
    const count = this.#readTag();
    if (count === 0 || this.#shapes.length === format.MAX_SHAPES)
      throw badValue('too many shapes, or one without keys');
    const keys: string[] = [];
    for (let index = 0; index < count; index++) {
      const key = this.#readCell(this.#readTag());
      if (typeof key !== 'string' || key === '__proto__') throw badValue('no such key');
      keys.push(key);
    }
    this.#shapes.push(keys);
  }

  #readCell(tag: number): unknown {
    if (tag >= format.STRING) {
      return this.#text.read(tag === format.LONG_STRING ? this.#readCount() : tag - format.STRING);
    }
    switch (tag) {
      case format.NUMBER:
        return this.#readNumber();
      case format.NULL:
        return null;
      case format.UNDEFINED:
        return undefined;
      case format.FALSE:
        return false;
      case format.TRUE:
        return true;
      case format.DATE:
        return new Date(this.#readNumber());
      case format.BIGINT:
        return this.#bigints[this.#numberPlace()];
      case format.BYTES:
        return this.#copy.slice(this.#skipBytes(this.#readCount()), this.#byteAt);
      case format.BUFFER:
        return Buffer.from(this.#copy.slice(this.#skipBytes(this.#readCount()), this.#byteAt).buffer);
      default:
        throw badValue('no such kind of cell');
    }
  }

  #readTag(): number {
    if (this.#tagAt >= this.#tagEnd) throw badValue('a cell is missing');
    return this.#copy[this.#tagAt++] as number;
  }

  #readNumber(): number {
    return this.#numbers[this.#numberPlace()] as number;
  }

  #readCount(): number {
    const count = this.#readNumber();
    if (!Number.isSafeInteger(count) || count < 0) throw badValue('no such length');
    return count;
  }

  #numberPlace(): number {
    if (this.#numberAt >= this.#numberEnd) throw badValue('a number is missing');
    return this.#numberAt++;
  }

  /** Where the next so many bytes begin. */
  #skipBytes(length: number): number {
    const start = this.#byteAt;
    if (length > this.#byteEnd - start) throw badValue('bytes are cut off');
    this.#byteAt = start + length;
    return start;
  }
}
