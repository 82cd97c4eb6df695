/**
 * The share-out of a range among participants who scan it together: PostgreSQL's parallel block scan
 * (table_block_parallelscan_nextpage). What a block is, the caller says: a page, a file, a million rows, a number.
 *
 * One counter is shared, and says how many blocks were handed out. Each participant takes a chunk of blocks at a time, so
 * that the counter is seldom touched and neighbours stay together, and goes through it by itself. Near the end it takes
 * smaller and smaller chunks, down to one block, so that all participants are through at about the same time. How large
 * its next chunk is, each decides alone, by where its last one lay (R-BS-7); nobody waits for anybody, and one that comes
 * late, or does not come at all, changes nothing about what is handed out.
 */
import type { Chunk, LongWords, Part } from '../shm/index.js';
import {
  aligned,
  beginThing,
  checkThing,
  finishThing,
  HEADER_PARTS,
  HEADER_WORDS,
  longWordPart,
} from '../shm/index.js';
import { checkCount } from './processOptions.js';

/** Into about so many chunks a large range is cut. PostgreSQL: PARALLEL_SEQSCAN_NCHUNKS. */
const CHUNKS = 2_048;
/** With so many chunks left, they become half as large. PostgreSQL: PARALLEL_SEQSCAN_RAMPDOWN_CHUNKS. */
const RAMPDOWN_CHUNKS = 64;
/** PostgreSQL: PARALLEL_SEQSCAN_MAX_CHUNK_SIZE. */
const MAX_CHUNK_BLOCKS = 8_192;

/** How many blocks the chunks of a range have, until the end is near (R-BS-1). */
export function chunkBlocks(blocks: number): number {
  let size = 1;
  while (size < MAX_CHUNK_BLOCKS && size < Math.floor(blocks / CHUNKS)) size *= 2;
  return size;
}

/** How many the next chunk has, for one whose last one ended before the position `next` (R-BS-2). */
export function nextChunkBlocks(size: number, next: number, blocks: number): number {
  return size > 1 && next - 1 > blocks - RAMPDOWN_CHUNKS * size ? size / 2 : size;
}

/** Which block is handed out at a position: they are counted from the one where the scan starts (R-BS-3). */
export function blockAt(position: number, startBlock: number, blocks: number): number {
  const behind = blocks - startBlock;
  return position < behind ? position + startBlock : position - behind;
}

/** The first long words after the header. Only the first one is ever written again. */
const HANDED_OUT = HEADER_WORDS / 2;
const BLOCKS = HANDED_OUT + 1;
const START_BLOCK = HANDED_OUT + 2;

/** For its picture. */
export const BLOCK_SCAN_PARTS: readonly Part[] = [
  ...HEADER_PARTS,
  longWordPart(HANDED_OUT, 'handed out', 'who takes a chunk', 'all positions below it; at last beyond the end'),
  longWordPart(BLOCKS, 'blocks', 'its creator', 'how many there are'),
  longWordPart(START_BLOCK, 'start block', 'its creator', 'which one is handed out first'),
];

/** What is to be scanned. */
export interface BlockScanOptions {
  /** How many blocks there are; it stays so for this scan. */
  readonly blocks: number;
  /** The block to begin with; after the last one come those before it. Default: 0. PostgreSQL: phs_startblock. */
  readonly startBlock?: number | undefined;
}

/** Blocks in a row: from `begin` up to, but not including, `end`. */
export interface BlockRange {
  /** The first block. */
  readonly begin: number;
  /** Behind the last one. */
  readonly end: number;
}

/**
 * One participant of a scan: whoever creates or attaches becomes one, and each participant needs an object of its own.
 * Every block is given to exactly one of them. One that dies takes the rest of its chunk with it (R-BS-6), so its results
 * are incomplete; and when one is told that there are no more, others may still be at work on theirs (R-BS-5).
 */
export class BlockScan implements Iterable<number> {
  /** How many blocks there are. */
  readonly blocks: number;
  readonly #startBlock: number;
  readonly #chunk: Chunk;
  readonly #words: LongWords;
  readonly #isWanted: () => boolean;
  /** The next position to give out, and how many from there on are ours. */
  #next = 0;
  #ours = 0;
  #chunkBlocks: number;

  /** How many bytes it takes in a segment. */
  static sizeFor(): number {
    return aligned((START_BLOCK + 1) * 8);
  }

