/**
 * P2: how long it takes from `register` until the worker's function is entered when there is no spare. A process has
 * to be made and Node has to boot, which `child_process.fork` pays as well; so nothing of ours may come on top of it.
 */
import { check, milliseconds, now, withPostmaster } from '../postmaster.js';
import { entered } from '../programs/entered.js';
import { forkToFirstMessage } from '../rivals.js';
import { inTurn } from '../rounds.js';

/** @type {import('../figure.js').Figure} */
export default {
  id: 'P2',
  title: 'register to function entered, cold',
  rounds: 15,
  measure: ({ rounds }) =>
    withPostmaster({ spareWorkers: 0 }, async (client) => {
      const measured = await inTurn(rounds, 'ms', {
        bgworker: () => coldStart(client),
        fork: forkToFirstMessage,
      });
      const value = measured.median('bgworker: entered');
      const fork = measured.median('fork: first message');
      return {
        value,
        unit: 'ms',
        ratios: { fork: value / fork },
        goals: [{ what: 'times fork to first message', is: value / fork, atMost: 1.15 }],
        sides: measured.sides(),
        limit: { what: 'Node boots and runs one file (fork: entered)', value: measured.median('fork: entered') },
        notes: ['`forked` and `known` are when the client heard that there is a process, and that it has started.'],
      };
    }),
};

async function coldStart(client) {
  const asked = now();
  const handle = await client.register(entered);
  const registered = now();
  await handle.waitForStartup({ until: 'forked' });
  const forked = now();
  const { status, reason } = await handle.waitForStartup();
  const known = now();
  // So short a worker may have returned before anybody looks.
  check(status === 'started' || reason?.kind === 'returned', `it is ${status}, ${reason?.kind}`);
  check((handle.startedFrom?.kind ?? 'cold') === 'cold', 'started from a spare where there are none');
  const at = await handle.result();
  check(at > asked && at < now(), 'it was entered before it was asked for, or has not been yet');
  await handle.waitForShutdown();
  return {
    entered: milliseconds(asked, at),
    registered: milliseconds(asked, registered),
    forked: milliseconds(asked, forked),
    known: milliseconds(asked, known),
  };
}
