/**
 * A program that has a postmaster of its own, for tests that watch how such a program ends. It says one line of JSON
 * when it is ready. `idle` then has nothing left to do; `waiting` waits for a worker that never ends; `running` runs a
 * worker by the functions of the package and ends.
 */
import { run, startPostmaster } from '../../src/index.js';
import { defineWorker } from '../../src/worker/index.js';

export const waitForEver = defineWorker(import.meta, async (ctx) => {
  await ctx.sleep(3_600_000);
});

export const double = defineWorker(import.meta, (_ctx, value: number) => value * 2);

const [, program, mode] = process.argv;

if (program === import.meta.filename)
  main().catch((error) => {
    console.error(error);
    process.exit(70);
  });

async function main(): Promise<void> {
  if (mode === 'running') {
    console.log(JSON.stringify([await run(double, 21), await run(double, 4)]));
    return;
  }
  const client = await startPostmaster();
  const handle = await client.launch(waitForEver);
  console.log(JSON.stringify([client.postmasterPid, handle.pid]));
  if (mode === 'waiting') await handle.waitForShutdown();
}
