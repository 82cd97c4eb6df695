/**
 * The settings of a postmaster: what may be set, what it is when nobody sets it, and what it may be. They arrive as
 * plain data from whoever starts the postmaster and are checked here, once, before anything else is done; what is
 * wrong is refused with the setting's name and what it wants.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { BgworkerError } from '../base/index.js';
import type { BackgroundWorker, Limits } from '../core/index.js';
import { checkBackgroundWorker, defaultLimits, MAX_INTERVAL_MS } from '../core/index.js';

export interface Settings {
  /** Null: a private one, made for this postmaster and removed with it. */
  readonly directory: string | null;
  readonly limits: Limits;
  /** What becomes of what workers print, where the worker does not say. */
  readonly output: 'inherit' | 'raw' | 'log' | 'ignore';
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** Log lines go to the embedding process, which has a logger, instead of stderr. */
  readonly logToHost: boolean;
  /** The Node that workers run with. */
  readonly nodePath: string;
  /** Flags for every worker: loaders that the host was started with, for example. */
  readonly workerExecArgv: readonly string[];
  /** What workers read from: nothing, or whatever the postmaster itself reads from. */
  readonly workerStdin: 'ignore' | 'inherit';
  /** Spares are made before the first start too: somebody has said how many there are to be. */
  readonly sparesFromStart: boolean;
  /** Workers that are there from the start. */
  readonly workers: readonly BackgroundWorker[];
}

const count = (min: number, max: number) =>
  v.pipe(
    v.number(`a whole number from ${min} to ${max}`),
    v.integer('a whole number'),
    v.minValue(min, `at least ${min}`),
    v.maxValue(max, `at most ${max}`),
  );
const milliseconds = v.pipe(
  v.number('a number of milliseconds'),
  v.minValue(0, 'at least 0'),
  v.maxValue(MAX_INTERVAL_MS, `at most ${MAX_INTERVAL_MS}`),
);

/** The core has none by itself; this many are made behind the first start. */
const DEFAULT_SPARES = 1;

/** PostgreSQL's bound of max_worker_processes. */
const MAX_SLOTS = 262_143;

const limitFields = {
  maxWorkerProcesses: v.optional(count(0, MAX_SLOTS)),
  maxParallelWorkers: v.optional(count(0, MAX_SLOTS)),
  classes: v.optional(
    v.record(
      v.pipe(v.string(), v.regex(/^[A-Za-z][\w-]{0,63}$/, 'a short word')),
      v.strictObject({ max: v.optional(count(0, MAX_SLOTS)), reserved: v.optional(count(0, MAX_SLOTS)) }),
    ),
  ),
  maxStartsPerPass: v.optional(count(1, 1_000)),
  maxWaitingRegistrations: v.optional(count(0, 1_000_000)),
  finalWordsKept: v.optional(count(0, 1_000_000)),
  finalWordsKeptMs: v.optional(milliseconds),
  resultBytesKept: v.optional(count(0, 16 * 1024 ** 3)),
  spareWorkers: v.optional(count(0, 1_000)),
  spareIdleMs: v.optional(v.nullable(milliseconds)),
  preload: v.optional(
    v.array(v.pipe(v.string('a file: URL'), v.startsWith('file:', 'a file: URL')), 'a list of file: URLs'),
  ),
  postmasterDeathGraceMs: v.optional(v.pipe(count(0, 600_000))),
};

const limitsSchema = v.strictObject(limitFields, describeUnknown);

const settingsSchema = v.strictObject(
  {
    ...limitFields,
    directory: v.optional(v.nullable(v.pipe(v.string('a path'), v.minLength(1, 'a path')))),
    output: v.optional(v.picklist(['inherit', 'raw', 'log', 'ignore'], 'one of inherit, raw, log, ignore')),
    logLevel: v.optional(
      v.picklist(
        ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
        'one of trace, debug, info, warn, error, fatal, silent',
      ),
    ),
    logToHost: v.optional(v.boolean('true or false')),
    nodePath: v.optional(v.pipe(v.string('a path'), v.minLength(1, 'a path'))),
    workerExecArgv: v.optional(v.array(v.string('a flag'), 'a list of flags')),
    workerStdin: v.optional(v.picklist(['ignore', 'inherit'], 'one of ignore, inherit')),
    workers: v.optional(v.array(v.custom<BackgroundWorker>((value) => typeof value === 'object' && value !== null))),
  },
  describeUnknown,
);

export type SettingsInput = v.InferInput<typeof settingsSchema>;
export type LimitsInput = v.InferInput<typeof limitsSchema>;

