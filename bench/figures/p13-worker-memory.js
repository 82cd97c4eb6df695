/**
 * P13: how much memory a worker takes beyond what Node itself does: its private memory over that of a bare Node of the
 * same version. Both do nothing but hold a timer, and both have come to rest.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { check, pause, sparesAreIdle, withPostmaster } from '../postmaster.js';
import { memoryOf } from '../processes.js';
import { idle } from '../programs/workers.js';
import { program } from '../rivals.js';
import { inTurn } from '../rounds.js';

const SETTLE_MS = 1_500;

/** @type {import('../figure.js').Figure} */
export default {
  id: 'P13',
  title: "a worker's private memory over a bare node",
  rounds: 7,
  measure: ({ rounds }) =>
    withPostmaster({ spareWorkers: 0 }, (cold) =>
      withPostmaster({ spareWorkers: 1 }, async (warm) => {
        const measured = await inTurn(rounds, 'MiB', {
          'cold worker': () => workerMemory(cold, 'cold'),
          'worker of a spare': () => spareMemory(warm),
          'bare node': nodeMemory,
        });
        const bare = measured.median('bare node');
        const workers = measured.sides().filter(({ name }) => name !== 'bare node');
        const value = Math.max(...workers.map(({ median }) => median)) - bare;
        return {
          value,
          unit: 'MiB',
          ratios: { 'bare node': (value + bare) / bare },
          goals: workers.map(({ name, median }) => ({
            what: `MiB over a bare node, ${name}`,
            is: median - bare,
            atMost: 6,
          })),
          sides: measured.sides(),
          notes: [
            'The limit is the bare Node itself, with one ESM file.',
            'Private_Clean + Private_Dirty of /proc/<pid>/smaps_rollup: what the machine has back when it ends.',
          ],
        };
      }),
    ),
};

async function spareMemory(client) {
  await sparesAreIdle(client);
  return workerMemory(client, 'spare');
}

async function workerMemory(client, kind) {
  const handle = await client.register(idle);
  const { status } = await handle.waitForStartup();
  check(status === 'started', status);
  check(handle.startedFrom.kind === kind, `started from ${handle.startedFrom.kind}, and not ${kind}`);
  await pause(SETTLE_MS);
  const { privateMib } = memoryOf(handle.pid);
  await handle.terminate({ timeoutMs: 0 });
  await handle.waitForShutdown();
  return privateMib;
}

async function nodeMemory() {
  const child = spawn(process.execPath, [program('idle-timer.js')], { stdio: 'ignore' });
  await once(child, 'spawn');
  await pause(SETTLE_MS);
  const { privateMib } = memoryOf(child.pid);
  child.kill('SIGKILL');
  await once(child, 'exit');
  return privateMib;
}
