/**
 * The curve: how much faster a function over many items becomes, by the number of workers and by how long an item takes,
 * here and with the pools of others. All sides have their turns one after the other, each round beside a plain loop over
 * the same items, and all answers are compared with the loop's.
 *
 *   --quick   a minute: one round, fewer long items, pools of others as they come
 *   --draw    measures nothing: writes page and picture anew from curve.json
 *
 * Writes bench/curve.json, and from that docs/parallel-curves.md and docs/images/parallel-speedup.svg.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createPool, parallelMap } from '../dist/src/parallel/index.js';
import { checkBurnt, loop, turnsPerMicrosecond, workOf } from './burning.js';
import { readCurve, writeCurve } from './curve-file.js';
import { curvePage } from './curve-page.js';
import { curvePicture } from './curve-picture.js';
import { bestWayOf, describeWay, mapBy, peer } from './pools.js';
import { sparesAreIdle, withPostmaster } from './postmaster.js';
import { burn } from './programs/parallel-workers.js';
import { median, quantile } from './statistics.js';

const WORKERS = [0, 1, 2, 4];
/** Fewer items as they get longer: what a loop needs for them, and how often, is what the time of a run is made of. */
const LENGTHS = [
  { itemUs: 1, items: 10_000, rounds: 5 },
  { itemUs: 10, items: 5_000, rounds: 5 },
  { itemUs: 100, items: 2_000, rounds: 5 },
  { itemUs: 1_000, items: 300, rounds: 5 },
  { itemUs: 10_000, items: 40, rounds: 3 },
  { itemUs: 100_000, items: 8, rounds: 3 },
  { itemUs: 1_000_000, items: 4, rounds: 2 },
];
const QUICK_LENGTHS = LENGTHS.map((length) => ({
  ...length,
  items: length.itemUs < 1_000_000 ? length.items : 2,
  rounds: 1,
}));
const QUICK_WAY = 64;
/** One item that takes no time: what there is of it is the way there and back. */
const SINGLE = { itemUs: 1, items: 1, rounds: 15 };
const WAKING = workOf(8, 10_000);
/** The others with threads: with processes they are slower at this, by what P9 says. */
const OTHERS = ['piscina', 'tinypool', 'workerpool', 'poolifier'];

const options = parseArgs({
  options: { quick: { type: 'boolean', default: false }, draw: { type: 'boolean', default: false } },
}).values;
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

if (!options.draw) await measureAll();
const curve = readCurve(readFileSync(path('curve.json'), 'utf8'));
writeFileSync(path('../docs/parallel-curves.md'), curvePage(curve));
writeFileSync(path('../docs/images/parallel-speedup.svg'), curvePicture(curve));
// Not exitCode: no pool of others may keep us here.
process.exit(0);

async function measureAll() {
  const ownFolder = mkdtempSync(join(tmpdir(), 'bgworker-bench-'));
  process.env.TMPDIR = ownFolder;
  delete process.env.XDG_RUNTIME_DIR;
  process.on('exit', () => rmSync(ownFolder, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

  const startedAt = performance.now();
  const ways = await waysOfOthers();
  const rate = turnsPerMicrosecond();
  const most = Math.max(...WORKERS);
  const cells = await withPostmaster({ spareWorkers: most, maxWorkerProcesses: 4 * most }, async (client) => {
    const found = [];
    for (const workers of WORKERS) found.push(...(await measureWith(client, workers, ways, rate)));
    return found;
  });
  const told = Object.fromEntries(OTHERS.map((name) => [name, describeWay(ways.get(name))]));
  writeFileSync(path('curve.json'), writeCurve({ ...surroundings(startedAt), ways: told, cells }));
}

function surroundings(startedAt) {
  const [{ model } = { model: 'unknown' }] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    machine: `${cpus().length} × ${model.trim()}, ${memory}, Linux ${release()}`,
    processors: availableParallelism(),
    isQuick: options.quick,
    tookSeconds: Math.round((performance.now() - startedAt) / 1_000),
    versions: Object.fromEntries(['../package.json', ...OTHERS.map(packageOf)].map(versionIn)),
  };
}

function packageOf(name) {
  return `node_modules/${name}/package.json`;
}

function versionIn(file) {
  const { name, version } = JSON.parse(readFileSync(path(file), 'utf8'));
  return [name, version];
}

async function waysOfOthers() {
  const ways = new Map();
  for (const name of OTHERS) {
    const one = peer(name);
    ways.set(name, options.quick ? { settings: one.settings[0], atOnce: QUICK_WAY } : await bestWayOf(one, 2));
    say(`${name}: ${describeWay(ways.get(name))}`);
  }
  return ways;
}

/** All lengths, with so many workers. */
async function measureWith(client, workers, ways, rate) {
  const contenders = await contendersWith(client, workers, ways);
  const cells = [];
  for (const { itemUs, items, rounds } of [SINGLE, ...(options.quick ? QUICK_LENGTHS : LENGTHS)]) {
    const work = workOf(items, itemUs * rate);
    const measured = await measureLength(client, contenders, work, rounds);
    cells.push(...measured.map((cell) => ({ workers, itemUs, items, rounds, ...cell })));
    say(
      `${workers} workers, ${items} of ${itemUs} µs: ${measured.map(({ side, speedUp }) => `${side} ${speedUp}`).join(', ')}`,
    );
  }
  for (const { close } of contenders.values()) await close?.();
  return cells;
}

/** Each gives the results of all items. With no workers there is nothing that the others could be asked. */
async function contendersWith(client, workers, ways) {
  const fresh = { map: (items) => parallelMap(items, burn, { workers, client }).toArray() };
  const contenders = new Map([['parallelMap', fresh]]);
  if (workers === 0) return contenders;
  const pool = createPool({ size: workers, client });
  contenders.set('pool.map', { map: (items) => pool.map(items, burn).toArray(), close: () => pool.close() });
  for (const name of OTHERS) {
    const { settings, atOnce } = ways.get(name);
    const their = await peer(name).open('burn', workers, settings);
    contenders.set(name, { map: (items) => mapBy(their, items, atOnce), close: their.close });
  }
  return contenders;
}

/** Each round is compared with its own loop; the first one, with short items, only wakes everybody up. */
async function measureLength(client, contenders, work, rounds) {
  const found = new Map([...contenders.keys()].map((side) => [side, []]));
  for (let round = -1; round < rounds; round += 1) {
    const items = round < 0 ? WAKING : work;
    const { ms: loopMs, results: expected } = loop(items);
    for (const [side, { map }] of contenders) {
      if (side === 'parallelMap') await sparesAreIdle(client);
      const from = performance.now();
      const results = await map(items);
      const ms = performance.now() - from;
      checkBurnt(side, results, expected);
      if (round >= 0) found.get(side).push({ ms, loopMs });
    }
  }
  return [...found].map(([side, turns]) => ({ side, ...cellOf(turns) }));
}

function cellOf(turns) {
  const speedUps = turns.map(({ ms, loopMs }) => loopMs / ms);
  return {
    ms: short(median(turns.map(({ ms }) => ms))),
    loopMs: short(median(turns.map(({ loopMs }) => loopMs))),
    speedUp: short(median(speedUps)),
    low: short(quantile(speedUps, 0.25)),
    high: short(quantile(speedUps, 0.75)),
  };
}

/** Three digits are more than these machines can tell apart. */
function short(value) {
  return Number(value.toPrecision(3));
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
