/**
 * A stretch of a segment in which one thing lives: a queue, a lock, a barrier. Each thing begins with two words that
 * say what it is, so that one who attaches with a wrong offset, or too early, is told so and does not read nonsense.
 *
 * The magic word is written last, when everything else is there: whoever sees it sees a thing that is complete.
 */
import { BgworkerError } from '../base/index.js';
import type { Part } from './layout.js';
import { wordPart } from './layout.js';
import type { Mapping } from './mapping.js';
import type { Member } from './member.js';
import type { LongWords, Words } from './words.js';

/** Things begin at multiples of it: what one process writes lies on other lines of the cache than what another writes. */
export const ALIGNMENT = 64;

/** The next multiple of ALIGNMENT. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** What a chunk is part of: a Segment (segment.ts). */
export interface Whole {
  readonly member: Member;
  readonly mapping: Mapping;
  /** Named in errors. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly isAttached: boolean;
  /** Throws `ERR_SEGMENT_DETACHED`, or why the member has lost its place. */
  checkAttached(): void;
  /** Gives back how to take it off the list again. */
  onDetach(callback: () => void): () => void;
  /**
   * What gives back what it has, behind all callbacks. A thing is in here only as long as it has something, so those to
   * which one attaches again and again leave nothing behind.
   */
  readonly busy: Set<Leave>;
}

/**
 * Gives back what a thing has. `isFailure`: this process is ending in failure, and the others shall take it for what it
 * is; then nothing is said that only one says who leaves in order.
 */
export type Leave = (isFailure: boolean) => void;

/** A stretch of a segment, in which one thing lives. */
export interface Chunk {
  /** @internal */
  readonly segment: Whole;
  /** @internal */
  readonly member: Member;
  /** Where it begins in its segment: a multiple of 64. */
  readonly offsetBytes: number;
  /** How long it is. */
  readonly sizeBytes: number;
  /** The whole of it, as words. @internal */
  readonly words: Words;
  /** The whole of it, as words of 64 bits. @internal */
  readonly longWords: LongWords;
  /** The whole of it, for us alone: never given to a user. @internal */
  readonly ownBytes: Uint8Array;
  /** The whole of it, for whoever wants it. */
  readonly shownBytes: Uint8Array;
}

/** The stretch of a segment that begins there. Throws `ERR_OUT_OF_SEGMENT`. */
export function chunkOf(segment: Whole, offsetBytes: number, sizeBytes: number): Chunk {
  segment.checkAttached();
  const isInside =
    Number.isSafeInteger(offsetBytes) &&
    Number.isSafeInteger(sizeBytes) &&
    offsetBytes >= 0 &&
    sizeBytes >= 0 &&
    offsetBytes + sizeBytes <= segment.sizeBytes;
  if (!isInside || offsetBytes % ALIGNMENT !== 0) {
    throw new BgworkerError('ERR_OUT_OF_SEGMENT', 'that is no place in this segment', {
      detail: `${sizeBytes} bytes from ${offsetBytes} on, in a segment of ${segment.sizeBytes}`,
      hint: `offsets are multiples of ${ALIGNMENT}; make the segment as large as the sum of what is to be in it`,
    });
  }
  const { mapping, member } = segment;
  return {
    segment,
    member,
    offsetBytes,
    sizeBytes,
    words: mapping.words(offsetBytes, Math.floor(sizeBytes / 4)),
    get longWords() {
      return mapping.longWords(offsetBytes, Math.floor(sizeBytes / 8));
    },
    ownBytes: mapping.ownBytes.subarray(offsetBytes, offsetBytes + sizeBytes),
    get shownBytes() {
      return mapping.shownBytes.subarray(offsetBytes, offsetBytes + sizeBytes);
    },
  };
}

/** Of this layout: whoever changes what lies where, in any of the things, changes this number (CONTRIBUTING.md). */
const MAGIC = 0x6267_776b;
const MAGIC_WORD = 0;
const KIND_WORD = 1;
/** How many words every thing begins with: the magic one, and the kind. */
export const HEADER_WORDS = 2;

/** Of every thing's picture. */
export const HEADER_PARTS: readonly Part[] = [
  wordPart(MAGIC_WORD, 'magic word', 'its creator', `0x${MAGIC.toString(16)}, written last: it is complete`),
  wordPart(KIND_WORD, 'kind', 'its creator', 'which thing this is'),
];

/** What lives in a chunk. The numbers stand in shared memory. */
export const KINDS = {
  'table of contents': 1,
  latch: 2,
  'message queue': 3,
  lock: 4,
  'condition variable': 5,
  barrier: 6,
  counter: 7,
  'work counter': 8,
  'block scan': 9,
} as const;

export type Kind = keyof typeof KINDS;

/** Throws `ERR_CHUNK_TOO_SMALL`. */
export function beginThing(chunk: Chunk, kind: Kind, neededBytes: number): void {
  checkIsChunk(chunk, kind);
  const { sizeBytes, words } = chunk;
  if (sizeBytes < neededBytes) {
    throw new BgworkerError('ERR_CHUNK_TOO_SMALL', `there is no room for a ${kind}`, {
      detail: `it needs ${neededBytes} bytes and has ${sizeBytes}`,
      hint: 'sizeFor() tells how much is needed',
    });
  }
  words.store(MAGIC_WORD, 0);
  words.store(KIND_WORD, KINDS[kind]);
}

/** Everything is written: it can be attached. */
export function finishThing({ words }: Chunk): void {
  words.store(MAGIC_WORD, MAGIC);
}

/**
 * Throws `ERR_WRONG_MEMORY`, also when the chunk is smaller than the thing says that it is: `neededBytes` reads that, and
 * may throw at what it reads.
 */
export function checkThing(chunk: Chunk, kind: Kind, neededBytes: () => number = () => 0): void {
  checkIsChunk(chunk, kind);
  const { words, segment, offsetBytes, sizeBytes } = chunk;
  segment.checkAttached();
  const isThere =
    words.count >= HEADER_WORDS && words.load(MAGIC_WORD) === MAGIC && words.load(KIND_WORD) === KINDS[kind];
  if (isThere && hasRoom(sizeBytes, neededBytes)) return;
  throw new BgworkerError('ERR_WRONG_MEMORY', `there is no ${kind} there`, {
    detail: `${segment.name}, offset ${offsetBytes}, ${sizeBytes} bytes`,
    hint: 'it must have been created, by one process, at the same offset and in all of the chunk, before another attaches to it',
  });
}

/** Nothing that stands in memory is believed. */
function hasRoom(sizeBytes: number, neededBytes: () => number): boolean {
  try {
    return neededBytes() <= sizeBytes;
  } catch {
    return false;
  }
}

/** Without types one gives the segment itself, or its bytes. */
function checkIsChunk(given: Partial<Chunk> | undefined, kind: Kind): void {
  if (given?.words !== undefined) return;
  throw new BgworkerError('ERR_INVALID_ARGUMENT', 'that is no chunk of a segment', {
    detail: `a ${kind} was to be there`,
    hint: 'give segment.chunk(offsetBytes, sizeBytes), or segment.chunk() for all of it',
  });
}
