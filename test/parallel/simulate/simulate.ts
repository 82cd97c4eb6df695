/**
 * Parallel work as chance would have it, on real processes: gathers, merges, maps, reductions and pools, with any number
 * of workers and slots, whose processes are killed, whose functions throw or end their process, and that are called off
 * or left at any moment. Each ends with what is right, or with an error that what was done to it explains; nothing is
 * left of it; and none takes for ever.
 *
 * `npm run simulate:parallel -- --runs 10000 --seed 7`; `--run 4711` does that one alone, `--only pool` one kind. What happens in a run follows from
 * the seed and its number. When the processes do their part is up to the machine, and several runs go on at the same
 * time (`--at-once`), so a run tends to find its fault again, and does not have to. simulate.test.ts does some of it.
 */
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Client } from '../../../src/index.js';
import { Scene } from '../../process/support/scene.js';
import type { Random } from '../../simulation/random.js';
import { randomFrom } from '../../simulation/random.js';
import { drawGather, runGather } from './gatherRun.js';
import { drawMap, runMap } from './mapRun.js';
import { drawPool, runPool } from './poolRun.js';
import { drawReduce, runReduce } from './reduceRun.js';
import type { Stage } from './stage.js';
import { CLASSES } from './stage.js';
import type { Traces } from './traces.js';
import { mostOf, readTraces, segmentsLeft, whatGrew, workersLeft } from './traces.js';

export interface SimulationOptions {
  readonly seed: number;
  /** The numbers of the runs to do. */
  readonly runs: Iterable<number>;
  /** How many go on at the same time. */
  readonly atOnce: number;
  /** Runs of this kind only. */
  readonly only?: Kind;
  /** After so many runs everybody waits for everybody, and looks at what is left. */
  readonly sitting?: number;
  readonly tell?: (line: string) => void;
}

export interface SimulationResult {
  /** How often was done what. */
  readonly counts: Readonly<Record<string, number>>;
  /** What must not be; empty if all is well. */
  readonly findings: readonly string[];
}

const KINDS = ['gather', 'map', 'pool', 'reduce'] as const;
type Kind = (typeof KINDS)[number];

/** As often as there is something to go wrong. */
const ALL: readonly Kind[] = ['gather', 'gather', 'map', 'map', 'pool', 'reduce'];

/** Nothing takes so long but what never ends. */
const HANG_MS = 20_000;
const TOLD_EVERY_MS = 5_000;
const SITTING = 100;
/** The first sittings open for good what every process opens once. */
const FIRST_SITTINGS = 2;
const SLOTS = 64;
const SPARES = 4;

type Deal = { readonly what: string; readonly plan: unknown; run(stage: Stage): Promise<string | undefined> };

/** What a run is, by chance. */
function deal(random: Random, kinds: readonly Kind[]): Deal {
  const dealt = <Plan>(
    what: string,
    plan: Plan,
    run: (stage: Stage, plan: Plan) => Promise<string | undefined>,
  ): Deal => {
    return { what, plan, run: (stage) => run(stage, plan) };
  };
  switch (random.pick(kinds)) {
    case 'gather':
      return dealt('gather', drawGather(random), runGather);
    case 'map':
      return dealt('map', drawMap(random), runMap);
    case 'pool':
      return dealt('pool', drawPool(random), runPool);
    default:
      return dealt('reduce', drawReduce(random), runReduce);
  }
}

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const scene = new Scene();
  const simulation = new Simulation(options);
  try {
    const settings = { maxWorkerProcesses: SLOTS, spareWorkers: SPARES };
    const classes = Object.fromEntries(Object.entries(CLASSES).map(([name, max]) => [name, { max }]));
    await simulation.through(await scene.postmaster({ ...settings, classes }));
  } finally {
    await scene.end();
  }
  return simulation;
}

