/**
 * Every setting of a postmaster: the rule that its value has to follow, its unit, its range in words, and whether a
 * postmaster that runs takes a new one. settings.ts reads values by it and knows what holds where nothing is given;
 * docs/settings.md is held to it by a test.
 */
import * as v from 'valibot';
import { MAX_INTERVAL_MS } from '../core/index.js';

interface Setting {
  /** Its messages say what is wanted. */
  readonly rule: v.GenericSchema;
  readonly unit: string;
  readonly range: string;
  /** Taken by `client.reload()`, SIGHUP and `bgworker reload`; the others hold from the start to the end. */
  readonly reload: boolean;
}

/** PostgreSQL's bound of max_worker_processes. */
const MAX_SLOTS = 262_143;

/** The guardian names them all to one `rm`. */
const MAX_SEGMENTS = 16_384;

const count = (min: number, max: number) =>
  v.pipe(
    v.number(`a whole number from ${min} to ${max}`),
    v.integer('a whole number'),
    v.minValue(min, `at least ${min}`),
    v.maxValue(max, `at most ${max}`),
  );

const whole = (min: number, max: number, unit: string, reload = true) =>
  ({ rule: count(min, max), unit, range: `${min} to ${max}`, reload }) as const;

const milliseconds = v.pipe(
  v.number('a number of milliseconds'),
  v.minValue(0, 'at least 0'),
  v.maxValue(MAX_INTERVAL_MS, `at most ${MAX_INTERVAL_MS}`),
);

const path = v.pipe(v.string('a path'), v.minLength(1, 'a path'));

const words = <const Words extends readonly string[]>(of: Words, reload: boolean) =>
  ({ rule: v.picklist(of, `one of ${of.join(', ')}`), unit: '', range: of.join(', '), reload }) as const;

const moduleUrls = v.array(
  v.pipe(v.string('a file: URL'), v.startsWith('file:', 'a file: URL')),
  'a list of file: URLs',
);

const classes = v.record(
  v.pipe(v.string(), v.regex(/^[A-Za-z][\w-]{0,63}$/, 'a short word')),
  v.strictObject({ max: v.optional(count(0, MAX_SLOTS)), reserved: v.optional(count(0, MAX_SLOTS)) }),
);

export const SETTINGS = {
  maxWorkerProcesses: whole(0, MAX_SLOTS, 'slots'),
  maxParallelWorkers: whole(0, MAX_SLOTS, 'slots'),
  classes: { rule: classes, unit: 'slots', range: '{ name: { max, reserved } }', reload: true },
  maxStartsPerPass: whole(1, 1_000, 'processes'),
  maxWaitingRegistrations: whole(0, 1_000_000, 'registrations'),
  finalWordsKept: whole(0, 1_000_000, 'workers'),
  finalWordsKeptMs: { rule: milliseconds, unit: 'ms', range: `0 to ${MAX_INTERVAL_MS}`, reload: true },
  resultBytesKept: whole(0, 16 * 1024 ** 3, 'bytes'),
  maxSegments: whole(0, MAX_SEGMENTS, 'segments'),
  spareWorkers: whole(0, 1_000, 'processes'),
  spareIdleMs: { rule: v.nullable(milliseconds), unit: 'ms', range: `0 to ${MAX_INTERVAL_MS}, or null`, reload: true },
  preload: { rule: moduleUrls, unit: '', range: 'list of paths or file: URLs', reload: true },
  output: words(['inherit', 'raw', 'log', 'ignore'], true),
  logLevel: words(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], true),
  postmasterDeathGraceMs: whole(0, 600_000, 'ms', false),
  directory: { rule: v.nullable(path), unit: '', range: 'path, or null', reload: false },
  nodePath: { rule: path, unit: '', range: 'path', reload: false },
  workerExecArgv: {
    rule: v.array(v.string('a flag'), 'a list of flags'),
    unit: '',
    range: 'list of flags',
    reload: false,
  },
  workerStdin: words(['ignore', 'inherit'], false),
} as const satisfies { readonly [name: string]: Setting };

export type SettingName = keyof typeof SETTINGS;

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

type Rules = { readonly [Name in SettingName]: v.OptionalSchema<(typeof SETTINGS)[Name]['rule'], undefined> };

/** Each may be left out. */
export const settingRules = Object.fromEntries(
  Object.entries(SETTINGS).map(([name, { rule }]) => [name, v.optional(rule as v.GenericSchema)]),
) as unknown as Rules;
