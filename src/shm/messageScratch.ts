/**
 * The memory in which an encoder puts a message together, all but its texts: used again for each message, grown when one
 * is longer, and given back when it was very long. Large typed arrays are not copied into it but remembered with the
 * place where they belong.
 *
 * Nothing here asks whether there is room for a tag: `reserve` does, once for each value.
 */
import { GATHERED_BYTES, IS_LITTLE_ENDIAN } from './valueFormat.js';

const SMALLEST_BYTES = 4_096;
/** More than this is given back when the next message is begun. */
const KEPT_BYTES = 1 << 20;
/** No tag with what belongs directly to it, padding included, needs more. */
const LONGEST_TAG = 16;

interface Gathered {
  readonly bytes: Uint8Array;
  /** In front of which place in the scratch it belongs. */
  readonly at: number;
}

export class MessageScratch {
  #bytes = new Uint8Array(SMALLEST_BYTES);
  #numbers = new DataView(this.#bytes.buffer);
  #position = 0;
  #gathered: Gathered[] = [];
  #gatheredBytes = 0;

  begin(position: number): void {
    if (this.#bytes.length > KEPT_BYTES) this.#use(new Uint8Array(SMALLEST_BYTES));
    this.#position = position;
    this.#gatheredBytes = 0;
  }

  /** Where the next byte goes in here. */
  get position(): number {
    return this.#position;
  }

  /** Where the next byte will be in the message. */
  get messagePosition(): number {
    return this.#position + this.#gatheredBytes;
  }

  reserve(bytes = 0): void {
    if (this.#position + bytes + LONGEST_TAG > this.#bytes.length) this.#grow(bytes);
  }

  /** Leaves out so many bytes, to be written later by `putAt`. */
  skip(bytes: number): void {
    this.#position += bytes;
  }

  putAt(at: number, byte: number): void {
    this.#bytes[at] = byte;
  }

  put(byte: number): void {
    this.#bytes[this.#position++] = byte;
  }

  putWord(tag: number, word: number): void {
    const bytes = this.#bytes;
    const at = this.#position;
    bytes[at] = tag;
    bytes[at + 1] = word;
    bytes[at + 2] = word >>> 8;
    bytes[at + 3] = word >>> 16;
    bytes[at + 4] = word >>> 24;
    this.#position = at + 5;
  }

  putDouble(tag: number, value: number): void {
    this.#bytes[this.#position] = tag;
    this.#numbers.setFloat64(this.#position + 1, value, IS_LITTLE_ENDIAN);
    this.#position += 9;
  }

  putBigint(tag: number, value: bigint): void {
    this.#bytes[this.#position] = tag;
    this.#numbers.setBigInt64(this.#position + 1, value, IS_LITTLE_ENDIAN);
    this.#position += 9;
  }

  /** They begin at a multiple of 8 in the message. */
  putBytes(bytes: Uint8Array): void {
    while ((this.messagePosition & 7) !== 0) this.put(0);
    if (bytes.length >= GATHERED_BYTES) {
      this.#gathered.push({ bytes, at: this.#position });
      this.#gatheredBytes += bytes.length;
      return;
    }
    this.reserve(bytes.length);
    this.#bytes.set(bytes, this.#position);
    this.#position += bytes.length;
  }

  /** The memory as it is, with room for so many bytes behind the position. */
  memoryFor(bytes: number): Uint8Array {
    this.reserve(bytes);
    return this.#bytes;
  }

  /** All up to `end`, in pieces. Lets go of what was gathered. */
  takePieces(end: number): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let start = 0;
    for (const { bytes, at } of this.#gathered) {
      if (at > start) pieces.push(this.#bytes.subarray(start, at));
      pieces.push(bytes);
      start = at;
    }
    if (end > start) pieces.push(this.#bytes.subarray(start, end));
    this.forget();
    return pieces;
  }

  forget(): void {
    if (this.#gathered.length > 0) this.#gathered = [];
  }

  #grow(bytes: number): void {
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#position + bytes + LONGEST_TAG));
    grown.set(this.#bytes.subarray(0, this.#position));
    this.#use(grown);
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#numbers = new DataView(bytes.buffer);
  }
}
