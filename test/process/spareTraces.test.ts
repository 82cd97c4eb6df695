/**
 * What a worker can see of its process's life before its job, compared with docs/spares.md: the page lists all of it,
 * and nothing that is not so. Two cold starts are compared first, since what differs there says nothing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../src/index.js';
import { firstCells, readPage } from '../readme/pages.js';
import { fixtureUrl } from './support/fixtures.js';
import { untilAsked } from './support/patience.js';
import { sceneOf } from './support/scene.js';

type Facts = Readonly<Record<string, unknown>>;

test('a worker on a spare sees what one with a process of its own sees, but for what docs/spares.md lists', async (t) => {
  const scene = sceneOf(t);
  const client = await scene.postmaster({ spareWorkers: 1 });
  await untilAsked(async () => (await client.spares()).idle === 1, 'a spare is idle');
  // Old enough that no clock is too coarse to show it.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const spare = await factsOf(client, 'spare');
  await client.reload({ spareWorkers: 0 });
  const [one, other] = [await undisturbed(client), await undisturbed(client)];
  assert.deepEqual(differences(one, other), []);
  const listed = firstCells(readPage('docs/spares.md'), '## What remains visible').map((cell) =>
    cell.replaceAll('`', ''),
  );
  assert.deepEqual(differences(one, spare).sort(), [...listed].sort());
  assert.ok(Object.keys(one).length > 40);
});

/**
 * A cold start whose module has not loaded after 20 ms begins to hear its postmaster meanwhile (entryPoint.ts), which loads
 * node:net and opens a stream. Such a worker, seen on a busy machine, has what a spare has and is no measure of one.
 */
async function undisturbed(client: Client): Promise<Facts> {
  for (;;) {
    const facts = await factsOf(client, 'cold');
    if (facts['has loaded node:net'] === false) return facts;
  }
}

async function factsOf(client: Client, from: 'spare' | 'cold'): Promise<Facts> {
  const handle = await client
    .module<{ facts: (ctx: never, arg: { askedAt: number }) => Facts }>(fixtureUrl('spares/facts.mjs'))
    .register('facts', { askedAt: Date.now() }, { cwd: '/', nice: 3, env: { FACT: '1', TZ: 'Asia/Tokyo' } });
  const facts = await handle.result();
  assert.equal(handle.startedFrom?.kind, from);
  return facts;
}

function differences(one: Facts, other: Facts): string[] {
  return Object.keys(one).filter(
    (name) => name !== 'has loaded node:net' && JSON.stringify(one[name]) !== JSON.stringify(other[name]),
  );
}
