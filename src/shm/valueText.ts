/**
 * The texts of a message: all its strings, joined into chunks, each of which is written and read by a single call into
 * Node. Units of one byte where all of a chunk fit (Latin-1), of two where not, so that lone surrogates survive.
 *
 * The writer keeps its memory and its chunks stay valid until `begin`. The reader believes nothing: a chunk that does
 * not lie within the message, or a string that does not lie within a chunk, is reported, never read.
 */
import { constants } from 'node:buffer';
import { badValue } from './badValue.js';
import { CHUNK_UNITS } from './valueFormat.js';

/** What `write` and `toString` of a Buffer call in the end. They work on any Uint8Array, so no message needs a Buffer over it. */
interface TextOfBytes {
  latin1Slice(start: number, end: number): string;
  ucs2Slice(start: number, end: number): string;
  latin1Write(text: string, at: number): number;
  ucs2Write(text: string, at: number): number;
}
const { latin1Slice, ucs2Slice, latin1Write, ucs2Write } = Buffer.prototype as unknown as TextOfBytes;

const hasWideUnit = /[\u0100-\uffff]/;
const CHUNK_HEAD_BYTES = 4;
const SMALLEST_MEMORY = 4_096;
/** More than this is given back when the message has been sent. */
const KEPT_MEMORY = 1 << 20;

export class TextWriter {
  #memory = Buffer.allocUnsafeSlow(SMALLEST_MEMORY);
  #position = 0;
  #chunk = '';
  #markedPosition = 0;
  #markedChunk = '';

  begin(): void {
    this.#position = 0;
    this.#chunk = '';
    if (this.#memory.length > KEPT_MEMORY) this.#memory = Buffer.allocUnsafeSlow(SMALLEST_MEMORY);
  }

  add(text: string): void {
    if (this.#chunk.length + text.length > CHUNK_UNITS) this.#endChunk();
    this.#chunk += text;
  }

  /** What is added from here on may be taken back. */
  mark(): void {
    this.#markedPosition = this.#position;
    this.#markedChunk = this.#chunk;
  }

  /** Takes back what was added since the mark. Nothing was finished in between. */
  returnToMark(): void {
    this.#position = this.#markedPosition;
    this.#chunk = this.#markedChunk;
  }

  /** Bytes that `finish` needs at most, if all is still one chunk; undefined if there are more, in memory of their own. */
  get bytesIfOneChunk(): number | undefined {
    return this.#position === 0 ? CHUNK_HEAD_BYTES + 2 * this.#chunk.length : undefined;
  }

  /** Writes the only chunk to where the message is, and says where it ends. */
  writeOnlyChunk(target: Uint8Array, at: number): number {
    const chunk = this.#chunk;
    this.#chunk = '';
    return chunk === '' ? at : writeChunk(chunk, target, at);
  }

  finish(): Uint8Array {
    this.#endChunk();
    return this.#memory.subarray(0, this.#position);
  }

  #endChunk(): void {
    if (this.#chunk === '') return;
    const needed = this.#position + CHUNK_HEAD_BYTES + 2 * this.#chunk.length;
    if (needed > this.#memory.length) this.#grow(needed);
    this.#position = writeChunk(this.#chunk, this.#memory, this.#position);
    this.#chunk = '';
  }

  #grow(needed: number): void {
    const memory = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#memory.length));
    memory.set(this.#memory.subarray(0, this.#position));
    this.#memory = memory;
  }
}

/** Says where it ends. */
function writeChunk(chunk: string, target: Uint8Array, at: number): number {
  const isWide = hasWideUnit.test(chunk);
  const head = chunk.length * 2 + (isWide ? 1 : 0);
  target[at] = head;
  target[at + 1] = head >>> 8;
  target[at + 2] = head >>> 16;
  target[at + 3] = head >>> 24;
  const start = at + CHUNK_HEAD_BYTES;
  return start + (isWide ? ucs2Write : latin1Write).call(target, chunk, start);
}

const nothing = new Uint8Array(0);

export class TextReader {
  #bytes: Uint8Array = nothing;
  #position = 0;
  #end = 0;
  #chunk = '';
  #used = 0;

  begin(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
    this.#chunk = '';
    this.#used = 0;
  }

  read(units: number): string {
    if (units === 0) return '';
    if (this.#used === this.#chunk.length) this.#nextChunk();
    const start = this.#used;
    const end = start + units;
    if (end > this.#chunk.length) throw badValue('a string is longer than its text');
    this.#used = end;
    return this.#chunk.slice(start, end);
  }

  /** Where what has not been read yet begins. */
  get position(): number {
    return this.#position;
  }

  /** Nothing is left of the chunk that was begun. */
  get isRead(): boolean {
    return this.#used === this.#chunk.length;
  }

  /** All that was there has been read. Lets go of the message. */
  finish(): void {
    if (!this.isRead || this.#position !== this.#end) throw badValue('text is left over');
    this.#bytes = nothing;
    this.#chunk = '';
    this.#used = 0;
  }

  #nextChunk(): void {
    const start = this.#position + CHUNK_HEAD_BYTES;
    if (start > this.#end) throw badValue('a text is missing');
    const head = readUint32(this.#bytes, this.#position);
    const isWideChunk = head % 2 === 1;
    const end = start + (isWideChunk ? head - 1 : head / 2);
    if (end > this.#end || head >>> 1 > constants.MAX_STRING_LENGTH)
      throw badValue('a text reaches out of its message');
    this.#chunk = (isWideChunk ? ucs2Slice : latin1Slice).call(this.#bytes, start, end);
    this.#used = 0;
    this.#position = end;
  }
}

/** Within bounds that the caller has checked. */
export function readUint32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  const high = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8);
  return ((high << 16) | low) >>> 0;
}

/** Within bounds that the caller has checked. */
export function readUint16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}
