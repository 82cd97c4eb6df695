/**
 * Two counters: a number that any process adds to, and the share-out of a piece of work. Each is one word of 64 bits
 * on a line of the cache of its own, changed by one operation at a time; nobody waits, and no death leaves it half done.
 *
 * Numbers are ordinary ones here. They are exact up to 2^53, which is where the range of the second one ends.
 */
import { BgworkerError } from '../base/index.js';
import type { Chunk, Whole } from './chunk.js';
import { aligned, beginThing, checkThing, finishThing, HEADER_PARTS, HEADER_WORDS } from './chunk.js';
import type { Part } from './layout.js';
import { longWordPart } from './layout.js';
import type { LongWords } from './words.js';

/** The first long word after the header. */
const VALUE = HEADER_WORDS / 2;
const ITEMS = VALUE + 1;
const PIECE_ITEMS = VALUE + 2;
const WORKERS = VALUE + 3;

/** For its picture. */
export const WORK_COUNTER_PARTS: readonly Part[] = [
  ...HEADER_PARTS,
  longWordPart(VALUE, 'handed out', 'who takes a piece', 'all items below it'),
  longWordPart(ITEMS, 'items', 'its creator', 'the end of the range'),
  longWordPart(PIECE_ITEMS, 'pieceItems', 'its creator', 'the smallest piece'),
  longWordPart(WORKERS, 'workers', 'its creator', 'among whom it is divided; 0: pieces are the same'),
];

/** A number in shared memory. Everything throws when its segment was detached. */
export class AtomicCounter {
  readonly #segment: Whole;
  readonly #words: LongWords;

  /** How many bytes it takes in a segment. */
  static sizeFor(): number {
    return aligned((VALUE + 1) * 8);
  }

  /** Makes one, at 0 unless told. */
  static create(chunk: Chunk, value = 0): AtomicCounter {
    beginThing(chunk, 'counter', AtomicCounter.sizeFor());
    chunk.longWords.store(VALUE, toLong(value));
    finishThing(chunk);
    return new AtomicCounter(chunk);
  }

  /** Throws `ERR_WRONG_MEMORY` when there is none. */
  static attach(chunk: Chunk): AtomicCounter {
    checkThing(chunk, 'counter', AtomicCounter.sizeFor);
    return new AtomicCounter(chunk);
  }

  private constructor(chunk: Chunk) {
    this.#segment = chunk.segment;
    this.#words = chunk.longWords;
  }

  /** What it is now. */
  load(): number {
    this.#segment.checkAttached();
    return Number(this.#words.load(VALUE));
  }

  /** Makes it this, whatever it was. */
  store(value: number): void {
    this.#segment.checkAttached();
    this.#words.store(VALUE, toLong(value));
  }

  /** Gives what it was before, as `compareExchange` does. */
  add(delta: number): number {
    this.#segment.checkAttached();
    return Number(this.#words.add(VALUE, toLong(delta)));
  }

  /** Changes it if it is `expected`. */
  compareExchange(expected: number, value: number): number {
    this.#segment.checkAttached();
    return Number(this.#words.compareExchange(VALUE, toLong(expected), toLong(value)));
  }
}

/** What is to be handed out, and in pieces of what size. */
export interface WorkCounterOptions {
  /** How many items there are: the range is from 0 up to, but not including, this number. */
  readonly items: number;
  /** How many items a piece has; with `workers`, the smallest piece. Default: 1. */
  readonly pieceItems?: number | undefined;
  /**
   * How many workers share it: pieces are large at first and become smaller, each half of what is left divided among
   * them, so that all are through at about the same time. Default: all pieces are the same.
   */
  readonly workers?: number | undefined;
}

/** A part of the range: from `begin` up to, but not including, `end`. */
export interface WorkPiece {
  /** The first item. */
  readonly begin: number;
  /** Behind the last one. */
  readonly end: number;
}

/**
 * Hands out the pieces of a range, each of them once. A piece that was handed to a process that died is not handed out
 * again: how much of it was done is for its result to show.
 */
export class WorkCounter {
  readonly #chunk: Chunk;
  readonly #words: LongWords;
  readonly #items: number;
  readonly #pieceItems: number;
  readonly #workers: number;

  /** How many bytes it takes in a segment. */
  static sizeFor(): number {
    return aligned((WORKERS + 1) * 8);
  }

  /** Makes one of which nothing has been handed out. */
  static create(chunk: Chunk, { items, pieceItems = 1, workers = 0 }: WorkCounterOptions): WorkCounter {
    checkCount('items', items, 0);
    checkCount('pieceItems', pieceItems, 1);
    checkCount('workers', workers, 0);
    beginThing(chunk, 'work counter', WorkCounter.sizeFor());
    chunk.longWords.store(VALUE, 0n);
    chunk.longWords.store(ITEMS, BigInt(items));
    chunk.longWords.store(PIECE_ITEMS, BigInt(pieceItems));
    chunk.longWords.store(WORKERS, BigInt(workers));
    finishThing(chunk);
    return new WorkCounter(chunk);
  }

  /** Throws `ERR_WRONG_MEMORY` when there is none. */
  static attach(chunk: Chunk): WorkCounter {
    checkThing(chunk, 'work counter', () => {
      const { longWords } = chunk;
      // A piece of no items would be handed out for ever.
      checkCount('items', Number(longWords.load(ITEMS)), 0);
      checkCount('pieceItems', Number(longWords.load(PIECE_ITEMS)), 1);
      checkCount('workers', Number(longWords.load(WORKERS)), 0);
      return WorkCounter.sizeFor();
    });
    return new WorkCounter(chunk);
  }

  private constructor(chunk: Chunk) {
    this.#chunk = chunk;
    this.#words = chunk.longWords;
    this.#items = Number(this.#words.load(ITEMS));
    this.#pieceItems = Number(this.#words.load(PIECE_ITEMS));
    this.#workers = Number(this.#words.load(WORKERS));
  }

  /** The whole range has so many items. */
  get items(): number {
    return this.#items;
  }

  /** So many have not been handed out; those that have been need not be done. */
  get remaining(): number {
    return this.#items - Number(this.#words.load(VALUE));
  }

  /** The next piece; null when there is none left. Throws when the segment was detached. */
  next(): WorkPiece | null {
    this.#chunk.segment.checkAttached();
    for (let before = this.#words.load(VALUE); ; ) {
      const begin = Math.max(0, Number(before));
      const left = this.#items - begin;
      if (left <= 0) return null;
      const share = this.#workers === 0 ? 0 : Math.ceil(left / (2 * this.#workers));
      const end = begin + Math.min(left, Math.max(share, this.#pieceItems));
      const found = this.#words.compareExchange(VALUE, before, BigInt(end));
      if (found === before) return { begin, end };
      before = found;
    }
  }
}

function toLong(value: number): bigint {
  if (Number.isSafeInteger(value)) return BigInt(value);
  throw invalid('value', value, 'give an integer between -2^53 and 2^53');
}

function checkCount(name: string, count: number, least: number): void {
  if (Number.isSafeInteger(count) && count >= least) return;
  throw invalid(name, count, `give an integer from ${least}`);
}

function invalid(name: string, value: unknown, hint: string): BgworkerError {
  return new BgworkerError('ERR_INVALID_ARGUMENT', `invalid ${name}`, { detail: `${name} is ${String(value)}`, hint });
}
