/**
 * What lies where in shared memory, as data: the pictures in docs/images are drawn from it (scripts/draw-layouts.mjs).
 * Each file that lays out memory describes it with the very constants by which it reads and writes, beside them, so no
 * picture shows what is not so.
 */

/** A stretch that has one meaning and one kind of writer. */
export interface Part {
  readonly name: string;
  readonly offsetBytes: number;
  /** `'rest'`: to the end of the chunk. */
  readonly sizeBytes: number | 'rest';
  /** In a word or two: parts with the same one have the same colour. */
  readonly writtenBy: string;
  /** What stands there, in a few words. */
  readonly holds: string;
}

/** As `wordPart`, for a word of 64 bits. */
export function longWordPart(index: number, name: string, writtenBy: string, holds: string): Part {
  return { name, offsetBytes: index * 8, sizeBytes: 8, writtenBy, holds };
}

/** Beside the constant that says which word it is; `count` words in a row. */
export function wordPart(index: number, name: string, writtenBy: string, holds: string, count = 1): Part {
  return { name, offsetBytes: index * 4, sizeBytes: count * 4, writtenBy, holds };
}
