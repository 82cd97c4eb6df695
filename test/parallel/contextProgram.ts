/**
 * A program that makes parallel contexts, in surroundings that the test has made: run as `node contextProgram.js HOW`.
 * `alone`: prints how many workers it had, and why no more. `leaves`: ends without having destroyed anything. `stays`: has
 * busy and idle workers, says so, and waits to be killed.
 */
import { ParallelContext } from '../../src/parallel/index.js';
import { end, nothing } from './contextWorkers.js';

const [, , how] = process.argv;
const options = { workers: 1, debugParallel: false };
const idle = new ParallelContext(nothing, options);
await idle.initialize();
const count = await idle.launch();
await idle.waitToFinish();
if (how === 'alone') process.stdout.write(`${count} ${idle.whyFewer}\n`);
if (how === 'stays') {
  const busy = new ParallelContext(end, options);
  await busy.initialize();
  await busy.launch('stays');
  await busy.waitToAttach();
  process.stdout.write('they are there\n');
  setInterval(() => {}, 1_000_000);
}
