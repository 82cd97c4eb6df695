/**
 * PostgreSQL's parallel block scan, rule by rule (R-BS), and that every block is given out once, however many take part,
 * however fast each is and whenever it comes. The participants are objects of one process over one piece of memory.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { BlockScanOptions } from '../../src/parallel/blockScan.js';
import { BlockScan, blockAt, chunkBlocks, nextChunkBlocks } from '../../src/parallel/blockScan.js';
import { AtomicCounter } from '../../src/shm/index.js';
import { Company } from '../shm/support/company.js';

const company = new Company();
const segment = await company.segment(company.member(), 4_096);
const chunk = segment.chunk(0, BlockScan.sizeFor());

after(async () => {
  if (segment.isAttached) segment.detach();
  await company[Symbol.asyncDispose]();
});

function participants(count: number, options: BlockScanOptions): BlockScan[] {
  const first = BlockScan.create(chunk, options);
  return [first, ...Array.from({ length: count - 1 }, () => BlockScan.attach(chunk))];
}

test('R-BS-1, R-BS-9: a chunk is a 2048th of the range, up to the next power of 2, from 1 to 8192 blocks', () => {
  for (const [blocks, size] of [
    [0, 1],
    [1_000, 1],
    [2_048, 1],
    [4_096, 2],
    [6_143, 2],
    [6_144, 4],
    [100_000, 64],
    [1_000_000, 512],
    [8_390_655, 4_096],
    [8_390_656, 8_192],
    [2 ** 53 - 1, 8_192],
  ] as const) {
    assert.equal(chunkBlocks(blocks), size, `${blocks} blocks`);
  }
});

test('R-BS-2, R-BS-9: with 64 chunks left the next one is half as large, down to 1', () => {
  const [scan] = participants(1, { blocks: 100_000 }) as [BlockScan];
  const begins = new Map<number, number>();
  for (const { begin, end } of scan.ranges()) if (!begins.has(end - begin)) begins.set(end - begin, begin);
  assert.deepEqual([...begins.keys()], [64, 32, 16, 8, 4, 2, 1]);
  const firstSmaller = begins.get(32) ?? 0;
  assert.ok(firstSmaller > 95_904 && firstSmaller <= 95_904 + 64, `at ${firstSmaller}`);
  assert.equal(nextChunkBlocks(1, 99_999, 100_000), 1);
  assert.equal(nextChunkBlocks(64, 95_905, 100_000), 64);
  assert.equal(nextChunkBlocks(64, 95_906, 100_000), 32);
});

test('R-BS-3, R-BS-8: a scan begins at its start block, and goes on at block 0', () => {
  const blocks = 10_000;
  const [scan] = participants(1, { blocks, startBlock: 9_998 }) as [BlockScan];
  assert.deepEqual([...scan], [9_998, 9_999, ...Array(9_998).keys()]);
  // Also where the sum is no exact number any more.
  assert.equal(blockAt(2 ** 53 - 2, 2 ** 53 - 3, 2 ** 53 - 1), 2 ** 53 - 4);
});

test('a range is the rest of a chunk, and is given as two where it goes on at block 0', () => {
  const [scan, other] = participants(2, { blocks: 100_000, startBlock: 99_990 }) as [BlockScan, BlockScan];
  assert.deepEqual(scan.nextRange(), { begin: 99_990, end: 100_000 });
  assert.deepEqual(scan.nextRange(), { begin: 0, end: 54 });
  assert.equal(other.next(), 54);
  assert.equal(other.next(), 55);
  assert.deepEqual(scan.nextRange(), { begin: 118, end: 182 });
  assert.deepEqual(other.nextRange(), { begin: 56, end: 118 });
  assert.equal(scan.allocated, 64 * 3);
});

test('R-BS-4: there are no more is told as often as one asks, and the counter goes beyond the end once for each', () => {
  const all = participants(3, { blocks: 5 });
  assert.deepEqual(
    all.map((scan) => [...scan]),
    [[0, 1, 2, 3, 4], [], []],
  );
  const counter = segment.chunk().longWords;
  const before = counter.load(1);
  for (let time = 0; time < 100; time++)
    for (const scan of all) assert.deepEqual([scan.next(), scan.nextRange()], [null, null]);
  assert.equal(counter.load(1), before);
  assert.ok(before <= 5n + 3n);
  assert.equal(all[0]?.allocated, 5);
});

test('R-BS-5, R-BS-6: who is told that there are no more may be early, and what one has taken no other is given', () => {
  const [slow, fast] = participants(2, { blocks: 10_000 }) as [BlockScan, BlockScan];
  assert.equal(slow.next(), 0);
  assert.deepEqual(
    [...fast],
    Array.from({ length: 10_000 - 4 }, (_, index) => index + 4),
  );
  assert.equal(slow.allocated, 10_000);
  assert.deepEqual([...slow], [1, 2, 3]);
});

test('R-BS-7: each participant takes smaller chunks by where its own last one lay', () => {
  const [late, early] = participants(2, { blocks: 100_000 }) as [BlockScan, BlockScan];
  assert.deepEqual(late.nextRange(), { begin: 0, end: 64 });
  while (early.allocated < 98_000) early.nextRange();
  const range = late.nextRange();
  assert.equal((range?.end ?? 0) - (range?.begin ?? 0), 64, 'its last one lay at the beginning');
});

test('R-BS-8: a restart gives out every block again, from the same start block', () => {
  const [scan] = participants(1, { blocks: 1_000, startBlock: 10 }) as [BlockScan];
  for (let time = 0; time < 2; time++) {
    assert.equal(scan.allocated, 0);
    const blocks = [...scan];
    assert.equal(blocks[0], 10);
    assert.equal(new Set([...blocks, ...BlockScan.attach(chunk)]).size, 1_000);
    scan.restart();
  }
});

test('F-79: any number of participants, any speeds, any of them late: every block is given out once', () => {
  const turn = fc.record({ who: fc.nat(5), blocks: fc.nat(400), isRange: fc.boolean() });
  const sizes = fc.oneof(fc.nat(300), fc.integer({ min: 2_000, max: 40_000 }));
  fc.assert(
    fc.property(sizes, fc.nat(), fc.array(turn, { maxLength: 80 }), (blocks, start, turns) => {
      const startBlock = blocks === 0 ? 0 : start % blocks;
      const scans: (BlockScan | undefined)[] = [BlockScan.create(chunk, { blocks, startBlock })];
      const times = new Uint8Array(blocks);
      const take = (who: number, most: number, isRange: boolean): void => {
        // One that has not come before comes now.
        scans[who] ??= BlockScan.attach(chunk);
        const scan = scans[who];
        for (let taken = 0; taken < most; ) {
          const block = isRange ? null : scan.next();
          const range = block === null ? scan.nextRange() : { begin: block, end: block + 1 };
          if (range === null) return;
          for (let at = range.begin; at < range.end; at++) times[at] = (times[at] ?? 0) + 1;
          taken += range.end - range.begin;
        }
      };
      for (const { who, blocks: most, isRange } of turns) take(who, most, isRange);
      for (const who of [...scans.keys(), 6]) take(who, Number.POSITIVE_INFINITY, who % 2 === 0);
      assert.ok(times.every((count) => count === 1));
    }),
    { numRuns: 150 },
  );
});

test('a range of 2⁵³ blocks has no end that one could run over', () => {
  const blocks = 2 ** 53 - 1;
  const [scan, other] = participants(2, { blocks, startBlock: blocks - 1 }) as [BlockScan, BlockScan];
  segment.chunk().longWords.store(1, BigInt(blocks - 2));
  assert.deepEqual([...scan.ranges()], [{ begin: blocks - 3, end: blocks - 1 }]);
  assert.deepEqual([...other], []);
  assert.equal(scan.allocated, blocks);
});

test('what cannot be scanned is refused, and so is memory in which there is no scan', () => {
  for (const options of [{ blocks: -1 }, { blocks: 1.5 }, { blocks: 2 ** 53 }, { blocks: 5, startBlock: 5 }]) {
    assert.throws(() => BlockScan.create(chunk, options), { code: 'ERR_INVALID_ARGUMENT' });
  }
  AtomicCounter.create(chunk);
  assert.throws(() => BlockScan.attach(chunk), { code: 'ERR_WRONG_MEMORY' });
  BlockScan.create(chunk, { blocks: 5 });
  chunk.longWords.store(2, -5n);
  assert.throws(() => BlockScan.attach(chunk), { code: 'ERR_WRONG_MEMORY' });
  const scan = BlockScan.create(chunk, { blocks: 5 });
  segment.detach();
  assert.throws(() => scan.next(), { code: 'ERR_SEGMENT_DETACHED' });
});
