/**
 * Nothing is left behind, whoever is killed: the guardian, the postmaster together with its guardian, or the
 * application that embeds a postmaster, be that busy or stopped.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { describe, test } from 'node:test';
import { isGone, until } from '../postmaster/processState.js';
import { launch } from './support/fixtures.js';
import { familyOf, guardianOf, kill } from './support/processes.js';
import type { Application } from './support/scene.js';
import { sceneOf } from './support/scene.js';

const GRACE_MS = 500;
/** Shells, on a machine that has other things to do. */
const GUARDIAN_MS = 2_000;
const PATIENCE_MS = 15_000;
/** Something hangs. */
const SUITE_MS = 180_000;
const TEMPERS = [{ name: 'busy' }, { name: 'family' }, { name: 'stubborn' }] as const;

describe('nothing is left behind', { concurrency: 3, timeout: SUITE_MS }, () => {
  test('a guardian that is killed is replaced, and the new one knows the workers', async (t) => {
    const scene = sceneOf(t);
    const client = await scene.postmaster({ postmasterDeathGraceMs: GRACE_MS, maxWorkerProcesses: 8 });
    const { postmasterPid, epoch } = client;
    await Promise.all(TEMPERS.map(({ name }) => launch(client, name)));
    const first = guardianOf(postmasterPid);
    kill(first);
    await until(() => isReplaced(guardianOf(postmasterPid), first), 'there is another guardian', PATIENCE_MS);
    scene.add(guardianOf(postmasterPid));
    assert.equal((await (await launch(client, 'echo', 1)).result()) as number, 1);
    kill(postmasterPid);
    await until(() => familyOf(epoch).length === 0, 'the new guardian ends the workers', PATIENCE_MS);
  });

  test('a postmaster killed with its guardian: the next start in the directory ends the strays first', async (t) => {
    const scene = sceneOf(t);
    const directory = scene.directory();
    const first = await scene.postmaster({ directory, postmasterDeathGraceMs: GRACE_MS, maxWorkerProcesses: 8 });
    const [, , stubborn] = await Promise.all(TEMPERS.map(({ name }) => launch(first, name)));
    // The three, and the two children of one of them.
    await until(() => familyOf(first.epoch).length === 5, 'all are there', PATIENCE_MS);
    // Stopped, it cannot make another guardian.
    kill(first.postmasterPid, 'SIGSTOP');
    kill(guardianOf(first.postmasterPid));
    kill(first.postmasterPid);
    assert.deepEqual(await stubborn?.waitForShutdown(), { status: 'postmasterDied' });
    assert(familyOf(first.epoch).length >= 4, 'busy, stubborn and a grandchild live on');
    const next = await scene.postmaster({ directory, maxWorkerProcesses: 8 });
    assert.deepEqual(familyOf(first.epoch), []);
    assert.notEqual(next.epoch, first.epoch);
    assert.equal((await (await launch(next, 'echo', 2)).result()) as number, 2);
  });

  for (const state of ['runs', 'is stopped', 'is busy with a flood'] as const) {
    test(`an application is killed while its postmaster ${state}: all is gone within the grace`, async (t) => {
      const scene = sceneOf(t);
      const application = await scene.application({
        settings: { postmasterDeathGraceMs: GRACE_MS, maxWorkerProcesses: 8 },
        workers: state === 'is busy with a flood' ? [...TEMPERS, { name: 'flood' }, { name: 'flood' }] : TEMPERS,
      });
      if (state === 'is stopped') kill(application.postmasterPid, 'SIGSTOP');
      await assertNothingLeft(t, application, () => kill(application.pid));
    });
  }

  test('what left its worker’s process group ends with the postmaster, however that ends', async (t) => {
    const scene = sceneOf(t);
    const application = await scene.application({ workers: [{ name: 'family' }] });
    const client = await scene.postmaster();
    await launch(client, 'family');
    await until(() => familyOf(client.epoch).length === 3, 'it has children', PATIENCE_MS);
    await client.close();
    assert.deepEqual(familyOf(client.epoch), []);
    await until(() => familyOf(application.epoch).length === 3, 'the other one as well', PATIENCE_MS);
    kill(application.pid);
    await until(() => familyOf(application.epoch).length === 0, 'all are gone', PATIENCE_MS);
  });

  test('a stopped worker does not outlive the application', async (t) => {
    const scene = sceneOf(t);
    const application = await scene.application({
      settings: { postmasterDeathGraceMs: GRACE_MS },
      workers: [{ name: 'idle' }, { name: 'idle' }],
    });
    for (const { pid } of application.workers) kill(pid, 'SIGSTOP');
    await assertNothingLeft(t, application, () => kill(application.pid));
  });
});

function isReplaced(guardian: number | undefined, former: number | undefined): boolean {
  return guardian !== undefined && guardian !== former && !isGone(guardian);
}

/** Postmaster, guardian, workers, descendants and the private directory. */
async function assertNothingLeft(t: TestContext, application: Application, act: () => void): Promise<void> {
  const { postmasterPid, epoch, directory } = application;
  const guardian = guardianOf(postmasterPid) ?? 0;
  const from = performance.now();
  act();
  await until(() => isGone(postmasterPid) && familyOf(epoch).length === 0, 'the processes are gone', PATIENCE_MS);
  const ms = performance.now() - from;
  await until(() => isGone(guardian) && !existsSync(directory), 'guardian and directory are gone', PATIENCE_MS);
  t.diagnostic(`all gone ${ms.toFixed(0)} ms after the kill, with a grace of ${GRACE_MS} ms`);
  assert(ms <= GRACE_MS + GUARDIAN_MS, `all were gone after ${ms} ms`);
}
