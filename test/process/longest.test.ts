/** The longest that clients and workers may say: nobody but them notices, and least of all the postmaster. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { BgworkerError } from '../../src/index.js';
import { fixtureUrl, launch, register } from './support/fixtures.js';
import { PATIENCE_MS } from './support/patience.js';
import { sceneOf } from './support/scene.js';

const MEGABYTE = 1024 * 1024;
/** Something hangs. */
const SUITE_MS = 180_000;

describe('the longest', { concurrency: 2, timeout: SUITE_MS }, () => {
  test('result, and then the longest error: the worker is told of, and the postmaster serves on', async (t) => {
    const scene = sceneOf(t);
    const client = await scene.postmaster();
    const options = { restart: 'always', restartTimeMs: 0, restartIntensity: null } as const;
    const file = join(scene.directory(), 'returned');
    const handle = await register(client, 'largestThenLongest', file, options);
    const signal = AbortSignal.timeout(PATIENCE_MS);
    let death = await handle.waitForShutdown({ until: 'nextDeath', signal });
    if (death.status === 'stopped' && death.reason.kind === 'returned') {
      death = await handle.waitForShutdown({ until: 'nextDeath', signal });
    }
    assert(death.status === 'stopped', death.status);
    assert.equal(death.reason.kind, 'threw');
    await assert.rejects(handle.result({ signal }), { code: 'ERR_RESULT_TOO_LARGE' });
    await handle.terminate();
    await launch(client, 'idle', undefined, { signal });
  });

  test('registration: it is refused before it leaves, or its worker runs', async (t) => {
    const scene = sceneOf(t);
    const client = await scene.postmaster({ maxWorkerProcesses: 4 });
    const other = await scene.client(client.directory);
    const arg = Buffer.alloc(MEGABYTE - 200);
    // The last of these that is taken is a few bytes under the limit, and the job is longer than the registration.
    let taken = 0;
    let refused: unknown;
    for (let low = 200_000, high = 262_144; high - low > 2; ) {
      const size = Math.floor((low + high) / 2);
      const third = Math.floor(size / 3);
      const env = { A: 'x'.repeat(third), B: 'x'.repeat(third), C: 'x'.repeat(size - 2 * third) };
      try {
        const handle = await client.module(fixtureUrl('workers.mjs')).register('echo', arg, { env });
        const end = await handle.waitForShutdown({ signal: AbortSignal.timeout(PATIENCE_MS) });
        assert.equal(end.status === 'stopped' && end.reason.kind, 'returned');
        [taken, low] = [taken + 1, size];
      } catch (error) {
        if (!(error instanceof BgworkerError)) throw error;
        [refused, high] = [error, size];
      }
    }
    assert(taken > 0);
    assert(refused instanceof BgworkerError && refused.code === 'ERR_FRAME_TOO_LONG', String(refused));
    assert.match(refused.detail ?? '', /^register /);
    assert.equal(client.closed, null);
    await launch(other, 'idle', undefined, { signal: AbortSignal.timeout(PATIENCE_MS) });
  });
});
