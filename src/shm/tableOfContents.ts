/**
 * What lies where in a segment, by name: whoever makes the segment allocates its parts and puts each under a key, and
 * others that know nothing but the segment find them.
 *
 * Parts are allocated from the end down, entries grow from the beginning up; both ends are in one long word, so that
 * two processes at once never get the same place. Nothing is ever freed. Looking up takes no lock: an entry is there
 * when its state says so, which is written last.
 *
 * A key is put in once. Two who put in the same key at the same time agree by the order of their entries: the later
 * one's is dropped, whoever notices first. One that dies while it writes leaves an entry that counts for nothing.
 *
 * Model: shm_toc.c, which has a spinlock, keys of 64 bits, and takes the same key twice. Keys here are integers of 32
 * bits, or strings of up to 31 bytes, written as they are: `1` and `'1'` are two keys.
 */
import { BgworkerError } from '../base/index.js';
import type { Chunk } from './chunk.js';
import {
  ALIGNMENT,
  aligned,
  beginThing,
  checkThing,
  chunkOf,
  finishThing,
  HEADER_PARTS,
  HEADER_WORDS,
} from './chunk.js';
import { encodeKey, KEY_WORDS } from './contentsKey.js';
import type { Part } from './layout.js';
import { longWordPart, wordPart } from './layout.js';
import type { LongWords, Words } from './words.js';

/** How much is allocated, in units of ALIGNMENT, above 32 bits with the number of entries. */
const STATE_LONG = HEADER_WORDS / 2;
const ONE_ENTRY = 1n;
const ONE_UNIT = 1n << 32n;
const ENTRIES = 0xffff_ffffn;

/** The first line of the cache is the header, then one for each entry. */
const WORDS_PER_ENTRY = ALIGNMENT / 4;
/** 0: claimed, not written. A member's number: it is putting it in. Then one of these two. */
const ENTRY_STATE = 0;
const IS_THERE = -1;
const IS_DROPPED = -2;
/** In units of ALIGNMENT. */
const ENTRY_OFFSET = 1;
/** Above 31 bits, as it comes. */
const ENTRY_SIZE = 2;
const ENTRY_KEY = 3;

/** For its picture, with so many entries. */
export function contentsParts(entries: number): Part[] {
  return [
    ...HEADER_PARTS,
    longWordPart(STATE_LONG, 'state', 'who adds to it', 'what is allocated, how many entries: one word'),
    ...Array.from({ length: entries }, (_, index) => {
      const at = WORDS_PER_ENTRY * (1 + index);
      return [
        wordPart(at + ENTRY_STATE, `entry ${index + 1}: state`, 'who inserts', 'written last: it is there'),
        wordPart(at + ENTRY_OFFSET, `entry ${index + 1}: offset`, 'who inserts', `in units of ${ALIGNMENT} bytes`),
        wordPart(at + ENTRY_SIZE, `entry ${index + 1}: size`, 'who inserts', 'in bytes'),
        wordPart(
          at + ENTRY_KEY,
          `entry ${index + 1}: key`,
          'who inserts',
          'a number, or up to 31 bytes of text',
          KEY_WORDS,
        ),
      ];
    }).flat(),
    {
      name: 'free, then parts',
      offsetBytes: ALIGNMENT * (1 + entries),
      sizeBytes: 'rest',
      writtenBy: 'who a part is for',
      holds: 'parts are allocated from the end down',
    },
  ];
}

/** An integer from 0 to 2^32 - 1, or a string of 1 to 31 bytes of UTF-8. */
export type ContentsKey = number | string;

/** How large a segment must be for a table of contents and all that is to be in it. PostgreSQL: shm_toc_estimator. */
export class ContentsEstimator {
  #parts = 0;
  #keys = 0;

  /** For each part on its own, since each is rounded up. */
  addChunk(sizeBytes: number): this {
    this.#parts += aligned(sizeBytes);
    return this;
  }

