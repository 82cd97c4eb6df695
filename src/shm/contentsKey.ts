/**
 * The keys of a table of contents, as words: what kind and how long, then 31 bytes. A number is a key of kind NUMBER
 * whose bytes are its value; no string is like it, since the kind of a string is its length.
 */
import { BgworkerError } from '../base/index.js';

const NUMBER = 0xff;
const MAX_BYTES = 31;

/** What a key takes. */
export const KEY_WORDS = 8;

/** Throws `ERR_INVALID_ARGUMENT`. */
export function encodeKey(key: number | string): readonly number[] {
  const bytes = Buffer.alloc(KEY_WORDS * 4);
  if (typeof key === 'number') {
    if (!Number.isInteger(key) || key < 0 || key >= 2 ** 32) throw invalidKey(key);
    bytes[0] = NUMBER;
    bytes.writeUInt32LE(key, 4);
  } else {
    const length = Buffer.byteLength(key);
    if (length < 1 || length > MAX_BYTES) throw invalidKey(key);
    bytes[0] = length;
    bytes.write(key, 1);
  }
  return Array.from({ length: KEY_WORDS }, (_, index) => bytes.readInt32LE(index * 4));
}

function invalidKey(key: number | string): BgworkerError {
  return new BgworkerError('ERR_INVALID_ARGUMENT', 'invalid key for a table of contents', {
    detail: JSON.stringify(key),
    hint: 'give an integer from 0 to 4294967295, or a string of 1 to 31 bytes',
  });
}
