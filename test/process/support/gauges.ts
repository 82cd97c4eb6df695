/**
 * What a soak measures, and when it calls that flat. Everything is read while no worker runs, so that descriptors and
 * files can be compared exactly and memory holds nothing that is still needed.
 *
 * Flat means: the median of the last fifth of the readings is not above the median of the second fifth by more than a
 * fixed slack and so many bytes for each thousand workers between them. The first fifth is warm-up: modules are
 * loaded, code is compiled, and the last words fill up. What can be counted may not grow at all.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fixtureUrl } from './fixtures.js';
import { untilAsked } from './patience.js';
import { guardianOf, kill, openDescriptors } from './processes.js';

export interface Reading {
  /** How many workers have come and gone. */
  readonly workers: number;
  readonly postmasterHeapBytes: number;
  /** Of memory that no other process has. */
  readonly postmasterPrivateBytes: number;
  readonly postmasterRssBytes: number;
  readonly postmasterDescriptors: number;
  readonly guardianPrivateBytes: number;
  readonly guardianDescriptors: number;
  readonly clientHeapBytes: number;
  readonly clientDescriptors: number;
  /** Arguments and reports in the postmaster's directory. */
  readonly files: number;
}

type Gauge = Exclude<keyof Reading, 'workers'>;

interface Allowance {
  readonly bytes: number;
  readonly bytesPerThousand: number;
}

const MIB = 1024 * 1024;

/**
 * What lives behind a collection of garbage is exact, but for code that is compiled when it is first needed or has
 * become hot; what the system gave comes in steps. Of a hundred thousand workers, 50 bytes each are noticed.
 */
const ALLOWED: { readonly [name in Gauge]?: Allowance } = {
  postmasterHeapBytes: { bytes: 2 * MIB, bytesPerThousand: 8 * 1024 },
  postmasterPrivateBytes: { bytes: 6 * MIB, bytesPerThousand: 32 * 1024 },
  guardianPrivateBytes: { bytes: MIB / 8, bytesPerThousand: 1024 },
  clientHeapBytes: { bytes: 2 * MIB, bytesPerThousand: 8 * 1024 },
};

const COUNTED: readonly Gauge[] = ['postmasterDescriptors', 'guardianDescriptors', 'clientDescriptors'];

/** Gives what is not flat; nothing if all is. */
export function whatGrew(readings: readonly Reading[]): readonly string[] {
  const fifth = Math.floor(readings.length / 5);
  assert(fifth > 0, 'five readings at least');
  const early = readings.slice(fifth, 2 * fifth);
  const late = readings.slice(-fifth);
  const findings: string[] = [];
  const thousands = (median(late, 'workers') - median(early, 'workers')) / 1_000;
  for (const [gauge, allowed] of Object.entries(ALLOWED) as [Gauge, Allowance][]) {
    const growth = median(late, gauge) - median(early, gauge);
    if (growth <= allowed.bytes + allowed.bytesPerThousand * thousands) continue;
    findings.push(`${gauge} grew by ${inMib(growth)} in ${Math.round(1_000 * thousands)} workers`);
  }
  for (const gauge of COUNTED) {
    // The very first ones too: a process that is kept in reserve may be missing at any single look.
    const before = Math.max(...readings.slice(0, 2 * fifth).map((reading) => reading[gauge]));
    const after = Math.max(...late.map((reading) => reading[gauge]));
    if (after > before) findings.push(`${gauge} grew from ${before} to ${after}`);
  }
  const files = readings.find((reading) => reading.files > 0);
  if (files !== undefined) findings.push(`${files.files} files were left behind ${files.workers} workers`);
  return findings;
}

export function describeReading(reading: Reading): string {
  return (
    `postmaster: heap ${inMib(reading.postmasterHeapBytes)}, private ${inMib(reading.postmasterPrivateBytes)}, ` +
    `RSS ${inMib(reading.postmasterRssBytes)}, ${reading.postmasterDescriptors} descriptors; ` +
    `guardian: ${inMib(reading.guardianPrivateBytes)}; ` +
    `client: heap ${inMib(reading.clientHeapBytes)}, ${reading.clientDescriptors} descriptors; ${reading.files} files`
  );
}

/** Reads the gauges of one postmaster and of this process, its client. */
export class Gauges {
  readonly #postmaster: number;
  readonly #directory: string;
  readonly #heapReport: string;
  readonly #collectGarbage: () => void;

  constructor(postmaster: number, directory: string, heapReport: string) {
    this.#postmaster = postmaster;
    this.#directory = directory;
    this.#heapReport = heapReport;
    setFlagsFromString('--expose-gc');
    this.#collectGarbage = runInNewContext('gc') as () => void;
  }

  /** To be called while no worker runs. */
  async read(workers: number): Promise<Reading> {
    const guardian = guardianOf(this.#postmaster);
    assert(guardian !== undefined, 'the guardian lives');
    // Before the garbage is collected: this is what the machine has to give.
    const { privateBytes, rssBytes } = memoryOf(this.#postmaster);
    const postmasterHeapBytes = await this.#heapOfPostmaster();
    this.#collectGarbage();
    // Memory of buffers is given back by a finalizer, behind the collection that found them dead.
    await nextTurn();
    this.#collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return {
      workers,
      postmasterHeapBytes,
      postmasterPrivateBytes: privateBytes,
      postmasterRssBytes: rssBytes,
      postmasterDescriptors: openDescriptors(this.#postmaster),
      guardianPrivateBytes: memoryOf(guardian).privateBytes,
      guardianDescriptors: openDescriptors(guardian),
      clientHeapBytes: heapUsed + external,
      clientDescriptors: openDescriptors(process.pid),
      files: ['args', 'reports'].flatMap((folder) => readdirSync(join(this.#directory, folder))).length,
    };
  }

  /** Everything a worker's process had is given back: what is still being closed is waited for, a leak in vain. */
  async settled(descriptors: number): Promise<void> {
    await untilAsked(
      async () => openDescriptors(this.#postmaster) <= descriptors,
      `the postmaster has no more than ${descriptors} descriptors, as before`,
    );
  }

  async #heapOfPostmaster(): Promise<number> {
    rmSync(this.#heapReport, { force: true });
    kill(this.#postmaster, 'SIGUSR2');
    let text: string | undefined;
    await untilAsked(async () => {
      text = textOf(this.#heapReport);
      return text !== undefined;
    }, 'the postmaster tells the size of its heap');
    return Number(text);
  }
}

/** Starts something whose postmaster tells the size of its heap in this file. */
export async function withHeapReport<T>(file: string, start: () => Promise<T>): Promise<T> {
  const before = process.env['NODE_OPTIONS'];
  process.env['NODE_OPTIONS'] = `${before ?? ''} --import=${fixtureUrl('heapOnRequest.mjs')}`.trim();
  process.env['HEAP_REPORT'] = file;
  try {
    return await start();
  } finally {
    delete process.env['HEAP_REPORT'];
    if (before === undefined) delete process.env['NODE_OPTIONS'];
    else process.env['NODE_OPTIONS'] = before;
  }
}

function memoryOf(pid: number): { readonly privateBytes: number; readonly rssBytes: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const bytes = (field: string): number => 1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
  return { privateBytes: bytes('Private_Clean') + bytes('Private_Dirty'), rssBytes: bytes('Rss') };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function median(readings: readonly Reading[], gauge: keyof Reading): number {
  const sorted = readings.map((reading) => reading[gauge]).sort((one, other) => one - other);
  return sorted[sorted.length >> 1] ?? 0;
}

function inMib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
