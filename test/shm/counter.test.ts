/** Counters in shared memory: every number is there once, whoever asks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkCounterOptions } from '../../src/shm/index.js';
import { AtomicCounter, WorkCounter } from '../../src/shm/index.js';
import { Company } from './support/company.js';
import type { Table } from './support/table.js';
import { put, setTable } from './support/table.js';

const peer = new URL('./contentsPeer.js', import.meta.url).href;

function putWork(table: Table, options: WorkCounterOptions): WorkCounter {
  return put(table, 'work', WorkCounter.sizeFor(), (chunk) => WorkCounter.create(chunk, options));
}

function putCounter(table: Table, value?: number): AtomicCounter {
  return put(table, 'counter', AtomicCounter.sizeFor(), (chunk) => AtomicCounter.create(chunk, value));
}

test('a counter holds integers beyond 32 bits, and nothing that is no exact integer', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const counter = putCounter(table, 2 ** 40);
  assert.equal(counter.add(-1), 2 ** 40);
  assert.equal(counter.load(), 2 ** 40 - 1);
  assert.equal(counter.compareExchange(0, 7), 2 ** 40 - 1);
  assert.equal(counter.compareExchange(2 ** 40 - 1, -7), 2 ** 40 - 1);
  assert.equal(AtomicCounter.attach(table.contents.lookup('counter')).load(), -7);
  counter.store(0);
  for (const value of [0.5, Number.NaN, 2 ** 53]) {
    assert.throws(() => counter.add(value), { code: 'ERR_INVALID_ARGUMENT' });
    assert.throws(() => counter.store(value), { code: 'ERR_INVALID_ARGUMENT' });
  }
  assert.equal(counter.load(), 0);
  assert.throws(() => WorkCounter.attach(table.contents.lookup('counter')), { code: 'ERR_WRONG_MEMORY' });
  table.segment.detach();
  assert.throws(() => counter.load(), { code: 'ERR_SEGMENT_DETACHED' });
});

test('F-79: a range is handed out piece by piece to three processes, each item once, also to one that comes late', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const items = 20_001;
  const counter = putCounter(table);
  const work = putWork(table, { items, pieceItems: 7 });
  const children = [1, 2].map(() => company.child(peer, 'work', table.segment));
  const pieces = await Promise.all(children.map(({ result }) => result as Promise<[number, number][]>));
  const late = company.child(peer, 'work', table.segment);
  const all = [...pieces, (await late.result) as [number, number][]].flat().sort(([one], [other]) => one - other);
  let end = 0;
  for (const [begin, next] of all) {
    assert.equal(begin, end);
    end = next;
  }
  assert.equal(end, items);
  assert.equal(counter.load(), items);
  assert.equal(work.remaining, 0);
  assert.equal(work.next(), null);
});

test('pieces for a number of workers become smaller, down to the smallest; a range may go up to 2^53', async () => {
  await using company = new Company();
  const table = await setTable(company);
  const work = putWork(table, { items: 100, pieceItems: 5, workers: 2 });
  const sizes: number[] = [];
  for (let piece = work.next(); piece !== null; piece = work.next()) sizes.push(piece.end - piece.begin);
  assert.deepEqual(sizes, [25, 19, 14, 11, 8, 6, 5, 5, 5, 2]);
  const huge = put(table, 'huge', WorkCounter.sizeFor(), (chunk) =>
    WorkCounter.create(chunk, { items: Number.MAX_SAFE_INTEGER, pieceItems: 2 ** 52 }),
  );
  assert.deepEqual(huge.next(), { begin: 0, end: 2 ** 52 });
  assert.deepEqual(huge.next(), { begin: 2 ** 52, end: Number.MAX_SAFE_INTEGER });
  assert.equal(huge.next(), null);
  for (const options of [{ items: -1 }, { items: 1.5 }, { items: 1, pieceItems: 0 }]) {
    assert.throws(() => putWork(table, options), { code: 'ERR_INVALID_ARGUMENT' });
  }
});
