/** A leader for a test to kill: gathers what never ends from a worker, and prints its pid. */
import { gather } from '../../src/parallel/index.js';
import { act } from './gatherPlans.js';

const run = gather(act, ['endless'], { workers: 1, leaderParticipation: false, debugParallel: false });
for (;;) {
  await run.next();
  // It is known when it is read that the worker has come, which takes a turn of the event loop.
  const [worker] = run.explain().participants;
  if (typeof worker?.pid !== 'number') continue;
  process.stdout.write(`${worker.pid}\n`);
  break;
}
setInterval(() => {}, 1_000_000);
