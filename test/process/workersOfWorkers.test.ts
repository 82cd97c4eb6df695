/**
 * A worker is a backend too: it registers workers, waits for them, and is told what becomes of them. PostgreSQL's
 * workers without a database connection ignore the signal by which they would be told (R-WK-2); here nobody does.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Client } from '../../src/index.js';
import { startPostmaster } from '../../src/index.js';
import { fixtureUrl } from './support/fixtures.js';

let client: Client;
before(async () => {
  client = await startPostmaster({ maxWorkerProcesses: 4 });
});
after(() => client.close());

const parents = () => client.module(fixtureUrl('parents.mjs'));

test('a worker that registers a worker is told of its start and its end', async () => {
  assert.deepEqual(await parents().run('told'), ['started', true, 'returned', 'grown up']);
});

test('a worker of a worker takes a slot of the same postmaster, and gives it back', async () => {
  assert.deepEqual(await parents().run('everyday'), ['grown up', 'function']);
  assert.deepEqual(await client.activity(), []);
});
