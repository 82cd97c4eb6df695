/**
 * A redeploy three times over: each takes the name of the one before, which is terminated first, so that there is never
 * more than one, and none is forgotten.
 */
import { startPostmaster } from 'bgworker';
import { server } from './server.js';

const client = await startPostmaster();
const handles = [];
for (const version of ['1', '2', '3']) {
  const handle = await client.register(server, version, { name: 'server', ifNameTaken: 'replace' });
  await handle.waitForStartup({ until: 'ready' });
  handles.push(handle);
  const rows = await client.activity();
  console.log(`version ${version} is up;`, rows.length, rows.length === 1 ? 'server' : 'servers');
}
for (const handle of handles) console.log(handle.status, handle.reason?.kind ?? '-');
await client.close();
