/** A handle is a text: another process is given it, asks about the worker, and ends it. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startPostmaster } from 'bgworker';
import { napper } from './napper.js';

const client = await startPostmaster();
const handle = await client.launch(napper, undefined, { until: 'ready' });

const other = fileURLToPath(new URL('./other.js', import.meta.url));
spawnSync(process.execPath, [other, String(handle)], {
  env: { ...process.env, BGWORKER_DIR: client.directory },
  stdio: 'inherit',
});

const { reason } = await handle.waitForShutdown();
console.log('here:', handle.status, reason.kind);
await client.close();