export function readSettings(input: unknown): Settings {
  const given = parse(settingsSchema, input);
  const limits = limitsOf(given, null);
  const workers = given.workers ?? [];
  for (const worker of workers) {
    const refusal = checkBackgroundWorker(worker);
    if (refusal !== undefined) throw new BgworkerError(refusal.code, refusal.message, refusal);
  }
  if (workers.length > limits.maxWorkerProcesses) {
    throw settingsError(
      'workers',
      `${workers.length} are listed`,
      `raise maxWorkerProcesses, which is ${limits.maxWorkerProcesses}`,
    );
  }
  return {
    directory: given.directory ?? null,
    limits,
    output: given.output ?? 'inherit',
    logLevel: given.logLevel ?? 'warn',
    logToHost: given.logToHost ?? false,
    nodePath: given.nodePath ?? process.execPath,
    workerExecArgv: given.workerExecArgv ?? [],
    workerStdin: given.workerStdin ?? 'ignore',
    sparesFromStart: asksForSpares(given),
    workers,
  };
}

/** The limits after a reload: what is given replaces, what is not given stays. */
export function reloadLimits(present: Limits, input: unknown): { readonly limits: Limits; readonly spares: boolean } {
  const given = parse(limitsSchema, input);
  return { limits: limitsOf(given, present), spares: asksForSpares(given) };
}

function asksForSpares({ spareWorkers }: LimitsInput): boolean {
  return spareWorkers !== undefined && spareWorkers > 0;
}

function limitsOf(given: LimitsInput, present: Limits | null): Limits {
  const maxWorkerProcesses = given.maxWorkerProcesses ?? present?.maxWorkerProcesses ?? defaultSlots();
  const base = present ?? { ...defaultLimits(maxWorkerProcesses), spareWorkers: DEFAULT_SPARES };
  const limits: Limits = {
    maxWorkerProcesses,
    classes: classesOf(given, maxWorkerProcesses, given.maxWorkerProcesses === undefined ? present : null),
    maxStartsPerPass: given.maxStartsPerPass ?? base.maxStartsPerPass,
    maxWaitingRegistrations: given.maxWaitingRegistrations ?? base.maxWaitingRegistrations,
    finalWordsKept: given.finalWordsKept ?? base.finalWordsKept,
    finalWordsKeptMs: given.finalWordsKeptMs ?? base.finalWordsKeptMs,
    resultBytesKept: given.resultBytesKept ?? base.resultBytesKept,
    spareWorkers: given.spareWorkers ?? base.spareWorkers,
    // Null keeps them for ever.
    spareIdleMs: given.spareIdleMs === null ? Number.POSITIVE_INFINITY : (given.spareIdleMs ?? base.spareIdleMs),
    preload: given.preload ?? base.preload,
    postmasterDeathGraceMs: given.postmasterDeathGraceMs ?? base.postmasterDeathGraceMs,
  };
  checkPreload(given.preload ?? []);
  const reserved = Object.values(limits.classes).reduce((sum, limit) => sum + limit.reserved, 0);
  if (reserved > maxWorkerProcesses) {
    throw settingsError(
      'classes',
      `${reserved} slots are reserved of ${maxWorkerProcesses}`,
      'reserve fewer, or raise maxWorkerProcesses',
    );
  }
  return limits;
}

/** Said now, and not by every spare that dies of it. What a module throws when it is imported, nobody knows before. */
function checkPreload(preload: readonly string[]): void {
  for (const module of preload) {
    if (!URL.canParse(module) || !existsSync(fileURLToPath(module))) {
      throw settingsError('preload', `${module} is missing`, 'name modules that are there, by path or file: URL');
    }
  }
}

/** A quarter is kept from parallel workers unless somebody says otherwise. */
function classesOf(given: LimitsInput, slots: number, present: Limits | null): Limits['classes'] {
  const classes: Record<string, { max: number; reserved: number }> = {
    ...defaultLimits(slots).classes,
    ...present?.classes,
  };
  for (const [name, limit] of Object.entries(given.classes ?? {})) {
    classes[name] = { max: limit.max ?? classes[name]?.max ?? slots, reserved: limit.reserved ?? 0 };
  }
  if (given.maxParallelWorkers !== undefined) {
    classes['parallel'] = { reserved: classes['parallel']?.reserved ?? 0, max: given.maxParallelWorkers };
  }
  return classes;
}

function defaultSlots(): number {
  return Math.max(4, 2 * availableParallelism());
}

function parse<S extends v.GenericSchema>(schema: S, input: unknown): v.InferOutput<S> {
  const parsed = v.safeParse(schema, input);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue) ?? 'settings';
  throw settingsError(path, `${path} is ${issue.received}`, issue.message);
}

function settingsError(setting: string, detail: string, wanted: string): BgworkerError {
  return new BgworkerError('ERR_INVALID_SETTING', `setting ${setting} is not valid`, { detail, hint: wanted });
}

function describeUnknown(issue: v.StrictObjectIssue): string {
  return issue.expected === 'never' ? 'there is no such setting' : 'an object of settings';
}
