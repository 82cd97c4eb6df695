/** A worker that is restarted with a backoff, and every start and death of it. */
import { startPostmaster } from 'bgworker';
import { flaky } from './flaky.js';

const client = await startPostmaster();
const handle = await client.register(flaky, undefined, {
  restart: 'onFailure',
  restartTimeMs: 100,
  restartBackoff: { factor: 2, maxMs: 1_000, jitter: 0 },
});

for await (const { status, phase, pid, reason, willRestart, retryAt, at } of handle) {
  if (status === 'started') console.log('started, process', pid);
  // While the next attempt boots, the status goes on saying stopped, and the phase says how far it is.
  if (status !== 'stopped' || phase !== null) continue;
  const next = willRestart ? `again in ${retryAt - at} ms` : 'for good';
  console.log(`stopped: ${reason.kind}${reason.error ? `, ${reason.error.message}` : ''}; ${next}`);
}
console.log('result:', await handle.result());
await client.close();
