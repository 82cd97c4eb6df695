/**
 * A program with a pool, for tests that watch how it ends. `idle` has made its calls and leaves its pool open; `pending`
 * waits for a call that never ends, and says where its process is.
 */
import { startPostmaster } from '../../src/index.js';
import { createPool } from '../../src/parallel/index.js';
import { pidOf, runOn } from './poolCalls.js';

const [, program, mode, file = ''] = process.argv;

if (program === import.meta.filename) {
  const client = await startPostmaster();
  const pool = createPool({ client, size: 1 });
  const pids = [await pool.run(pidOf)];
  console.log(JSON.stringify({ postmasterPid: client.postmasterPid, pids }));
  if (mode === 'pending') await pool.run(runOn, file);
}
