/**
 * P3: a hundred short workers at once, with eight spares for the first of them, until all results are here. Whoever has
 * no spare needs a boot of Node, so the whole can be no faster than a hundred boots; the first ones can. The other side
 * is a `fork` for each task, with as many at a time as serve it best.
 *
 * Whoever does not need a process for each gives them to a pool: the same tasks through `createPool`, made for them, beside
 * a thread for each, with as many at a time as serve it best.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createPool } from '../../dist/src/parallel/index.js';
import { check, sparesAreIdle, withPostmaster } from '../postmaster.js';
import { hash } from '../programs/workers.js';
import { program } from '../rivals.js';
import { inTurn } from '../rounds.js';

const TASKS = Array.from({ length: 100 }, (_, n) => `task ${n}`);
const SPARES = 8;
const AT_ONCE = [2, 4, 8, TASKS.length];
/** As many as there are spares, where the rest waits for a slot; and one for each task, where 92 boot at once. */
const SLOTS = [SPARES, TASKS.length];
/** Processes of a pool: all that have a spare, and as many as there are processors here. */
const POOLS = [SPARES, 2];

/** @type {import('../figure.js').Figure} */
export default {
  id: 'P3',
  title: 'a burst of 100 short workers, 8 spares',
  rounds: 5,
  async measure({ rounds }) {
    const best = { fork: await bestOf(forkBurst), threads: await bestOf(threadBurst) };
    return withClients(SLOTS, async (clients) => {
      const ours = [...clients].map(([slots, client]) => [nameOf(slots), () => workerBurst(client)]);
      const pools = POOLS.map((size) => [poolNameOf(size), () => poolBurst(clients.get(SPARES), size)]);
      const sides = {
        ...Object.fromEntries([...ours, ...pools]),
        fork: () => forkBurst(best.fork),
        threads: () => threadBurst(best.threads),
      };
      // Nobody's spares may still boot while somebody else is measured.
      const before = () => Promise.all([...clients.values()].map(sparesAreIdle));
      return outcome(await inTurn(rounds, 'ms', sides, { before }), best);
    });
  },
};

function nameOf(slots) {
  return `bgworker, ${slots} slots`;
}

function poolNameOf(size) {
  return `pool of ${size}`;
}

function outcome(measured, best) {
  const ours = nameOf(SPARES);
  const all = (side) => measured.median(`${side}: all results`);
  const value = all(ours);
  const whole = value / all('fork');
  const ofThreads = (size) => all(poolNameOf(size)) / all('threads');
  const earlier = measured.median('fork: first 8') / measured.median(`${ours}: first 8`);
  return {
    value,
    unit: 'ms',
    ratios: { fork: whole, 'fork, first 8': 1 / earlier },
    goals: [
      { what: `times fork per task, all results, ${SPARES} slots`, is: whole, atMost: 1.05 },
      { what: `times earlier, the first 8 results, ${SPARES} slots`, is: earlier, atLeast: 10 },
      ...POOLS.map((size) => ({ what: `times a thread per task, a pool of ${size}`, is: ofThreads(size), atMost: 1 })),
    ],
    sides: measured.sides(),
    notes: [
      `fork and threads were tried with ${AT_ONCE.join(', ')} at once; ${best.fork} served fork best, ${best.threads} threads.`,
      'A pool is made for the burst, and takes spares; the end of its processes is not in the figure, nor that of threads.',
      'The limit is a boot of Node for each task that finds no spare.',
    ],
  };
}

/** A postmaster for each number of slots. */
async function withClients(slots, use, clients = new Map()) {
  const [count, ...others] = slots;
  if (count === undefined) return use(clients);
  return withPostmaster({ maxWorkerProcesses: count, spareWorkers: SPARES, maxWaitingRegistrations: 1_000 }, (client) =>
    withClients(others, use, clients.set(count, client)),
  );
}

async function bestOf(burst) {
  const found = [];
  for (const atOnce of AT_ONCE) found.push({ atOnce, ms: (await burst(atOnce))['all results'] });
  return found.reduce((best, next) => (next.ms < best.ms ? next : best)).atOnce;
}

async function workerBurst(client) {
  const clock = new Clock();
  await Promise.all(
    TASKS.map(async (task) => {
      const handle = await client.register(hash, task, { waitForSlot: true });
      checkHash(task, await handle.result());
      clock.result();
    }),
  );
  return clock.read();
}

async function poolBurst(client, size) {
  const clock = new Clock();
  const pool = createPool({ size, client });
  await Promise.all(
    TASKS.map(async (task) => {
      checkHash(task, await pool.run(hash, task));
      clock.result();
    }),
  );
  const read = clock.read();
  await pool.close();
  return read;
}

function forkBurst(atOnce) {
  return burstOfOwn(atOnce, (task) => fork(program('fork-hash.js'), [task], { stdio: 'ignore' }));
}

function threadBurst(atOnce) {
  return burstOfOwn(atOnce, (task) => new Worker(program('thread-hash.js'), { workerData: task }));
}

/** A process or thread of its own for each task. */
async function burstOfOwn(atOnce, start) {
  const clock = new Clock();
  const left = [...TASKS];
  const exits = [];
  const lane = async () => {
    for (let task = left.shift(); task !== undefined; task = left.shift()) {
      const one = start(task);
      const exit = once(one, 'exit');
      exits.push(exit);
      const [answer] = await once(one, 'message');
      checkHash(task, answer);
      clock.result();
      // The place is free when it is gone, as with ours; all at once has none to wait for.
      if (atOnce < TASKS.length) await exit;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  const read = clock.read();
  await Promise.all(exits);
  return read;
}

function checkHash(task, answer) {
  check(answer === createHash('sha256').update(task).digest('hex'), `the hash of ${task} is ${answer}`);
}

class Clock {
  #started = performance.now();
  #results = [];

  result() {
    this.#results.push(performance.now() - this.#started);
  }

  read() {
    check(this.#results.length === TASKS.length, `${this.#results.length} results`);
    return { 'all results': this.#results.at(-1), 'first 8': this.#results[SPARES - 1] };
  }
}