  /** One for each part, unless parts have several keys or none. */
  addKeys(count: number): this {
    this.#keys += count;
    return this;
  }

  /** What all that was added takes. */
  get sizeBytes(): number {
    return ALIGNMENT * (1 + this.#keys) + this.#parts;
  }
}

/** Where in a segment what is found under which key. PostgreSQL: a shm_toc. */
export class TableOfContents {
  readonly #chunk: Chunk;
  readonly #words: Words;
  readonly #state: LongWords;
  readonly #units: number;

  /**
   * Over a chunk that is as large as all that is to be in it, mostly `segment.chunk()`, and holds zeros, as a new
   * segment does. PostgreSQL: shm_toc_create.
   */
  static create(chunk: Chunk): TableOfContents {
    beginThing(chunk, 'table of contents', ALIGNMENT);
    chunk.longWords.store(STATE_LONG, 0n);
    finishThing(chunk);
    return new TableOfContents(chunk);
  }

  /** Over the same chunk. Throws `ERR_WRONG_MEMORY` when there is none. PostgreSQL: shm_toc_attach. */
  static attach(chunk: Chunk): TableOfContents {
    checkThing(chunk, 'table of contents');
    return new TableOfContents(chunk);
  }

  private constructor(chunk: Chunk) {
    this.#chunk = chunk;
    this.#words = chunk.words;
    this.#state = chunk.longWords;
    this.#units = Math.floor(chunk.sizeBytes / ALIGNMENT);
  }

