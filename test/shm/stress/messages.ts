/**
 * The messages of the stress: each says which one it is, how long it is, and what its bytes add up to, so that nothing
 * of another message, and nothing that was half written, can pass for it.
 */
import type { Random } from '../../process/support/random.js';

const HEADER_BYTES = 12;

/** In one to three pieces. Most are short. */
export function randomMessage(random: Random, number: number, longest: number): Uint8Array[] {
  const length = HEADER_BYTES + Math.floor(random() ** 3 * longest);
  const bytes = new Uint8Array(length);
  let word = Math.floor(random() * 2 ** 32);
  for (let index = HEADER_BYTES; index < length; index++) {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = word >>> 24;
  }
  const view = new DataView(bytes.buffer);
  view.setUint32(0, number);
  view.setUint32(4, length);
  view.setUint32(8, sumOf(bytes));
  const one = Math.floor(random() * length);
  const other = one + Math.floor(random() * (length - one));
  return [bytes.subarray(0, one), bytes.subarray(one, other), bytes.subarray(other)];
}

/** Throws what is wrong with it. */
export function checkMessage(bytes: Uint8Array, number: number): void {
  if (bytes.length < HEADER_BYTES) throw new Error(`message ${number} has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0) !== number) throw new Error(`message ${view.getUint32(0)} in place of ${number}`);
  if (view.getUint32(4) !== bytes.length) throw new Error(`message ${number} is torn: ${bytes.length} bytes`);
  if (view.getUint32(8) !== sumOf(bytes)) throw new Error(`message ${number} is torn`);
}

function sumOf(bytes: Uint8Array): number {
  let sum = bytes.length;
  for (let index = HEADER_BYTES; index < bytes.length; index++) sum = (Math.imul(sum, 31) + (bytes[index] ?? 0)) >>> 0;
  return sum;
}
