/**
 * Pools of others, as one would use them for work over many items: piscina, tinypool, workerpool and poolifier, with
 * threads and with processes. Each is opened with as many workers as it may have at once, none of which goes while idle,
 * and without the statistics that it can be told not to keep.
 *
 * What else a pool can be told, and how many tasks it is best given at once, is found by trying: `bestWayOf` gives the
 * fastest of all ways with tasks that do nothing. A crash in a worker makes some of these pools wait for ever, or start
 * processes without end; so nothing here crashes a worker, and none is opened from `node -e`.
 */
import { FixedQueue, Piscina } from 'piscina';
import { DynamicThreadPool, FixedClusterPool, FixedThreadPool } from 'poolifier';
import Tinypool from 'tinypool';
import { pool as workerpool } from 'workerpool';
import { check, pause } from './postmaster.js';
import { program } from './rivals.js';

/**
 * @typedef {object} OpenPool
 * @property {(item: unknown) => PromiseLike<unknown>} run
 * @property {(items: readonly unknown[]) => Promise<unknown[]>} [map] what it has itself for many items
 * @property {() => Promise<unknown>} close
 *
 * @typedef {object} Peer
 * @property {string} name
 * @property {readonly object[]} settings that are tried
 * @property {(task: 'increment' | 'burn', size: number, settings: object) => OpenPool | Promise<OpenPool>} open
 *
 * @typedef {{ settings: object, atOnce: number }} Way `atOnce` 0: its own way for many items
 */

/** More tasks than one at a worker: meant for tasks that wait, and it saves a trip for those that do nothing. */
const SHARED = { concurrentTasksPerWorker: 64 };

/** @type {readonly Peer[]} */
export const PEERS = [
  {
    name: 'piscina',
    settings: ['sync', 'async', 'disabled'].flatMap((atomics) => [{ atomics }, { atomics, ...SHARED }]),
    open(task, size, settings) {
      const pool = new Piscina({
        filename: program('tasks.cjs'),
        name: task,
        minThreads: size,
        maxThreads: size,
        idleTimeout: Number.POSITIVE_INFINITY,
        taskQueue: new FixedQueue(),
        recordTiming: false,
        ...settings,
      });
      return { run: (item) => pool.run(item), close: () => pool.destroy() };
    },
  },
  {
    name: 'tinypool',
    settings: [true, false].flatMap((useAtomics) => [{ useAtomics }, { useAtomics, ...SHARED }]),
    open: (task, size, settings) => openTinypool(task, size, { runtime: 'worker_threads', ...settings }),
  },
  {
    name: 'tinypool, processes',
    settings: ['json', 'advanced'].flatMap((serialization) => [{ serialization }, { serialization, ...SHARED }]),
    open: (task, size, settings) => openTinypool(task, size, { runtime: 'child_process', ...settings }),
  },
  { name: 'workerpool', settings: [{}], open: (task, size) => openWorkerpool(task, size, 'thread') },
  { name: 'workerpool, processes', settings: [{}], open: (task, size) => openWorkerpool(task, size, 'process') },
  {
    name: 'poolifier',
    settings: [{}, { enableTasksQueue: true, tasksQueueOptions: { concurrency: 64 } }],
    open: (task, size, settings) =>
      openPoolifier(new FixedThreadPool(size, program('poolifier-thread.js'), threadOptions(task, settings))),
  },
  {
    name: 'poolifier, dynamic',
    settings: [{}],
    open: (task, size, settings) =>
      openPoolifier(
        new DynamicThreadPool(size - 1, size, program('poolifier-thread.js'), threadOptions(task, settings)),
      ),
  },
  {
    name: 'poolifier, processes',
    settings: [{}],
    open: (task, size, settings) =>
      openPoolifier(
        new FixedClusterPool(size, program('poolifier-process.cjs'), {
          ...poolifierOptions(settings),
          env: { BENCH_TASK: task },
        }),
      ),
  },
];

/** @param {string} name */
export function peer(name) {
  return PEERS.find((one) => one.name === name);
}

