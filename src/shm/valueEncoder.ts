/**
 * A value becomes the pieces of a message: first a header, tags and numbers, then the texts, and between them, where they
 * belong, large typed arrays as they are. The words are those of valueFormat.ts.
 *
 * There is one pass, and it never comes back: the keys of an object are followed through the tree of shapes while its
 * values are written, and the number of its shape is put in front of them afterwards. Whatever does not fit makes the
 * write method return false, and the whole value takes the fallback.
 */
import * as types from 'node:util/types';
import { BgworkerError } from '../base/index.js';
import { isExotic } from './exoticObject.js';
import { MessageScratch } from './messageScratch.js';
import { isIndex } from './recentKeys.js';
import { SeenObjects } from './seenObjects.js';
import type { ShapeNode } from './shapeTable.js';
import { ShapeTable } from './shapeTable.js';
import type { ValueFallback } from './valueFallback.js';
import { v8Fallback } from './valueFallback.js';
import * as format from './valueFormat.js';
import { TextWriter } from './valueText.js';

/** How values are sent. */
export interface ValueEncoderOptions {
  /** For what the short way does not take; default: `v8.serialize`. The decoder needs the same. */
  readonly fallback?: ValueFallback;
}

/** To list the keys of a longer one costs more than v8.serialize does, unless its entries are worth it. */
const LONG_LIST = 10_000;

const plainPrototype: unknown = Object.prototype;
const datePrototype: unknown = Date.prototype;
const { getTime } = Date.prototype;
const viewKindNumbers = new Map(format.viewKinds.map(({ name }, number) => [name, number]));

/**
 * The sending end: turns values into the pieces of messages. One encoder and one decoder serve one direction of one
 * queue, and what is encoded counts as sent unless `rollback` says otherwise.
 */
export class ValueEncoder {
  readonly #fallback: ValueFallback;
  readonly #shapes = new ShapeTable();
  readonly #text = new TextWriter();
  readonly #seen = new SeenObjects();
  readonly #scratch = new MessageScratch();
  #hasReferences = false;
  #isEncoding = false;

  constructor({ fallback = v8Fallback }: ValueEncoderOptions = {}) {
    this.#fallback = fallback;
  }

  /**
   * The pieces of one message, to be sent in this order. They are valid until the next `encode`; large typed arrays are
   * among them as they are, so they must not change before the message is sent. Throws what the fallback throws at a
   * value that cannot be carried; then nothing has happened. Own getters are called, some of them twice.
   */
  encode(value: unknown): readonly Uint8Array[] {
    if (this.#isEncoding) {
      throw new BgworkerError('ERR_NOT_SERIALIZABLE', 'value cannot be sent to another process', {
        detail: 'one of its getters encodes another value with the same encoder',
        hint: 'read the value first: { ...value }',
      });
    }
    this.#isEncoding = true;
    try {
      this.#begin();
      if (this.#tryWrite(value)) return this.#pieces();
      this.rollback();
      this.#text.begin();
      return [foreignHeader, this.#fallback.serialize(value)];
    } finally {
      this.#seen.forget();
      this.#scratch.forget();
      this.#isEncoding = false;
    }
  }

  /**
   * As `encode`, by the fallback: the message refers to no other and tells nothing, so it may be sent after others that
   * are encoded later, or never. It does not touch what the last `encode` gave.
   */
  encodeAlone(value: unknown): readonly Uint8Array[] {
    return [foreignHeader, this.#fallback.serialize(value)];
  }

  /**
   * The message of the last `encode` was not sent and never will be: what it told the decoder must be told again. To
   * send it later, encode its value anew. Safe to call twice.
   */
  rollback(): void {
    this.#shapes.rollback();
  }

  #begin(): void {
    this.#shapes.begin();
    this.#text.begin();
    this.#scratch.begin(format.HEADER_BYTES);
    this.#hasReferences = false;
  }

  /** Whatever is thrown on the way, by a getter or for want of memory: the fallback meets it again and says it better. */
  #tryWrite(value: unknown): boolean {
    // Then the keys of an object that for…in names would not all be its own.
    for (const _ in nothing) return false;
    try {
      return this.#write(value, 0) && this.#scratch.messagePosition <= 0xffff_ffff;
    } catch {
      return false;
    }
  }

  #write(value: unknown, depth: number): boolean {
    this.#scratch.reserve();
    switch (typeof value) {
      case 'string':
        this.#writeString(value);
        return true;
      case 'number':
        this.#writeNumber(value);
        return true;
      case 'object':
        if (value !== null) return depth <= format.MAX_DEPTH && this.#writeObject(value, depth);
        this.#scratch.put(format.NULL);
        return true;
      case 'boolean':
        this.#scratch.put(value ? format.TRUE : format.FALSE);
        return true;
      case 'undefined':
        this.#scratch.put(format.UNDEFINED);
        return true;
      case 'bigint':
        return this.#writeBigint(value);
      default:
        return false;
    }
  }