  /** How much can still be allocated; each key takes 64 bytes of it. PostgreSQL: shm_toc_freespace. */
  get freeBytes(): number {
    const state = this.#state.load(STATE_LONG);
    return (this.#units - 1 - Number(state >> 32n) - Number(state & ENTRIES)) * ALIGNMENT;
  }

  /** A part of it, which holds zeros in a new segment. Throws `ERR_CONTENTS_FULL`. PostgreSQL: shm_toc_allocate. */
  allocate(sizeBytes: number): Chunk {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
      throw new BgworkerError('ERR_INVALID_ARGUMENT', 'invalid size', {
        detail: `sizeBytes is ${String(sizeBytes)}`,
        hint: 'give a number of bytes, from 0',
      });
    }
    const units = Math.ceil(sizeBytes / ALIGNMENT);
    const before = this.#claim(units, ONE_UNIT * BigInt(units));
    const end = this.#units - Number(before >> 32n);
    return chunkOf(this.#chunk.segment, this.#chunk.offsetBytes + (end - units) * ALIGNMENT, sizeBytes);
  }

  /**
   * Makes a chunk of the same segment known under a key. Call it when what is in the chunk is complete. Throws
   * `ERR_KEY_IN_CONTENTS`, `ERR_CONTENTS_FULL`. PostgreSQL: shm_toc_insert.
   */
  insert(key: ContentsKey, chunk: Chunk): void {
    const { segment, member } = this.#chunk;
    if (chunk.segment !== segment) {
      throw new BgworkerError('ERR_OUT_OF_SEGMENT', 'a table of contents knows only its own segment', {
        detail: `${chunk.segment.name} is not ${segment.name}`,
      });
    }
    const words = encodeKey(key);
    if (this.#find(words) !== undefined) throw keyInContents(key);
    const mine = Number(this.#claim(1, ONE_ENTRY) & ENTRIES);
    const entry = this.#entryAt(mine);
    this.#words.store(entry + ENTRY_OFFSET, chunk.offsetBytes / ALIGNMENT);
    this.#words.store(entry + ENTRY_SIZE, chunk.sizeBytes | 0);
    for (const [index, word] of words.entries()) this.#words.store(entry + ENTRY_KEY + index, word);
    this.#words.store(entry + ENTRY_STATE, member.number);
    const isFirst = this.#isFirst(mine, words);
    const state = this.#words.compareExchange(entry + ENTRY_STATE, member.number, isFirst ? IS_THERE : IS_DROPPED);
    if (!isFirst || state !== member.number) throw keyInContents(key);
  }

  /** Throws `ERR_NOT_IN_CONTENTS`. PostgreSQL: shm_toc_lookup. */
  lookup(key: ContentsKey): Chunk {
    const chunk = this.tryLookup(key);
    if (chunk !== undefined) return chunk;
    throw new BgworkerError('ERR_NOT_IN_CONTENTS', 'that key is not in the table of contents', {
      detail: `${JSON.stringify(key)} in ${this.#chunk.segment.name}`,
      hint: 'who makes the segment must have put it in before another looks; a number and a string are two keys',
    });
  }

  /** Undefined when it is not there. */
  tryLookup(key: ContentsKey): Chunk | undefined {
    const { segment } = this.#chunk;
    segment.checkAttached();
    const entry = this.#find(encodeKey(key));
    if (entry === undefined) return undefined;
    const sizeBytes = this.#words.load(entry + ENTRY_SIZE) >>> 0;
    return chunkOf(segment, this.#words.load(entry + ENTRY_OFFSET) * ALIGNMENT, sizeBytes);
  }

  /** Room for parts or entries. Gives the state before. */
  #claim(units: number, addend: bigint): bigint {
    this.#chunk.segment.checkAttached();
    for (;;) {
      const before = this.#state.load(STATE_LONG);
      const used = 1 + Number(before >> 32n) + Number(before & ENTRIES);
      if (used + units > this.#units) throw contentsFull(units * ALIGNMENT, (this.#units - used) * ALIGNMENT);
      if (this.#state.compareExchange(STATE_LONG, before, before + addend) === before) return before;
    }
  }

  #find(words: readonly number[]): number | undefined {
    const count = Number(this.#state.load(STATE_LONG) & ENTRIES);
    for (let index = 0; index < count; index++) {
      const entry = this.#entryAt(index);
      if (this.#words.load(entry + ENTRY_STATE) === IS_THERE && this.#hasKey(entry, words)) return entry;
    }
    return undefined;
  }

  /** Whether no other has the same key, or comes before us with it. Who comes after us is dropped. */
  #isFirst(mine: number, words: readonly number[]): boolean {
    const count = Number(this.#state.load(STATE_LONG) & ENTRIES);
    for (let index = 0; index < count; index++) {
      const entry = this.#entryAt(index);
      if (index === mine) continue;
      const state = this.#words.load(entry + ENTRY_STATE);
      // Not written yet: it will see us.
      if (state === 0 || state === IS_DROPPED || !this.#hasKey(entry, words)) continue;
      if (state === IS_THERE) return false;
      if (index < mine && !this.#chunk.member.isGone(state)) return false;
      if (this.#words.compareExchange(entry + ENTRY_STATE, state, IS_DROPPED) === IS_THERE) return false;
    }
    return true;
  }

  #hasKey(entry: number, words: readonly number[]): boolean {
    for (let index = 0; index < KEY_WORDS; index++) {
      if (this.#words.load(entry + ENTRY_KEY + index) !== words[index]) return false;
    }
    return true;
  }

  #entryAt(index: number): number {
    return WORDS_PER_ENTRY * (1 + index);
  }
}

function keyInContents(key: ContentsKey): BgworkerError {
  return new BgworkerError('ERR_KEY_IN_CONTENTS', 'that key is in the table of contents already', {
    detail: JSON.stringify(key),
    hint: 'a key is put in once, by one process',
  });
}

function contentsFull(wanted: number, free: number): BgworkerError {
  return new BgworkerError('ERR_CONTENTS_FULL', 'the table of contents has no room for that', {
    detail: `${wanted} bytes are wanted and ${free} are free`,
    hint: 'ContentsEstimator tells how large a segment must be for a number of parts and keys',
  });
}
