/**
 * The shapes that a decoder knows. What a message tells counts for good once that message has been read to its end.
 * However hostile it is, no more is remembered than an encoder would have told.
 */
import { badValue } from './badValue.js';
import {
  DEFINITIONS_HEAD_BYTES,
  FIRST_PASSING_SHAPE,
  MAX_KEY,
  MAX_REMEMBERED_KEY,
  MAX_REMEMBERED_KEYS,
  MAX_SHAPES,
} from './valueFormat.js';
import { readUint16, readUint32, TextReader } from './valueText.js';

export interface Shape {
  readonly keys: readonly string[];
  /** None of its keys is one that every object inherits: to assign `__proto__` is to do something else. */
  readonly isAssignable: boolean;
}

interface Remembered {
  readonly shapes: readonly Shape[];
  readonly keys: number;
}

export class ShapeList {
  #remembered = nothing;
  /** The same, if the message that is being read tells nothing. */
  #now = nothing;
  #passing: readonly Shape[] = [];
  readonly #text = new TextReader();

  get(number: number): Shape | undefined {
    return number < FIRST_PASSING_SHAPE ? this.#now.shapes[number] : this.#passing[number - FIRST_PASSING_SHAPE];
  }

  /** Takes back what a message told that was not read to its end. */
  begin(): void {
    this.#now = this.#remembered;
    if (this.#passing.length > 0) this.#passing = [];
  }

  commit(): void {
    this.#remembered = this.#now;
  }

  /** Reads the definitions at the start of a message, and says where they end. */
  read(bytes: Uint8Array): number {
    if (bytes.length < DEFINITIONS_HEAD_BYTES) throw badValue('definitions are cut off');
    const end = readUint32(bytes, 8);
    const textStart = readUint32(bytes, 12);
    if (end > bytes.length || end % 8 !== 0 || textStart > end) throw badValue('definitions are cut off');
    const before = bytes[1] === 0 ? this.#remembered : nothing;
    if (readUint16(bytes, 2) !== before.shapes.length) throw badValue('definitions of an earlier message are missing');

    this.#text.begin(bytes, textStart, end);
    const { told, passing } = this.#readShapes(bytes, textStart);
    if (!this.#text.isRead || end - this.#text.position >= 8) throw badValue('definitions are left over');
    this.#now = before;
    this.#passing = passing;
    if (told.length > 0) this.#now = { shapes: [...before.shapes, ...told], keys: before.keys + countKeys(told) };
    const { shapes, keys } = this.#now;
    if (shapes.length > MAX_SHAPES || keys > MAX_REMEMBERED_KEYS) throw badValue('too many shapes');
    return end;
  }

  #readShapes(bytes: Uint8Array, end: number): { readonly told: readonly Shape[]; readonly passing: readonly Shape[] } {
    const told: Shape[] = [];
    const passing: Shape[] = [];
    const tellsLeft = readUint16(bytes, 4);
    const shapes = tellsLeft + readUint16(bytes, 6);
    let at = DEFINITIONS_HEAD_BYTES;
    for (let number = 0; number < shapes; number++) {
      const isTold = number < tellsLeft;
      const start = at + 2;
      at = start > end ? start : start + 2 * readUint16(bytes, at);
      if (at > end) throw badValue('a shape is cut off');
      (isTold ? told : passing).push(this.#readShape(bytes, start, at, isTold ? MAX_REMEMBERED_KEY : MAX_KEY));
    }
    if (at !== end) throw badValue('a shape is left over');
    return { told, passing };
  }

  #readShape(bytes: Uint8Array, start: number, end: number, longestKey: number): Shape {
    const keys: string[] = [];
    let isAssignable = true;
    for (let at = start; at < end; at += 2) {
      const length = readUint16(bytes, at);
      if (length > longestKey) throw badValue('a key is too long');
      const key = this.#text.read(length);
      if (key in Object.prototype) isAssignable = false;
      keys.push(key);
    }
    return { keys, isAssignable };
  }
}

const nothing: Remembered = { shapes: [], keys: 0 };

function countKeys(shapes: readonly Shape[]): number {
  return shapes.reduce((count, { keys }) => count + keys.length, 0);
}
