/**
 * A process that has said its last word has to end: one that does not is killed, and what it said counts. An exit
 * listener of the worker's own can keep it, and Node itself has been seen not to come out of process.exit().
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixtureUrl } from './support/fixtures.js';
import { sceneOf } from './support/scene.js';

test('a worker that has returned and does not end is killed after five seconds, and its result is there', async (t) => {
  const client = await sceneOf(t).postmaster();
  const handle = await client.module(fixtureUrl('neverEnds.mjs')).register('answer', undefined, {
    restart: 'onFailure',
    terminateTimeoutMs: 0,
  });
  assert.equal(await handle.result(), 42);
  const end = await handle.waitForShutdown();
  assert(end.status === 'stopped');
  assert.deepEqual([end.reason.kind, end.reason.signal, end.willRestart], ['returned', 'SIGKILL', false]);
});
