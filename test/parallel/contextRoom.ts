/** What the tests of parallel contexts have in common: a postmaster whose spares have loaded what parallel workers need. */

import type { Client, PostmasterSettings } from '../../src/index.js';
import { startPostmaster } from '../../src/index.js';
import type { ParallelContext, ParallelOptions } from '../../src/parallel/index.js';
import { isGone } from '../postmaster/processState.js';

const workerMain = new URL('../../src/parallel/workerMain.js', import.meta.url);

export function startRoom(settings: PostmasterSettings = {}): Promise<Client> {
  return startPostmaster({
    maxWorkerProcesses: 16,
    spareWorkers: 1,
    preload: [workerMain.href],
    output: 'ignore',
    logLevel: 'silent',
    ...settings,
  });
}

/** So many workers exactly, whatever the environment says. */
export function exactly(workers: number, client: Client): ParallelOptions {
  return { workers, client, debugParallel: false };
}

/** Memory is made and so many are launched. */
export async function launched<Arg>(context: ParallelContext<Arg>, arg: Arg): Promise<ParallelContext<Arg>> {
  await context.initialize();
  await context.launch(arg);
  return context;
}

/** Of the parallel workers that there are. */
export async function workerPids(client: Client): Promise<number[]> {
  const rows = await client.activity();
  return rows.flatMap(({ type, pid }) => (type === 'parallel worker' && pid !== null ? [pid] : []));
}

export function areGone(pids: readonly number[]): boolean {
  return pids.every(isGone);
}
