/**
 * The shapes that the sending end of a tuple queue has told: which keys a record has, in which order. The rows of a plan
 * have one shape, or a few, so it is looked for among few; and what is in no case a row of the short way is told here too.
 *
 * What was told stays told: a message of a tuple queue is sent, or none after it is.
 */
import { MAX_KEYS, MAX_SHAPES } from './rowFormat.js';

export interface RowShape {
  readonly number: number;
  readonly keys: readonly string[];
}

export class RowShapes {
  readonly #shapes: RowShape[] = [];

  /** The one with these keys; undefined when it was not told. */
  find(keys: readonly string[]): RowShape | undefined {
    return this.#shapes.find((shape) => hasKeys(shape, keys));
  }

  /** Undefined when there is none to be had. Otherwise the decoder must be told of it now. */
  tryDefine(keys: readonly string[]): RowShape | undefined {
    const number = this.#shapes.length;
    if (number === MAX_SHAPES || keys.length > MAX_KEYS || !isOrdinary(keys)) return undefined;
    const shape = { number, keys };
    this.#shapes.push(shape);
    return shape;
  }
}

function hasKeys(shape: RowShape, keys: readonly string[]): boolean {
  return shape.keys.length === keys.length && shape.keys.every((key, index) => key === keys[index]);
}

/**
 * Without keys, or with one like `0`, it may be no record, whatever its prototype says (`arguments`); integers come first
 * among the keys of an object. To assign `__proto__` is to do something else.
 */
function isOrdinary(keys: readonly string[]): boolean {
  const [first] = keys;
  return first !== undefined && !/^\d/.test(first) && !keys.includes('__proto__');
}