  #writeString(value: string): void {
    const { length } = value;
    if (length < format.SHORT_STRING_UNITS) this.#scratch.put(format.STRING + length);
    else this.#scratch.putWord(format.LONG_STRING, length);
    if (length > 0) this.#text.add(value);
  }

  #writeNumber(value: number): void {
    if ((value | 0) !== value || Object.is(value, -0)) {
      this.#scratch.putDouble(format.DOUBLE, value);
    } else if (value >= 0 && value < format.SMALL_INTEGER) {
      this.#scratch.put(format.SMALL_INTEGER + value);
    } else {
      this.#scratch.putWord(format.INTEGER, value);
    }
  }

  #writeBigint(value: bigint): boolean {
    if (BigInt.asIntN(64, value) !== value) return false;
    this.#scratch.putBigint(format.BIGINT, value);
    return true;
  }

  #writeObject(object: object, depth: number): boolean {
    if (types.isProxy(object)) return false;
    const number = this.#seen.find(object);
    if (number !== -1) {
      this.#hasReferences = true;
      this.#scratch.putWord(format.REFERENCE, number);
      return true;
    }
    if (Array.isArray(object)) return this.#writeList(object, depth);
    const prototype: unknown = Object.getPrototypeOf(object);
    if (prototype === plainPrototype || prototype === null) {
      return this.#writeRecord(object as Readonly<Record<string, unknown>>, prototype === null, depth);
    }
    if (prototype === datePrototype) {
      this.#scratch.putDouble(format.DATE, getTime.call(object as Date));
      return true;
    }
    return ArrayBuffer.isView(object) && this.#writeView(object);
  }

  #writeRecord(record: Readonly<Record<string, unknown>>, isSuspicious: boolean, depth: number): boolean {
    const start = this.#scratch.position;
    this.#scratch.skip(3);
    let node: ShapeNode | undefined = this.#shapes.root;
    let count = 0;
    for (const key in record) {
      if (node !== undefined) node = node.key === key ? node.next : node.find(key);
      count++;
      if (!this.#write(record[key], depth + 1)) return false;
    }
    let number = node === undefined ? -1 : node.number;
    if (isSuspicious || number === -1 || count === 0) {
      const keys = Object.keys(record);
      if (keys.length !== count) return false;
      if ((isSuspicious || isIndex(keys[0]) || count === 0) && isExotic(record)) return false;
      if (number === -1) number = this.#shapes.define(keys) ?? -1;
      if (number === -1) return false;
    }
    this.#scratch.putAt(start, format.RECORD);
    this.#scratch.putAt(start + 1, number);
    this.#scratch.putAt(start + 2, number >>> 8);
    return true;
  }

  #writeList(list: readonly unknown[], depth: number): boolean {
    const { length } = list;
    if (length > LONG_LIST && typeof list[0] !== 'object') return false;
    if (!hasEntriesOnly(list)) return false;
    this.#scratch.putWord(format.LIST, length);
    for (let index = 0; index < length; index++) if (!this.#write(list[index], depth + 1)) return false;
    return true;
  }

  #writeView(view: ArrayBufferView): boolean {
    const name = view.constructor === Buffer ? 'Buffer' : (viewName(view) ?? 'DataView');
    const kind = viewKindNumbers.get(name);
    const length = view.byteLength;
    if (kind === undefined || length > 0xffff_ffff) return false;
    // Throws where the memory was transferred away, which an empty view does not tell.
    const bytes =
      view instanceof Uint8Array && length > 0 ? view : new Uint8Array(view.buffer, view.byteOffset, length);
    this.#scratch.put(format.VIEW);
    this.#scratch.putWord(kind, length);
    this.#scratch.putBytes(bytes);
    return true;
  }

  #writeHeader(textStart: number): void {
    const scratch = this.#scratch;
    scratch.putAt(0, format.PLAIN);
    scratch.putAt(1, this.#hasReferences ? format.HAS_REFERENCES : 0);
    scratch.putAt(2, 0);
    scratch.putAt(3, 0);
    for (let index = 0; index < 4; index++) scratch.putAt(4 + index, textStart >>> (8 * index));
  }

  #pieces(): readonly Uint8Array[] {
    const { position: start, messagePosition: textStart } = this.#scratch;
    const textBytes = this.#text.bytesIfOneChunk;
    let end = start;
    if (textBytes !== undefined) end = this.#text.writeOnlyChunk(this.#scratch.memoryFor(textBytes), start);
    this.#writeHeader(textStart);
    const pieces = this.#scratch.takePieces(end);
    if (textBytes === undefined) pieces.push(this.#text.finish());
    const definitions = this.#shapes.definitions();
    return definitions === undefined ? pieces : [definitions, ...pieces];
  }
}

const nothing = {};
const foreignHeader = Uint8Array.of(format.FOREIGN, 0, 0, 0, 0, 0, 0, 0);

/** No holes, and no properties beside its entries: indices come first among the keys, in their order. */
function hasEntriesOnly(list: readonly unknown[]): boolean {
  const keys = Object.keys(list);
  const { length } = list;
  return keys.length === length && (length === 0 || keys[length - 1] === String(length - 1));
}

/** `Uint8Array` and so on, whatever its class; undefined for a DataView. */
const viewName = (() => {
  const prototype: object = Object.getPrototypeOf(Uint8Array.prototype) as object;
  const getter = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag)?.get;
  return (view: ArrayBufferView): string | undefined => getter?.call(view) as string | undefined;
})();