  /** Makes one of which nothing was handed out. Throws `ERR_INVALID_ARGUMENT`. */
  static create(chunk: Chunk, { blocks, startBlock = 0 }: BlockScanOptions): BlockScan {
    checkCount('blocks', blocks, 0);
    checkCount('startBlock', startBlock, 0, Math.max(0, blocks - 1));
    beginThing(chunk, 'block scan', BlockScan.sizeFor());
    chunk.longWords.store(HANDED_OUT, 0n);
    chunk.longWords.store(BLOCKS, BigInt(blocks));
    chunk.longWords.store(START_BLOCK, BigInt(startBlock));
    finishThing(chunk);
    return new BlockScan(chunk);
  }

  /**
   * Throws `ERR_WRONG_MEMORY` when there is none. `isWanted` is asked before each block or range: from when it is false on
   * this participant is given no more.
   */
  static attach(chunk: Chunk, isWanted?: () => boolean): BlockScan {
    checkThing(chunk, 'block scan', () => {
      const blocks = Number(chunk.longWords.load(BLOCKS));
      checkCount('blocks', blocks, 0);
      checkCount('startBlock', Number(chunk.longWords.load(START_BLOCK)), 0, Math.max(0, blocks - 1));
      return BlockScan.sizeFor();
    });
    return new BlockScan(chunk, isWanted);
  }

  private constructor(chunk: Chunk, isWanted: () => boolean = ALWAYS) {
    this.#chunk = chunk;
    this.#isWanted = isWanted;
    this.#words = chunk.longWords;
    this.blocks = Number(this.#words.load(BLOCKS));
    this.#startBlock = Number(this.#words.load(START_BLOCK));
    this.#chunkBlocks = chunkBlocks(this.blocks);
  }

  /** How many blocks were handed out, to all participants: those of them that are done are no more than that. */
  get allocated(): number {
    return Math.min(Number(this.#words.load(HANDED_OUT)), this.blocks);
  }

  /** The next block; null when there are no more, and then always. Throws when its segment was detached. */
  next(): number | null {
    if (this.#ours === 0) this.#allocate();
    const position = this.#next;
    if (position >= this.blocks || !this.#isWanted()) return null;
    this.#next += 1;
    this.#ours -= 1;
    return blockAt(position, this.#startBlock, this.blocks);
  }

  /**
   * The rest of a chunk at once: blocks in a row, of which none is before the first. Where a chunk goes on at block 0 it is
   * given as two. Null when there are no more.
   */
  nextRange(): BlockRange | null {
    if (this.#ours === 0) this.#allocate();
    const { blocks } = this;
    const position = this.#next;
    if (position >= blocks || !this.#isWanted()) return null;
    const begin = blockAt(position, this.#startBlock, blocks);
    const count = Math.min(this.#ours, blocks - position, blocks - begin);
    this.#next += count;
    this.#ours -= count;
    return { begin, end: begin + count };
  }

  /** Block by block, of those that this participant is given. */
  *[Symbol.iterator](): Generator<number, void, undefined> {
    for (let block = this.next(); block !== null; block = this.next()) yield block;
  }

  /** As the iterator, a chunk at a time. */
  *ranges(): Generator<BlockRange, void, undefined> {
    for (let range = this.nextRange(); range !== null; range = this.nextRange()) yield range;
  }

  /**
   * Begins the scan anew (R-BS-8): for one process, while nobody scans. Blocks and start block stay. The other participants
   * attach again. PostgreSQL: table_block_parallelscan_reinitialize.
   */
  restart(): void {
    this.#chunk.segment.checkAttached();
    this.#next = 0;
    this.#ours = 0;
    this.#chunkBlocks = chunkBlocks(this.blocks);
    this.#words.store(HANDED_OUT, 0n);
  }

  /** Takes a chunk, which may lie behind the end. Who is there takes no more (R-BS-4), so the counter stays exact. */
  #allocate(): void {
    if (this.#next >= this.blocks) return;
    this.#chunk.segment.checkAttached();
    this.#chunkBlocks = nextChunkBlocks(this.#chunkBlocks, this.#next, this.blocks);
    this.#next = Number(this.#words.add(HANDED_OUT, BigInt(this.#chunkBlocks)));
    this.#ours = this.#chunkBlocks;
  }
}

const ALWAYS = (): boolean => true;
