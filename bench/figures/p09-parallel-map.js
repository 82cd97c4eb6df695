/**
 * P9: a function over many items, in two processes. How many calls that do next to nothing get through a second, beside
 * the pools of others, each in the way that serves it best; and how much faster work of a millisecond an item becomes,
 * beside what two processes reach that share nothing.
 */
import { createPool, parallelMap } from '../../dist/src/parallel/index.js';
import { checkBurnt, loop, turnsPerMicrosecond, twoProcesses, workOf } from '../burning.js';
import { bestWayOf, checkIncremented, describeWay, incrementAll, numbers, PEERS } from '../pools.js';
import { sparesAreIdle, withPostmaster } from '../postmaster.js';
import { burn, increment } from '../programs/parallel-workers.js';
import { inTurn } from '../rounds.js';

const WORKERS = 2;
/** Calls that do nothing: ours in a turn, and theirs, which is what takes them some 200 ms. */
const OURS = 100_000;
const THEIRS_MS = 200;
const RUNS = 2_000;
const RUNS_AT_ONCE = 64;
/** A second of work for one. */
const ITEMS = 1_000;
const ITEM_US = 1_000;

/** @type {import('../figure.js').Figure} */
export default {
  id: 'P9',
  title: 'a function over many items, in two processes',
  rounds: 7,
  measure: ({ rounds }) =>
    withPostmaster({ spareWorkers: WORKERS, maxWorkerProcesses: 4 * WORKERS }, async (client) => {
      const calls = await measureCalls(client, rounds);
      const work = await measureWork(client, rounds);
      return outcome(calls, work);
    }),
};

async function measureCalls(client, rounds) {
  const ways = new Map();
  for (const peer of PEERS) ways.set(peer.name, await bestWayOf(peer, WORKERS));
  const pool = createPool({ size: WORKERS, client });
  const theirs = [];
  for (const { name, open } of PEERS)
    theirs.push({ name, pool: await open('increment', WORKERS, ways.get(name).settings) });
  const run = { run: (item) => pool.run(increment, item) };
  const sides = {
    'bgworker, pool.map': () => callsBy(() => pool.map(numbers(OURS), increment)),
    'bgworker, parallelMap': () => callsBy(() => parallelMap(numbers(OURS), increment, { workers: WORKERS, client })),
    'bgworker, pool.run': () => thousand(incrementAll('pool.run', run, RUNS, RUNS_AT_ONCE)),
    'bgworker, pool.run, one by one': () => thousand(incrementAll('pool.run', run, RUNS / 4, 1)),
  };
  for (const { name, pool: their } of theirs) {
    const { atOnce, perSecond } = ways.get(name);
    const count = Math.ceil((perSecond * THEIRS_MS) / 1_000);
    sides[name] = () => thousand(incrementAll(name, their, count, atOnce));
  }
  const before = () => sparesAreIdle(client);
  const measured = await inTurn(rounds, 'k calls/s', sides, { before });
  await pool.close();
  for (const { pool: their } of theirs) await their.close();
  return { measured, ways };
}

/** Thousands of calls a second. */
async function callsBy(start) {
  const from = performance.now();
  const results = await start().toArray();
  const elapsedMs = performance.now() - from;
  checkIncremented('bgworker', results, OURS);
  return OURS / elapsedMs;
}

async function thousand(perSecond) {
  return (await perSecond) / 1_000;
}

async function measureWork(client, rounds) {
  const items = workOf(ITEMS, ITEM_US * turnsPerMicrosecond());
  const { results: expected } = loop(items);
  const processes = await twoProcesses();
  const pool = createPool({ size: WORKERS, client });
  const timed = (start) => async () => {
    const from = performance.now();
    const results = await start().toArray();
    const elapsedMs = performance.now() - from;
    checkBurnt('bgworker', results, expected);
    return elapsedMs;
  };
  const shared = { workers: WORKERS - 1, leaderParticipation: true, client };
  const sides = {
    'a loop': async () => loop(items).ms,
    [TWO_WORKERS]: timed(() => parallelMap(items, burn, { workers: WORKERS, client })),
    [WITH_LEADER]: timed(() => parallelMap(items, burn, shared)),
    'bgworker, a pool of 2': timed(() => pool.map(items, burn)),
    [APART]: () => processes.map(items, expected),
  };
  const measured = await inTurn(rounds, 'ms', sides, { before: () => sparesAreIdle(client) });
  await pool.close();
  await processes.end();
  return measured;
}

const TWO_WORKERS = 'bgworker, 2 workers';
const WITH_LEADER = 'bgworker, 1 worker and the leader';
const APART = 'two processes, half each';

function outcome({ measured, ways }, work) {
  const value = measured.median('bgworker, pool.map');
  const ratios = Object.fromEntries(PEERS.map(({ name }) => [name, value / measured.median(name)]));
  const [best] = Object.entries(ratios).sort(([, one], [, other]) => one - other)[0];
  const speedUp = (side) => work.median('a loop') / work.median(side);
  const faster = (side) => ({ what: `times as fast as a loop, ${side}`, is: speedUp(side), atLeast: 1.85 });
  return {
    value,
    unit: 'k calls/s',
    ratios,
    goals: [
      { what: `times ${best}, the best of the others`, is: ratios[best], atLeast: 1 },
      faster(TWO_WORKERS),
      faster(WITH_LEADER),
    ],
    sides: [...measured.sides(), ...work.sides()],
    notes: [
      `Calls of n => n + 1, ${WORKERS} workers each. pool.map and the others have their workers up; parallelMap starts ` +
        'its own, from spares, and ends them. pool.run is a call of its own each time, ' +
        `${RUNS_AT_ONCE} at once.`,
      ...[...ways].map(([name, way]) => `${name}: ${describeWay(way)}.`),
      `Work: ${ITEMS} items of about ${ITEM_US / 1_000} ms. The limit is what two processes reach of which each does ` +
        `half and is asked for nothing: ${speedUp(APART).toFixed(2)} times as fast as a loop in this run.`,
    ],
  };
}
