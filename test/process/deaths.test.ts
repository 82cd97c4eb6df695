/**
 * A postmaster that is killed, at any point of what it does: everybody who waits is told at once, and every worker with
 * all it started is gone within the grace, busy and stopped ones too.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { describe, test } from 'node:test';
import type { BackgroundWorkerHandle, Client, RegisterOptions } from '../../src/index.js';
import { isGone, stateOf, until } from '../postmaster/processState.js';
import { fixtureUrl, launch, register } from './support/fixtures.js';
import { untilPhase } from './support/patience.js';
import { familyOf, kill } from './support/processes.js';
import type { Scene } from './support/scene.js';
import { sceneOf } from './support/scene.js';
import { askEverything, waitForEverything, whatIsWrong } from './support/waits.js';

/** What is promised. */
const ANSWER_MS = 100;
const GRACE_MS = 500;
/** For whatever else this machine is doing: everybody is told by then, or something hangs. */
const PATIENCE_MS = 10_000;
/** A guardian is a shell, which has to start other programs to look around. */
const GUARDIAN_MS = 1_500;
const TRIES = 3;
/** Something hangs. */
const SUITE_MS = 180_000;
const HOUR_MS = 3_600_000;

interface Point {
  readonly name: string;
  /** Brings the postmaster to the point, and gives the workers it is about. */
  readonly reach: (client: Client) => Promise<readonly BackgroundWorkerHandle[]>;
  /** So much happens that some of it is on its way when the postmaster dies. */
  readonly burst?: boolean;
}

const points: readonly Point[] = [
  { name: 'right behind a registration', reach: async (client) => [await register(client, 'idle')] },
  {
    name: 'when a worker was forked',
    reach: async (client) => {
      const handle = await register(client, 'idle');
      await handle.waitForStartup({ until: 'forked' });
      return [handle];
    },
  },
  {
    name: 'while a worker loads',
    reach: async (client) => {
      const handle = await client.module(fixtureUrl('loadsForever.mjs')).register('default');
      await untilPhase(handle, 'loading');
      return [handle];
    },
  },
  {
    name: 'while workers run',
    reach: async (client) => [await launchReady(client, 'idle'), await launch(client, 'family')],
  },
  {
    name: 'while workers are being stopped',
    reach: async (client) => {
      const handle = await launchReady(client, 'stubborn', { terminateTimeoutMs: HOUR_MS });
      await handle.terminate();
      return [handle];
    },
  },
  {
    name: 'while a worker waits to be restarted',
    reach: async (client) => {
      const handle = await register(client, 'end', { code: 1 }, { restart: 'onFailure', restartTimeMs: HOUR_MS });
      await handle.waitForShutdown({ until: 'nextDeath' });
      return [handle];
    },
  },
  {
    name: 'in a burst of starts and deaths',
    burst: true,
    reach: async (client) => {
      const workers = Array.from({ length: 6 }, (_, at) => register(client, at % 2 === 0 ? 'echo' : 'idle'));
      const handles = await Promise.all(workers);
      await Promise.race(handles.map((handle) => handle.waitForStartup()));
      return handles;
    },
  },
  {
    name: 'during a shutdown',
    reach: async (client) => {
      const handle = await launchReady(client, 'stubborn', { terminateTimeoutMs: HOUR_MS });
      void client.shutdown('fast').catch(() => {});
      await until(() => client.closed !== null || handle.status === 'started', 'it is asked to stop');
      return [handle];
    },
  },
];

