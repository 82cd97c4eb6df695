/**
 * A soak: a hundred thousand workers that come and go, in every way in which workers do, and a million that end before
 * they have a process. Each answer is compared with what it must be; in the end the memory, the descriptors and the
 * files of the postmaster, its guardian and its client are where they were (support/gauges.ts says what that means).
 *
 * `npm run soak -- --workers 100000 --registrations 1000000 --minutes 90 --spares 2 --seed 7`. A hundred thousand take
 * about an hour on two cores; `--minutes` ends either part earlier and judges what there is. soak.test.ts runs some seconds of it.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Client, PostmasterSettings } from '../../src/index.js';
import { fixtureUrl, register } from './support/fixtures.js';
import type { Reading } from './support/gauges.js';
import { describeReading, Gauges, whatGrew, withHeapReport } from './support/gauges.js';
import { untilAsked } from './support/patience.js';
import { familyOf, openDescriptors } from './support/processes.js';
import type { Random } from './support/random.js';
import { randomFrom } from './support/random.js';
import { Scene } from './support/scene.js';
import { chooseLife } from './support/shortLives.js';

export interface SoakOptions {
  readonly workers: number;
  readonly seed: number;
  /** How often is measured; between two readings all workers come to their end. At least 5. */
  readonly readings: number;
  readonly settings?: PostmasterSettings;
  readonly endAt?: number;
  readonly tell?: (line: string) => void;
}

export interface SoakResult {
  readonly counts: Readonly<Record<string, number>>;
  readonly readings: readonly Reading[];
  readonly perSecond: number;
  /** What must not be; empty if all is well. */
  readonly findings: readonly string[];
}

/** Workers with processes: as many at once as keep the machine busy. */
export function soak(options: SoakOptions): Promise<SoakResult> {
  const random = randomFrom(options.seed);
  const atOnce = 2 * availableParallelism();
  return soakWith(
    options,
    { maxWorkerProcesses: atOnce, ...options.settings },
    atOnce,
    async (client, number, tally) => {
      const life = chooseLife(random);
      tally.counts[life.name] = (tally.counts[life.name] ?? 0) + 1;
      const wrong = await life.live(client, number);
      if (wrong !== undefined) tally.findings.push(`${life.name}, number ${number}: ${wrong}`);
    },
  );
}

/** Workers that never get a process, since they wait for another one that is never ready. */
export function soakRegistrations(options: SoakOptions): Promise<SoakResult> {
  const random: Random = randomFrom(options.seed);
  const atOnce = 64;
  const settings: PostmasterSettings = {
    maxWorkerProcesses: atOnce + 1,
    ...options.settings,
    workers: [
      {
        module: fixtureUrl('workers.mjs'),
        exportName: 'answer',
        startTime: 'postmasterStart',
        readiness: 'explicit',
      },
    ],
  };
  return soakWith(options, settings, atOnce, async (client, number, tally) => {
    const handle = await register(client, 'echo', number, { name: `waits ${Math.floor(1_000 * random())}` });
    await handle.terminate();
    const answer = await handle.waitForShutdown();
    const how = answer.status === 'stopped' ? answer.reason.kind : answer.status;
    tally.counts[how] = (tally.counts[how] ?? 0) + 1;
    if (how !== 'terminatedBeforeStart') tally.findings.push(`number ${number}: it is ${how}`);
  });
}

interface Tally {
  readonly counts: Record<string, number>;
  readonly findings: string[];
}

type Live = (client: Client, number: number, tally: Tally) => Promise<void>;

const TOLD_EVERY_MS = 5_000;