class Simulation implements SimulationResult {
  readonly counts: Record<string, number> = {};
  readonly findings: string[] = [];
  readonly #options: SimulationOptions;
  #before: Traces | undefined;
  #sittings = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
  }

  async through(client: Client): Promise<void> {
    const { runs, atOnce, sitting = SITTING, tell = () => {} } = this.#options;
    const numbers = runs[Symbol.iterator]();
    let toldAt = performance.now();
    for (;;) {
      const some = takeSome(numbers, sitting);
      if (some.length === 0) return;
      await Promise.all(Array.from({ length: atOnce }, () => this.#lane(client, some)));
      if (this.findings.length === 0) this.findings.push(...(await this.#leftBehind(client)));
      if (this.findings.length > 0) return;
      if (performance.now() - toldAt < TOLD_EVERY_MS) continue;
      toldAt = performance.now();
      tell(`${this.counts['runs']} runs`);
    }
  }

  async #lane(client: Client, numbers: number[]): Promise<void> {
    for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
      if (this.findings.length > 0) return;
      await this.#run(client, number);
    }
  }

  async #run(client: Client, number: number): Promise<void> {
    const { seed, only } = this.#options;
    const random = randomFrom(Math.imul(seed, 1_000_003) + number);
    const { what, plan, run } = deal(random, only === undefined ? ALL : [only]);
    const name = `run ${number}`;
    const stage = { client, random, name, count: (one: string) => this.#count(one) };
    const wrong = await withinTime(async () => (await run(stage)) ?? (await workersLeft(client, name))[0]);
    this.#count('runs');
    if (wrong === undefined) return;
    const again = `--seed ${seed}${only === undefined ? '' : ` --only ${only}`} --run ${number}`;
    this.findings.push(`${again}: ${what}: ${wrong}\n${JSON.stringify(plan, brief)}`);
  }

  async #leftBehind(client: Client): Promise<string[]> {
    const left = [...(await workersLeft(client)), ...(await segmentsLeft(client))];
    const traces = readTraces();
    this.#sittings += 1;
    if (this.#before !== undefined && this.#sittings > FIRST_SITTINGS) left.push(...whatGrew(this.#before, traces));
    else this.#before = mostOf(this.#before ?? traces, traces);
    return left;
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}

/** Whatever it gives or throws, as text; that it hangs, if it does. */
async function withinTime(run: () => Promise<string | undefined>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, HANG_MS, `it hangs: it was not over after ${HANG_MS} ms`);
  });
  try {
    return await Promise.race([run(), hang]);
  } catch (error) {
    return `it failed where it must not: ${error instanceof Error ? error.stack : String(error)}`;
  } finally {
    clearTimeout(timer);
  }
}

/** Of the items only those that do something are worth a line. */
function brief(key: string, value: unknown): unknown {
  if (key !== 'items' || !Array.isArray(value)) return value;
  const odd = value.filter(({ deed }) => deed !== 'answer').map(({ n, deed }) => `${n} ${deed}`);
  return `${value.length}: ${odd.join(', ')}`;
}

function takeSome(numbers: Iterator<number>, most: number): number[] {
  const some: number[] = [];
  while (some.length < most) {
    const next = numbers.next();
    if (next.done === true) break;
    some.push(next.value);
  }
  return some;
}

export function* upTo(count: number): Generator<number> {
  for (let number = 0; number < count; number += 1) yield number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '1000' },
      run: { type: 'string' },
      only: { type: 'string' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      'at-once': { type: 'string', default: '4' },
    },
  });
  const seed = Number(values.seed);
  const runs = values.run === undefined ? upTo(Number(values.runs)) : [Number(values.run)];
  console.log(`simulate:parallel: seed ${seed}`);
  const only = KINDS.find((kind) => kind === values.only);
  if (values.only !== undefined && only === undefined) throw new Error(`--only wants one of ${KINDS.join(', ')}`);
  const startedAt = performance.now();
  const { counts, findings } = await simulate({
    ...{ seed, runs, atOnce: Number(values['at-once']), tell: console.log },
    ...(only === undefined ? {} : { only }),
  });
  for (const [what, times] of Object.entries(counts).sort()) console.log(`${String(times).padStart(8)} ${what}`);
  console.log(`${Math.round((performance.now() - startedAt) / 1_000)} s`);
  console.log(findings.length === 0 ? 'nothing found' : `FOUND:\n${findings.join('\n')}`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