describe('a postmaster that is killed', { concurrency: 3, timeout: SUITE_MS }, () => {
  for (const point of points) {
    test(`${point.name}: every wait of every client says postmasterDied, and nothing survives it`, async (t) => {
      const times: number[] = [];
      while (times.length < TRIES && !times.some((ms) => ms <= ANSWER_MS)) times.push(await killAt(sceneOf(t), point));
      t.diagnostic(`killed ${point.name}: all answered after ${times.map((ms) => ms.toFixed(1)).join(', ')} ms`);
      assert(Math.min(...times) <= ANSWER_MS, `all were answered after ${times.join(', ')} ms at best`);
    });
  }

  test('busy and stopped workers, and a grandchild in a session of its own, are gone within the grace', async (t) => {
    const scene = sceneOf(t);
    const client = await scene.postmaster({ postmasterDeathGraceMs: GRACE_MS, maxWorkerProcesses: 8 });
    const [, , stopped] = await Promise.all(['busy', 'family', 'idle', 'stubborn'].map((name) => launch(client, name)));
    kill(stopped?.pid, 'SIGSTOP');
    // Four workers and the two children of one of them.
    await until(() => familyOf(client.epoch).length === 6, 'all are there');
    await assertGoneWithinGrace(t, client, () => kill(client.postmasterPid));
  });

  test('a worker that heeds its signal may finish within the grace', async (t) => {
    const scene = sceneOf(t);
    const client = await scene.postmaster({ postmasterDeathGraceMs: 60_000 });
    const handle = await launch(client, 'idle');
    kill(client.postmasterPid);
    await until(() => isGone(handle.pid ?? 0), 'it has ended by itself, long before its grace was over', PATIENCE_MS);
  });
});

/** One whose readiness has been told: what is under way when the postmaster is killed is told as well, and is no fault. */
async function launchReady(
  client: Client,
  name: string,
  options: RegisterOptions = {},
): Promise<BackgroundWorkerHandle> {
  const handle = await launch(client, name, undefined, options);
  await handle.waitForStartup({ until: 'ready' });
  return handle;
}

/** Milliseconds from the kill to the last answer. */
async function killAt(scene: Scene, point: Point): Promise<number> {
  const own = await scene.postmaster({ postmasterDeathGraceMs: GRACE_MS, maxWorkerProcesses: 32 });
  const others = [await scene.client(own.directory), await scene.client(own.directory)];
  const handles = await point.reach(own);
  const everybody = await Promise.all(
    [own, ...others].map(async (client) => ({
      client,
      // Another's handles, got by their text; and the registrant's own.
      handles: client === own ? handles : await Promise.all(handles.map(({ id }) => client.handle(id))),
    })),
  );
  // Their waits stand, and then they ask what nobody answers any more.
  const waits = everybody.flatMap(({ client, handles }) => waitForEverything(client, handles));
  process.kill(own.postmasterPid, 'SIGSTOP');
  await until(() => stateOf(own.postmasterPid) === 'T', 'it says nothing more');
  // What it had said is read, and answered, by then: the first of them may come without a look at the sockets.
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
  waits.push(...everybody.flatMap(({ client, handles }) => askEverything(client, handles)));
  const killedAt = performance.now();
  process.kill(own.postmasterPid, 'SIGKILL');
  await until(
    () => waits.every(({ ended }) => ended !== undefined),
    `all of ${waits.length} waits have ended`,
    PATIENCE_MS,
  );
  const answeredLater = waits.filter(({ ended }) => (ended?.at ?? 0) >= killedAt);
  const wrong = answeredLater.map((wait) => whatIsWrong(wait, point.burst)).filter((text) => text !== undefined);
  assert.deepEqual(wrong, []);
  assert(answeredLater.length >= 5 * everybody.length, `only ${answeredLater.length} waits were standing`);
  await until(() => familyOf(own.epoch).length === 0, 'its workers are gone', GRACE_MS + GUARDIAN_MS + PATIENCE_MS);
  return Math.max(...answeredLater.map(({ ended }) => ended?.at ?? 0)) - killedAt;
}

async function assertGoneWithinGrace(t: TestContext, { epoch }: Client, act: () => void): Promise<void> {
  const from = performance.now();
  act();
  await until(() => familyOf(epoch).length === 0, 'all are gone', PATIENCE_MS);
  const ms = performance.now() - from;
  t.diagnostic(`all gone ${ms.toFixed(0)} ms after the kill, with a grace of ${GRACE_MS} ms`);
  assert(ms <= GRACE_MS + GUARDIAN_MS, `all were gone after ${ms} ms`);
}
