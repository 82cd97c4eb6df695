/** The table of contents: PostgreSQL's rules, and several processes that put things in at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Segment } from '../../src/shm/index.js';
import { ContentsEstimator, TableOfContents } from '../../src/shm/index.js';
import { Company } from './support/company.js';

const peer = new URL('./contentsPeer.js', import.meta.url).href;

async function makeContents(
  company: Company,
  sizeBytes: number,
): Promise<{ readonly segment: Segment; readonly contents: TableOfContents }> {
  const segment = await company.segment(company.member(), sizeBytes);
  return { segment, contents: TableOfContents.create(segment.chunk()) };
}

test('R-TOC-1, R-TOC-2: parts come from the end, each at a multiple of 64, and are found under their keys by another', async () => {
  await using company = new Company();
  const { segment, contents } = await makeContents(company, 4096);
  const keys = [0, 1, 2 ** 32 - 1, '1', 'a', 'ä'.repeat(15), 'x'.repeat(31)];
  let end = 4096;
  for (const [index, key] of keys.entries()) {
    const chunk = contents.allocate(index);
    assert.equal(chunk.sizeBytes, index);
    end -= index === 0 ? 0 : 64;
    assert.equal(chunk.offsetBytes, end);
    contents.insert(key, chunk);
  }
  const found = TableOfContents.attach(company.share(segment, company.member()).chunk());
  for (const [index, key] of keys.entries()) assert.equal(found.lookup(key).sizeBytes, index);
  assert.equal(found.freeBytes, 4096 - 64 * (1 + keys.length) - 64 * (keys.length - 1));
  assert.equal(found.tryLookup(2), undefined);
  assert.throws(() => found.lookup('b'), { code: 'ERR_NOT_IN_CONTENTS' });
  assert.throws(() => TableOfContents.attach(segment.chunk(64)), { code: 'ERR_WRONG_MEMORY' });
});

test('R-TOC-3: other than in PostgreSQL a key is put in once, and what is no key is refused', async () => {
  await using company = new Company();
  const { contents } = await makeContents(company, 4096);
  const chunk = contents.allocate(1);
  contents.insert('key', chunk);
  const { freeBytes } = contents;
  assert.throws(() => contents.insert('key', contents.lookup('key')), { code: 'ERR_KEY_IN_CONTENTS' });
  for (const key of ['', 'x'.repeat(32), 'ä'.repeat(16), -1, 0.5, 2 ** 32]) {
    assert.throws(() => contents.insert(key, chunk), { code: 'ERR_INVALID_ARGUMENT' });
    assert.throws(() => contents.tryLookup(key), { code: 'ERR_INVALID_ARGUMENT' });
  }
  const other = await makeContents(company, 128);
  assert.throws(() => other.contents.insert('key', chunk), { code: 'ERR_OUT_OF_SEGMENT' });
  assert.equal(contents.freeBytes, freeBytes);
});

test('R-TOC-2, R-TOC-4: what was estimated fits exactly, and one more byte or key does not', async () => {
  await using company = new Company();
  const estimator = new ContentsEstimator().addKeys(2).addChunk(1).addChunk(200);
  assert.equal(estimator.sizeBytes, 64 * (1 + 2) + 64 + 256);
  const { contents } = await makeContents(company, estimator.sizeBytes);
  for (const [key, sizeBytes] of [1, 200].entries()) contents.insert(key, contents.allocate(sizeBytes));
  assert.equal(contents.freeBytes, 0);
  assert.equal(contents.allocate(0).sizeBytes, 0);
  assert.throws(() => contents.allocate(1), { code: 'ERR_CONTENTS_FULL' });
  assert.throws(() => contents.insert(2, contents.lookup(1)), { code: 'ERR_CONTENTS_FULL' });
  assert.throws(() => contents.allocate(-1), { code: 'ERR_INVALID_ARGUMENT' });
});

test('three processes put in the same keys at once: each key is there once, as one of them has put it in', async () => {
  await using company = new Company();
  const count = 300;
  const { segment, contents } = await makeContents(company, 256 * 1024);
  const children = [1, 2, 3].map(() => company.child(peer, 'insertAll', segment, count));
  const owners = new Map<string, number>();
  for (const { result, number } of children) {
    for (const [key, offsetBytes] of (await result) as [string, number][]) {
      assert.equal(owners.has(key), false, `${key} is there twice`);
      owners.set(key, number);
      const found = contents.lookup(key);
      assert.deepEqual([found.offsetBytes, found.words.load(0)], [offsetBytes, number]);
    }
  }
  assert.equal(owners.size, count);
});
