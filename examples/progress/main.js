/** Two workers that tell how far they are: one may finish, the other one is stopped on its way. */
import { launch } from 'bgworker';
import { countPrimes } from './primes.js';

const short = await launch(countPrimes, 100_000, { name: 'short' });
console.log('short found', await short.result(), 'primes;', 'told last:', short.progress);

const long = await launch(countPrimes, 1_000_000_000, { name: 'long' });
while (long.progress === null) await new Promise((resolve) => setTimeout(resolve, 10));
console.log('long is under way:', long.progress.done > 0);
await long.terminate();
const { reason } = await long.waitForShutdown();
console.log('long stopped:', reason.kind, reason.escalated ? '(had to be killed)' : '(in order)');
