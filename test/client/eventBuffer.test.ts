/**
 * The queue between who is told and who reads: nothing is lost in silence, and nothing grows.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventBuffer } from '../../src/client/eventBuffer.js';
import type { WorkerEvent } from '../../src/client/workerState.js';
import { describePostmasterDeath } from '../../src/client/workerState.js';

function event(handle: string, attempts: number): WorkerEvent {
  return { ...describePostmasterDeath(handle, null), attempts };
}

function buffer(signal?: AbortSignal) {
  const counts = { held: 0, closed: 0 };
  const made = new EventBuffer({
    signal,
    hold: () => {
      counts.held += 1;
      return () => {
        counts.held -= 1;
      };
    },
    onClose: () => {
      counts.closed += 1;
    },
  });
  return { made, counts };
}

test('events are read in order, those that were there first and those that come', async () => {
  const { made, counts } = buffer();
  made.push(event('a', 1));
  assert.equal((await made.next()).value?.attempts, 1);
  const reads = [made.next(), made.next()];
  assert.equal(counts.held, 1);
  made.push(event('a', 2));
  assert.equal(counts.held, 1);
  made.push(event('a', 3));
  assert.equal(counts.held, 0);
  assert.deepEqual(
    (await Promise.all(reads)).map(({ value }) => value?.attempts),
    [2, 3],
  );
});

test('what is buffered is read before the end', async () => {
  const { made, counts } = buffer();
  made.push(event('a', 1));
  made.end();
  made.push(event('a', 2));
  assert.equal((await made.next()).value?.attempts, 1);
  assert.equal((await made.next()).done, true);
  assert.equal((await made.next()).done, true);
  assert.equal(counts.closed, 1);
});

test('a failure is thrown once, behind what is buffered', async () => {
  const { made } = buffer();
  made.push(event('a', 1));
  made.fail(new Error('broken'));
  assert.equal((await made.next()).value?.attempts, 1);
  await assert.rejects(made.next(), /broken/);
  assert.equal((await made.next()).done, true);
});

test('every reader is told of the end', async () => {
  const { made, counts } = buffer();
  const reads = [made.next(), made.next()];
  await made.return();
  assert.deepEqual(
    (await Promise.all(reads)).map(({ done }) => done),
    [true, true],
  );
  assert.deepEqual(counts, { held: 0, closed: 1 });
});

test('a signal ends it, before, during and after a read, and leaves no listener', async () => {
  const aborted = buffer(AbortSignal.abort(new Error('enough')));
  await assert.rejects(aborted.made.next(), /enough/);
  const controller = new AbortController();
  const { made, counts } = buffer(controller.signal);
  const reading = made.next();
  controller.abort(new Error('enough'));
  await assert.rejects(reading, /enough/);
  assert.deepEqual(counts, { held: 0, closed: 1 });
});

test('a full buffer gives up older events, first those of the same worker, and counts them', async () => {
  const { made } = buffer();
  made.push(event('quiet', 1));
  for (let attempts = 1; attempts <= 5_000; attempts += 1) made.push(event('busy', attempts));
  made.end();
  const seen: WorkerEvent[] = [];
  for await (const read of made) seen.push(read);
  assert.equal(seen.length, 1_024);
  assert.equal(seen[0]?.handle, 'quiet');
  assert.equal(seen.at(-1)?.attempts, 5_000);
  const missed = seen.reduce((sum, { missed: count }) => sum + count, 0);
  assert.equal(seen.length + missed, 5_001);
});

test('when every event is of another worker the oldest goes', async () => {
  const { made } = buffer();
  for (let number = 1; number <= 1_100; number += 1) made.push(event(`worker${number}`, number));
  made.end();
  const seen: WorkerEvent[] = [];
  for await (const read of made) seen.push(read);
  assert.equal(seen.length + seen.reduce((sum, { missed }) => sum + missed, 0), 1_100);
  assert.equal(seen.at(-1)?.attempts, 1_100);
});
