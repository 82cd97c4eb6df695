/**
 * P1: how long it takes from `register` until the worker's function is entered when a spare waits for it, its module
 * among the preloaded ones or not. Nobody boots a Node in that time, so what is measured is the way of the job:
 * client, postmaster, spare. `node bench/launch-path.js warm` takes it apart.
 */
import { onNode20 } from '../figure.js';
import { check, milliseconds, now, sparesAreIdle, withPostmaster } from '../postmaster.js';
import { entered } from '../programs/entered.js';
import { forkToFirstMessage, threadToFirstMessage } from '../rivals.js';
import { inTurn } from '../rounds.js';

const MODULE = new URL('../programs/entered.js', import.meta.url).href;

/** @type {import('../figure.js').Figure} */
export default {
  id: 'P1',
  title: 'register to function entered, from a spare',
  rounds: 21,
  async measure({ rounds }) {
    return withPostmaster({ spareWorkers: 1, preload: [MODULE] }, (preloaded) =>
      withPostmaster({ spareWorkers: 1 }, async (plain) => {
        const idle = async () => {
          await sparesAreIdle(preloaded);
          await sparesAreIdle(plain);
        };
        const sides = {
          preloaded: () => warmStart(preloaded),
          'not preloaded': () => warmStart(plain),
          fork: forkToFirstMessage,
          thread: threadToFirstMessage,
        };
        return outcome(await inTurn(rounds, 'ms', sides, { warmUp: 3, before: idle }));
      }),
    );
  },
};

function outcome(measured) {
  const value = measured.median('preloaded: entered');
  const notPreloaded = measured.median('not preloaded: entered');
  const fork = value / measured.median('fork: first message');
  const thread = value / measured.median('thread: first message');
  return {
    value,
    unit: 'ms',
    ratios: { fork, thread },
    goals: [
      { what: 'ms, preloaded', is: value, atMost: 1.2 },
      { what: 'ms, not preloaded', is: notPreloaded, atMost: 2.0 },
      { what: 'times fork to first message', is: fork, atMost: onNode20(1 / 40, 1 / 12) },
      { what: 'times a thread to first message', is: thread, atMost: onNode20(1 / 10, 1 / 6) },
    ],
    sides: measured.sides(),
    notes: [
      'The limit is two hops between sleeping processes, some 0.05 to 0.1 ms each here; PostgreSQL forks a worker in ' +
        '0.6 to 0.9 ms. `known` is when the client heard of it.',
    ],
  };
}

async function warmStart(client) {
  const asked = now();
  const handle = await client.register(entered);
  const { status, reason } = await handle.waitForStartup();
  const known = now();
  // So short a worker may have returned before anybody looks.
  check(status === 'started' || reason?.kind === 'returned', `it is ${status}, ${reason?.kind}`);
  check(handle.startedFrom.kind === 'spare', `started from ${JSON.stringify(handle.startedFrom)}`);
  const at = await handle.result();
  check(at > asked && at < now(), 'it was entered before it was asked for, or has not been yet');
  await handle.waitForShutdown();
  return { entered: milliseconds(asked, at), known: milliseconds(asked, known) };
}