function openTinypool(task, size, settings) {
  const pool = new Tinypool({
    filename: program('tasks.cjs'),
    name: task,
    minThreads: size,
    maxThreads: size,
    idleTimeout: Number.POSITIVE_INFINITY,
    ...settings,
  });
  return { run: (item) => pool.run(item), close: () => pool.destroy() };
}

function openWorkerpool(task, size, workerType) {
  const pool = workerpool(program('workerpool-tasks.js'), { minWorkers: size, maxWorkers: size, workerType });
  return { run: (item) => pool.exec(task, [item]), close: () => pool.terminate() };
}

function poolifierOptions(settings) {
  return { enableEvents: false, errorHandler: reportError, ...settings };
}

function threadOptions(task, settings) {
  return { ...poolifierOptions(settings), workerOptions: { workerData: { task } } };
}

function openPoolifier(pool) {
  return {
    run: (item) => pool.execute(item),
    map: (items) => pool.mapExecute(items),
    close: () => Promise.race([pool.destroy(), pause(CLOSE_MS)]),
  };
}

/** With a queue of tasks, its `destroy` was seen never to come back. What it leaves ends with this process. */
const CLOSE_MS = 2_000;

/** It would start the worker again, and again. */
function reportError(error) {
  process.stderr.write(`bench: a worker of poolifier failed: ${error.stack}\n`);
  process.exit(1);
}

/**
 * The results of all items, in their order, with so many tasks given at once.
 *
 * @param {OpenPool} pool
 * @param {readonly unknown[]} items
 * @param {number} atOnce
 * @returns {Promise<unknown[]>}
 */
export function mapBy(pool, items, atOnce) {
  if (atOnce === 0) return pool.map(items);
  return new Promise((resolve, reject) => {
    const results = new Array(items.length);
    let given = 0;
    let missing = items.length;
    const give = () => {
      const index = given;
      given += 1;
      pool.run(items[index]).then((result) => {
        results[index] = result;
        missing -= 1;
        if (missing === 0) resolve(results);
        else if (given < items.length) give();
      }, reject);
    };
    while (given < Math.min(atOnce, items.length)) give();
  });
}

const AT_ONCE = [1, 16, 64, 256, 1_024];
/** For one at a time, and for more. */
const FEW = 300;
const MANY = 4_000;

/**
 * The way in which it does most tasks a second, each way tried twice.
 *
 * @param {Peer} peer
 * @param {number} size
 * @returns {Promise<Way & { perSecond: number }>}
 */
export async function bestWayOf({ name, settings: all, open }, size) {
  const tried = [];
  for (const settings of all) {
    const pool = await open('increment', size, settings);
    await incrementAll(name, pool, FEW, 1);
    for (const atOnce of pool.map === undefined ? AT_ONCE : [...AT_ONCE, 0]) {
      const count = atOnce === 1 ? FEW : MANY;
      const rates = [await incrementAll(name, pool, count, atOnce), await incrementAll(name, pool, count, atOnce)];
      tried.push({ settings, atOnce, perSecond: Math.max(...rates) });
    }
    await pool.close();
  }
  return tried.reduce((best, next) => (next.perSecond > best.perSecond ? next : best));
}

/** As text, for a note. @param {Way} way */
export function describeWay({ settings, atOnce }) {
  const flat = Object.entries(settings).flatMap(([key, value]) =>
    typeof value === 'object' ? Object.entries(value) : [[key, value]],
  );
  const told = flat.map(([key, value]) => `${key} ${value}`);
  return [atOnce === 0 ? 'mapExecute' : `${atOnce} at once`, ...told].join(', ');
}

/** Tasks a second. */
export async function incrementAll(name, pool, count, atOnce) {
  const items = numbers(count);
  const from = performance.now();
  const results = await mapBy(pool, items, atOnce);
  const elapsedMs = performance.now() - from;
  checkIncremented(name, results, count);
  return (1_000 * count) / elapsedMs;
}

/** @param {number} count */
export function numbers(count) {
  return Array.from({ length: count }, (_, number) => number);
}

export function checkIncremented(name, results, count) {
  check(results.length === count, `${name}: ${results.length} of ${count} results`);
  for (let number = 0; number < count; number += 1) {
    if (results[number] !== number + 1) check(false, `${name}: ${number} + 1 is ${results[number]}`);
  }
}
