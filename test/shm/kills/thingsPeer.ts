/**
 * What is done with a lock, a barrier and a table of contents in things.test.ts, by a child that dies at some step of
 * it; and what those that live do meanwhile, and must find then. The first chunk is a word that says what the child is
 * in the middle of.
 */
import assert from 'node:assert/strict';
import type { Chunk, LockMode } from '../../../src/shm/index.js';
import { SharedBarrier, SharedLatch, SharedLock, TableOfContents } from '../../../src/shm/index.js';
import type { Seat } from '../support/company.js';
import { sit } from '../support/company.js';
import { countSteps, dieBefore } from './killPoints.js';

export const SURVIVED = 40;
/** For each attempt, in a segment: the word, a latch that is set before the first step, and the thing. */
export const PLACE_BYTES = 4096;
const LATCH = 64;
const THING = 128;

export interface Place {
  readonly word: Chunk;
  readonly latch: Chunk;
  readonly thing: Chunk;
}

export interface Deed {
  /** Steps that leave behind what another leaves: not tried. */
  readonly alike?: readonly number[];
  create(thing: Chunk): void;
  /** By the child. */
  act(place: Place): void;
  /** By one that lives: what it does while the child acts, and what it finds. Another of its process has the `other` chunk. */
  live(place: Place, other: Chunk, ended: Promise<unknown>): Promise<void>;
}

/** In a critical section, alone. */
const INSIDE = 1;

export function placeAt(chunk: (offsetBytes: number, sizeBytes: number) => Chunk, index: number): Place {
  const start = index * PLACE_BYTES;
  return {
    word: chunk(start, 4),
    latch: chunk(start + LATCH, SharedLatch.sizeFor()),
    thing: chunk(start + THING, PLACE_BYTES - THING),
  };
}

function lockDeed(mode: LockMode, isHeld: boolean): Deed {
  return {
    create: (thing) => void SharedLock.create(thing),
    act: ({ word, thing }) => {
      const held = SharedLock.attach(thing).acquireBlocking(mode);
      word.words.store(0, mode === 'exclusive' ? INSIDE : 0);
      word.words.store(0, 0);
      held.release();
    },
    live: async ({ word, latch, thing }, otherChunk, ended) => {
      const lock = SharedLock.attach(thing);
      const held = isHeld ? await lock.acquire() : undefined;
      await SharedLatch.attach(latch).wait();
      const other = SharedLock.attach(otherChunk);
      const waiting = [lock.acquire('shared'), other.acquire(), other.acquire('shared')];
      // Now it waits, is about to, or is dead; and so do we.
      held?.release();
      await Promise.all(waiting.map(async (one) => (await one).release()));
      await ended;
      const last = await lock.acquire();
      if (word.words.load(0) === INSIDE) assert.equal(last.ownerDied, true);
      if (mode === 'shared') assert.equal(last.ownerDied, false);
      last.release();
    },
  };
}

const barrierDeed: Deed = {
  create: (thing) => void SharedBarrier.create(thing, { maxParties: 3 }),
  act: ({ latch, thing }) => {
    const barrier = SharedBarrier.attach(thing);
    barrier.join();
    SharedLatch.attach(latch).set();
    barrier.arriveAndWaitBlocking();
    barrier.leave();
  },
  live: async ({ latch, thing }, otherChunk, ended) => {
    const barriers = [SharedBarrier.attach(thing), SharedBarrier.attach(otherChunk)] as const;
    for (const barrier of barriers) barrier.join();
    const ready = SharedLatch.attach(latch);
    await ready.wait();
    ready.reset();
    // It has joined, or never will.
    const controller = new AbortController();
    void ended.then(() => controller.abort());
    if (barriers[0].participants < 3) await ready.wait({ signal: controller.signal }).catch(() => {});
    await Promise.all(barriers.map((barrier) => barrier.arriveAndWait()));
    await ended;
    assert.equal(barriers[0].leave(), false);
    assert.equal(barriers[1].leave(), true);
    assert.equal(barriers[0].participants, 0);
  },
};

const contentsDeed: Deed = {
  // The words of the key, of which the first one and the last one are tried.
  alike: [7, 8, 9, 10, 11, 12],
  create: (thing) => void TableOfContents.create(thing),
  act: ({ thing }) => {
    const contents = TableOfContents.attach(thing);
    const chunk = contents.allocate(64);
    chunk.words.store(0, 7);
    contents.insert('key', chunk);
  },
  live: async ({ thing }, otherChunk, ended) => {
    await ended;
    const contents = TableOfContents.attach(thing);
    const isThere = contents.tryLookup('key') !== undefined;
    const chunk = contents.allocate(64);
    chunk.words.store(0, 7);
    if (isThere) assert.throws(() => contents.insert('key', chunk), { code: 'ERR_KEY_IN_CONTENTS' });
    else contents.insert('key', chunk);
    contents.insert('other', chunk);
    const other = TableOfContents.attach(otherChunk);
    for (const key of ['key', 'other']) assert.equal(other.lookup(key).words.load(0), 7);
  },
};

export const deeds: Readonly<Record<string, Deed>> = {
  'taking and releasing a lock': lockDeed('exclusive', false),
  'waiting for a lock': lockDeed('exclusive', true),
  'waiting to read under a lock': lockDeed('shared', true),
  'joining a barrier, arriving and leaving': barrierDeed,
  'putting something into a table of contents': contentsDeed,
};

export function act(seat: Seat): void {
  const { name, index, step } = seat.arg as { readonly name: string; readonly index: number; readonly step: number };
  const { segment } = sit(seat);
  const place = placeAt((offset, size) => segment.chunk(offset, size), index);
  SharedLatch.attach(place.latch).set();
  countSteps();
  dieBefore(step);
  deeds[name]?.act(place);
  dieBefore(Number.POSITIVE_INFINITY);
  process.exit(SURVIVED);
}