async function soakWith(
  { workers, readings: wanted, endAt = Number.POSITIVE_INFINITY, tell = () => {} }: SoakOptions,
  settings: PostmasterSettings,
  atOnce: number,
  live: Live,
): Promise<SoakResult> {
  const scene = new Scene();
  const tally: Tally = { counts: {}, findings: [] };
  const readings: Reading[] = [];
  let lived = 0;
  let livedMs = 0;
  try {
    const heapReport = join(scene.directory(), 'heap');
    const client = await withHeapReport(heapReport, () => scene.postmaster(settings));
    const gauges = new Gauges(client.postmasterPid, client.directory, heapReport);
    let toldAt = Number.NEGATIVE_INFINITY;
    for (let step = 1; step <= wanted; step += 1) {
      const goal = Math.round((step * workers) / wanted);
      const startedAt = performance.now();
      await inParallel(atOnce, () => {
        if (lived >= goal || tally.findings.length > 0) return undefined;
        lived += 1;
        return live(client, lived, tally);
      });
      livedMs += performance.now() - startedAt;
      // One that went wrong may still run, and no reading means anything.
      if (tally.findings.length > 0) break;
      const [first] = readings;
      if (first !== undefined) await gauges.settled(first.postmasterDescriptors);
      else await unchanging(() => openDescriptors(client.postmasterPid));
      const reading = await gauges.read(lived);
      readings.push(reading);
      const now = performance.now();
      if (now - toldAt > TOLD_EVERY_MS || step === wanted) {
        toldAt = now;
        tell(`${lived} of ${workers}, ${Math.round((1_000 * lived) / livedMs)}/s; ${describeReading(reading)}`);
      }
      if (now > endAt && readings.length >= 5) break;
    }
    if (tally.findings.length === 0) tally.findings.push(...whatGrew(readings));
    await client.close();
    if (familyOf(client.epoch).length > 0) tally.findings.push(`left over: ${familyOf(client.epoch)}`);
    if (existsSync(client.directory)) tally.findings.push(`${client.directory} was left`);
  } catch (error) {
    tally.findings.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    await scene.end();
  }
  return { counts: tally.counts, readings, perSecond: (1_000 * lived) / livedMs, findings: tally.findings };
}

/** Keeps so many promises under way until there is no next one. */
async function inParallel(atOnce: number, next: () => Promise<void> | undefined): Promise<void> {
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let one = next(); one !== undefined; one = next()) await one;
    }),
  );
}

/** The first batch has nothing to be compared with: whatever stays the same for a while is what there is. */
async function unchanging(look: () => number): Promise<void> {
  let seen = look();
  let times = 0;
  await untilAsked(async () => {
    const now = look();
    times = now === seen ? times + 1 : 0;
    seen = now;
    return times > 40;
  }, 'descriptors stay the same');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      workers: { type: 'string', default: '100000' },
      registrations: { type: 'string', default: '1000000' },
      minutes: { type: 'string' },
      spares: { type: 'string' },
      'final-words': { type: 'string' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    },
  });
  const { spares, 'final-words': finalWords } = values;
  const seed = Number(values.seed);
  const settings = {
    ...(spares === undefined ? {} : { spareWorkers: Number(spares) }),
    ...(finalWords === undefined ? {} : { finalWordsKept: Number(finalWords) }),
  };
  console.log(`soak: seed ${seed}`);
  for (const [what, run, count] of [
    ['workers without a process', soakRegistrations, Number(values.registrations)],
    ['workers', soak, Number(values.workers)],
  ] as const) {
    if (count === 0) continue;
    const readings = Math.min(500, Math.max(5, Math.ceil(count / 20)));
    const endAt = performance.now() + 60_000 * Number(values.minutes ?? Number.POSITIVE_INFINITY);
    const { counts, perSecond, findings } = await run({
      workers: count,
      readings,
      seed,
      settings,
      endAt,
      tell: console.log,
    });
    for (const [how, times] of Object.entries(counts).sort()) console.log(`${String(times).padStart(8)} ${how}`);
    console.log(
      `${what}: ${Math.round(perSecond)}/s, ${findings.length === 0 ? 'all answers right, and flat' : 'FOUND:'}`,
    );
    for (const finding of findings) console.log(finding);
    if (findings.length > 0) process.exitCode = 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
