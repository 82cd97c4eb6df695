/**
 * The settings of a postmaster: what may be set, what it is when nobody sets it, and what it may be. They arrive as
 * plain data from whoever starts the postmaster and are checked here, once, before anything else is done; what is
 * wrong is refused with the setting's name and what it wants.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { BgworkerError, nearest } from '../base/index.js';
import type { BackgroundWorker, Limits } from '../core/index.js';
import { checkBackgroundWorker, defaultLimits } from '../core/index.js';
import type { ReloadReport } from '../protocol/index.js';
import type { SettingName } from './settingsTable.js';
import { SETTING_NAMES, SETTINGS, settingRules } from './settingsTable.js';
import { defaultSlots } from './slotDefaults.js';

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

/** The core has none by itself; this many are made behind the first start. */
const DEFAULT_SPARES = 1;

const settingsSchema = v.strictObject(
  {
    ...settingRules,
    logToHost: v.optional(v.boolean('true or false')),
    workers: v.optional(v.array(v.custom<BackgroundWorker>((value) => typeof value === 'object' && value !== null))),
  },
  describeUnknown,
);

export type SettingsInput = v.InferInput<typeof settingsSchema>;

export function readSettings(input: unknown): Settings {
  const given = parse(input);
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

/** The settings after the configuration was read again: of the others that hold until the end, the present ones. */
export function adoptSettings(present: Settings, read: Settings): Settings {
  const { postmasterDeathGraceMs } = present.limits;
  const { output, logLevel, sparesFromStart, workers } = read;
  const limits = { ...read.limits, postmasterDeathGraceMs };
  return { ...present, limits, output, logLevel, sparesFromStart, workers };
}

/** The settings after a client's reload: what is given replaces, what is not given stays. */
export function changeSettings(present: Settings, input: unknown): Settings {
  const given = parse(input);
  for (const name of Object.keys(given) as (keyof typeof given)[]) {
    if (name in SETTINGS && SETTINGS[name as SettingName].reload) continue;
    throw new BgworkerError('ERR_INVALID_SETTING', `setting ${name} cannot be changed while the postmaster runs`, {
      detail: `it was given in a reload`,
      hint: 'start the postmaster again with it',
    });
  }
  return {
    ...present,
    limits: limitsOf(given, present.limits),
    output: given.output ?? present.output,
    logLevel: given.logLevel ?? present.logLevel,
    sparesFromStart: asksForSpares(given),
  };
}

/** What each setting is, as users know them. */
export function settingValues({ limits, ...rest }: Settings): { readonly [Name in SettingName]: unknown } {
  const { classes, spareIdleMs, ...numbers } = limits;
  return {
    ...numbers,
    maxParallelWorkers: classes['parallel']?.max,
    // What maxParallelWorkers says is said once.
    classes: Object.fromEntries(
      Object.entries(classes).filter(([name, { reserved }]) => name !== 'parallel' || reserved > 0),
    ),
    // JSON has no Infinity.
    spareIdleMs: spareIdleMs === Number.POSITIVE_INFINITY ? null : spareIdleMs,
    output: rest.output,
    logLevel: rest.logLevel,
    directory: rest.directory,
    nodePath: rest.nodePath,
    workerExecArgv: rest.workerExecArgv,
    workerStdin: rest.workerStdin,
  };
}

/** What a reload that read other settings than the present ones changes, and what it would but cannot. */
export function compareSettings(present: Settings, read: Settings): Omit<ReloadReport, 'workers'> {
  const [from, to] = [settingValues(present), settingValues(read)];
  const differing = SETTING_NAMES.filter((name) => JSON.stringify(from[name]) !== JSON.stringify(to[name]));
  const changes = differing.map((name) => ({ name, from: from[name], to: to[name] }));
  return {
    changed: changes.filter(({ name }) => SETTINGS[name].reload),
    needRestart: changes.filter(({ name }) => !SETTINGS[name].reload),
  };
}

function asksForSpares({ spareWorkers }: SettingsInput): boolean {
  return spareWorkers !== undefined && spareWorkers > 0;
}

function limitsOf(given: SettingsInput, present: Limits | null): Limits {
  const maxWorkerProcesses = given.maxWorkerProcesses ?? present?.maxWorkerProcesses ?? defaultSlots('embedded');
  const base = present ?? { ...defaultLimits(maxWorkerProcesses), spareWorkers: DEFAULT_SPARES };
  const limits: Limits = {
    maxWorkerProcesses,
    classes: classesOf(given, maxWorkerProcesses, present),
    maxStartsPerPass: given.maxStartsPerPass ?? base.maxStartsPerPass,
    maxWaitingRegistrations: given.maxWaitingRegistrations ?? base.maxWaitingRegistrations,
    finalWordsKept: given.finalWordsKept ?? base.finalWordsKept,
    finalWordsKeptMs: given.finalWordsKeptMs ?? base.finalWordsKeptMs,
    resultBytesKept: given.resultBytesKept ?? base.resultBytesKept,
    maxSegments: given.maxSegments ?? base.maxSegments,
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

/**
 * A quarter is kept from parallel workers unless somebody says otherwise; who says how many slots there are says nothing
 * of the classes.
 */
function classesOf(given: SettingsInput, slots: number, present: Limits | null): Limits['classes'] {
  const standard = defaultLimits(slots).classes;
  const classes: Record<string, { max: number; reserved: number }> = { ...standard, ...present?.classes };
  if (present !== null && isStandardParallel(present)) Object.assign(classes, standard);
  for (const [name, limit] of Object.entries(given.classes ?? {})) {
    classes[name] = { max: limit.max ?? classes[name]?.max ?? slots, reserved: limit.reserved ?? 0 };
  }
  if (given.maxParallelWorkers !== undefined) {
    classes['parallel'] = { reserved: classes['parallel']?.reserved ?? 0, max: given.maxParallelWorkers };
  }
  return classes;
}

function isStandardParallel({ maxWorkerProcesses, classes }: Limits): boolean {
  const [own, standard] = [classes['parallel'], defaultLimits(maxWorkerProcesses).classes['parallel']];
  return own?.max === standard?.max && own?.reserved === standard?.reserved;
}

function parse(input: unknown): v.InferOutput<typeof settingsSchema> {
  const parsed = v.safeParse(settingsSchema, input);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue) ?? 'settings';
  const isUnknown = issue.type === 'strict_object' && issue.expected === 'never';
  throw settingsError(path, isUnknown ? `there is no setting ${path}` : `${path} is ${issue.received}`, issue.message);
}

function settingsError(setting: string, detail: string, wanted: string): BgworkerError {
  return new BgworkerError('ERR_INVALID_SETTING', `setting ${setting} is not valid`, { detail, hint: wanted });
}

function describeUnknown(issue: v.StrictObjectIssue): string {
  if (issue.expected !== 'never') return 'an object of settings';
  const [likely] = nearest(String(v.getDotPath(issue) ?? ''), [...SETTING_NAMES, 'workers']);
  return likely === undefined ? `the settings are ${SETTING_NAMES.join(', ')}` : `did you mean ${likely}?`;
}
