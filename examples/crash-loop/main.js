/** A fault that a restart does not cure: after so many failures the worker ends, and its reason tells all of it. */
import { startPostmaster, WorkerError } from 'bgworker';
import { broken } from './broken.js';

const client = await startPostmaster();
const handle = await client.register(broken, undefined, {
  restart: 'always',
  restartTimeMs: 20,
  restartIntensity: { deaths: 3, periodMs: 10_000 },
});

const { reason } = await handle.waitForShutdown();
console.log(`${reason.kind}: ${reason.deaths} deaths, the last one: ${reason.last.kind}, ${reason.last.error.message}`);
try {
  await handle.result();
} catch (error) {
  console.log(error instanceof WorkerError, error.message);
}
await client.close();
