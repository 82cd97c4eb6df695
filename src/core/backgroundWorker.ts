/**
 * What a background worker is: the definition that a registration hands over. It is checked twice by this one
 * function, in the client (so that a bad definition never leaves) and in the core (which believes nobody); the first
 * field that is wrong is refused with its name, its value and what would be right, and nothing changes.
 *
 * The definition is immutable once registered (R-REG-1). It is plain data: whoever holds it runs none of it. Defaults
 * are filled in by `completeBackgroundWorker`, so everybody behind it sees every field.
 *
 * Model: struct BackgroundWorker in bgworker.h and SanityCheckBackgroundWorker in bgworker.c.
 */
import { nearest } from '../base/index.js';
import type { Refusal } from './refusal.js';

/** Whether a worker is started again: not at all, unless its function returned, or whatever it died of. */
export type RestartPolicy = 'never' | 'onFailure' | 'always';
/** Which workers of the settings come first. PostgreSQL: BgWorkerStart_PostmasterStart and the others. */
export type StartTime = 'postmasterStart' | 'afterEarly';

/** `mainArg` on its way: bytes that v8.serialize made, carried but never read by the postmaster. */
export type Argument =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** Too long for a frame: a file in the postmaster's directory, removed when the worker is done for good. */
  | { readonly kind: 'file'; readonly file: string; readonly sizeBytes: number };

export interface BackgroundWorker {
  /** For people: titles, logs, `ps`. At most 255 characters. Not unique, unless `ifNameTaken` asks for it. */
  readonly name: string;
  /** What kind of worker it is, for `ps` and the log. Default: the name (R-REG-15). */
  readonly type: string;
  /** A file URL. */
  readonly module: string;
  /** The export to call; null runs the module as a script: started is evaluated, ended is an empty event loop. */
  readonly functionName: string | null;
  /** What a script finds in process.argv after its own name. */
  readonly args: readonly string[];
  readonly mainArg: Argument;
  readonly class: string;
  readonly startTime: StartTime;
  /** `explicit`: others that wait for this worker wait for `ctx.ready()`, not only for its function to be entered. */
  readonly readiness: 'implicit' | 'explicit';
  readonly restart: RestartPolicy;
  /** From the reap of a death to the next start, in milliseconds (R-PM-40). */
  readonly restartTimeMs: number;
  readonly restartBackoff: RestartBackoff | null;
  /** So many failures in so long a period end it for good as a crash loop. Null: no limit. */
  readonly restartIntensity: RestartIntensity | null;
  readonly crashGroup: string | null;
  /** `client`: it is terminated when the connection that registered it is gone. */
  readonly lifetime: 'postmaster' | 'client';
  readonly ifNameTaken: 'throw' | 'useIt' | 'replace' | null;
  /** From the fork of an attempt; then it is asked to stop, and killed after terminateTimeoutMs. Null: no limit. */
  readonly maxRunMs: number | null;
  /** From being asked to stop to SIGKILL; 0 means SIGKILL at once. */
  readonly terminateTimeoutMs: number;
  readonly cwd: string;
  /** Beside the postmaster's own environment. */
  readonly env: { readonly [name: string]: string };
  readonly execArgv: readonly string[];
  /** The Node to run it with; null is the postmaster's own. */
  readonly nodePath: string | null;
  /** What becomes of what it prints; null leaves it to the postmaster's setting. */
  readonly output: 'inherit' | 'raw' | 'log' | 'ignore' | null;
  readonly resourceLimits: ResourceLimits;
  /** false: its channel carries only its own state; it cannot register workers or ask for others. */
  readonly attach: boolean;
  /** Scheduling priority, -20 (most favourable) to 19. */
  readonly nice: number;
  /** A process that is not Node and wants a SIGUSR1 on every start and death. */
  readonly notifyPid: number | null;
}

/** Each failure in a row waits longer than the one before. */
export interface RestartBackoff {
  /** By which a pause is longer than the one before: 1 to 100. */
  readonly factor: number;
  /** No pause is longer, in milliseconds. */
  readonly maxMs: number;
  /** The share of the delay that is left to chance: 0.2 makes 1000 ms anything from 800 to 1200. */
  readonly jitter: number;
}

/** So many failures in so long a time end a worker for good, as a crash loop. */
export interface RestartIntensity {
  /** How many. */
  readonly deaths: number;
  /** Within how long, in milliseconds. */
  readonly periodMs: number;
}

/** How much memory a worker may use; null: no limit. */
export interface ResourceLimits {
  /** The JavaScript heap, in MiB: Node's --max-old-space-size. It ends with `outOfMemory`. */
  readonly maxOldSpaceMb: number | null;
  /** All of its memory, from 1 MiB, looked at twice a second. It ends with `memoryLimit`. Linux only. */
  readonly maxRssBytes: number | null;
}

/** The fields nobody can fill in for the caller. */
export type BackgroundWorkerInput = Partial<BackgroundWorker> & Pick<BackgroundWorker, 'name' | 'module' | 'cwd'>;

const MAX_NAME_LENGTH = 255;
/** PostgreSQL's bound, 1000 days, and no 32-bit arithmetic on the way to it (R-REG-12, R-REG-13). */
export const MAX_INTERVAL_MS = 86_400_000_000;
const MAX_ARGUMENT_FILE_BYTES = 64 * 1024 * 1024;

export function completeBackgroundWorker(input: BackgroundWorkerInput): BackgroundWorker {
  const restartBackoff = input.restartBackoff ?? null;
  return {
    type: input.name,
    functionName: 'default',
    args: [],
    mainArg: { kind: 'none' },
    class: 'default',
    startTime: 'afterEarly',
    readiness: 'implicit',
    restart: 'never',
    restartTimeMs: 1_000,
    // A fixed interval spins for ever on a permanent fault (R-PM-24), so there the limit is on; a backoff calms itself.
    restartIntensity: restartBackoff === null ? { deaths: 10, periodMs: 60_000 } : null,
    crashGroup: null,
    lifetime: 'postmaster',
    ifNameTaken: null,
    maxRunMs: null,
    terminateTimeoutMs: 5_000,
    env: {},
    execArgv: [],
    nodePath: null,
    output: null,
    resourceLimits: { maxOldSpaceMb: null, maxRssBytes: null },
    attach: true,
    nice: 0,
    notifyPid: null,
    ...input,
    restartBackoff,
  };
}

/** Gives the first thing that is wrong with it, or undefined. */
export function checkBackgroundWorker(worker: BackgroundWorker): Refusal | undefined {
  for (const [field, rule] of FIELDS) {
    const value: unknown = worker[field];
    const wanted = rule(value);
    if (wanted !== undefined) return refuse(worker, `${field} is not valid`, `${field} is ${show(value)}`, wanted);
  }
  for (const field in worker) {
    if (Object.hasOwn(RULES, field)) continue;
    return refuse(worker, 'unknown field', `${field} is no field of a background worker`, adviseOnField(field));
  }
  return checkTogether(worker);
}

const BACKOFF_RULES: Rules<RestartBackoff> = {
  factor: number(1, 100),
  maxMs: number(0, MAX_INTERVAL_MS),
  jitter: number(0, 1),
};

const INTENSITY_RULES: Rules<RestartIntensity> = {
  deaths: integer(1, 1_000),
  periodMs: number(1, MAX_INTERVAL_MS),
};

const RESOURCE_RULES: Rules<ResourceLimits> = {
  maxOldSpaceMb: orNull(integer(1, 1_048_576)),
  maxRssBytes: orNull(integer(1_048_576, Number.MAX_SAFE_INTEGER)),
};

/** What each field may be by itself; the rule gives what it wants, when it does not have it. */
const RULES: Rules<BackgroundWorker> = {
  name: text(1, MAX_NAME_LENGTH),
  type: text(0, MAX_NAME_LENGTH),
  module: (value) =>
    isText(value, 1, 8192) && value.startsWith('file:') ? undefined : 'give a file: URL, or a path to the client',
  functionName: orNull(text(1, MAX_NAME_LENGTH)),
  args: list(text(0, 131_072), 'strings'),
  mainArg: checkArgument,
  class: (value) =>
    isText(value, 1, 64) && /^[A-Za-z][\w-]*$/.test(value) ? undefined : 'give a short word, such as parallel',
  startTime: oneOf('postmasterStart', 'afterEarly'),
  readiness: oneOf('implicit', 'explicit'),
  restart: oneOf('never', 'onFailure', 'always'),
  restartTimeMs: number(0, MAX_INTERVAL_MS),
  restartBackoff: orNull((value) => {
    if (!isRecord(value)) return 'give { factor, maxMs, jitter }';
    return first(value, BACKOFF_RULES);
  }),
  restartIntensity: orNull((value) => {
    if (!isRecord(value)) return 'give { deaths, periodMs }, or null for no limit';
    return first(value, INTENSITY_RULES);
  }),
  crashGroup: orNull(text(1, MAX_NAME_LENGTH)),
  lifetime: oneOf('postmaster', 'client'),
  ifNameTaken: orNull(oneOf('throw', 'useIt', 'replace')),
  maxRunMs: orNull(number(1, MAX_INTERVAL_MS)),
  terminateTimeoutMs: number(0, MAX_INTERVAL_MS),
  cwd: (value) => (isText(value, 1, 4096) && value.startsWith('/') ? undefined : 'give an absolute path'),
  env: (value) => {
    if (!isRecord(value)) return 'give an object of strings';
    for (const [name, entry] of Object.entries(value)) {
      if (name === '' || name.includes('=') || name.includes('\0')) return `${show(name)} cannot be a variable's name`;
      if (!isText(entry, 0, 131_072)) return `give a string without NUL for ${name}`;
    }
    return undefined;
  },
  execArgv: list(text(1, 131_072), 'strings'),
  nodePath: orNull(text(1, 4096)),
  output: orNull(oneOf('inherit', 'raw', 'log', 'ignore')),
  resourceLimits: (value) => {
    if (!isRecord(value)) return 'give { maxOldSpaceMb, maxRssBytes }';
    return first(value, RESOURCE_RULES);
  },
  attach: (value) => (typeof value === 'boolean' ? undefined : 'give true or false'),
  nice: integer(-20, 19),
  notifyPid: orNull(integer(2, 2 ** 31 - 1)),
};

const FIELDS = Object.entries(RULES) as readonly (readonly [keyof BackgroundWorker, Rule])[];

/** What fields may not be together. */
function checkTogether(worker: BackgroundWorker): Refusal | undefined {
  if (worker.class === 'parallel' && worker.restart !== 'never') {
    // R-REG-14: a parallel worker that comes back would meet a leader that no longer expects it.
    return refuse(
      worker,
      'parallel workers may not be restarted',
      `restart is ${worker.restart}`,
      'use restart: never',
    );
  }
  if (worker.restart === 'never' && worker.restartBackoff !== null) {
    return refuse(worker, 'a backoff needs a restart', 'restart is never', 'set restart to onFailure or always');
  }
  if (worker.functionName === null && worker.mainArg.kind !== 'none') {
    return refuse(worker, 'a script takes no mainArg', 'functionName is null', 'use args, or name an export');
  }
  return undefined;
}

function checkArgument(value: unknown): string | undefined {
  if (!isRecord(value)) return 'give { kind }';
  if (value['kind'] === 'none') return undefined;
  if (value['kind'] === 'bytes') return value['bytes'] instanceof Uint8Array ? undefined : 'give bytes';
  if (value['kind'] !== 'file') return 'kind is none, bytes or file';
  if (!isText(value['file'], 1, 64) || !/^[\w-]+$/.test(value['file'])) return 'file is a plain name';
  return integer(0, MAX_ARGUMENT_FILE_BYTES)(value['sizeBytes']);
}

function refuse(worker: BackgroundWorker, problem: string, detail: string, hint: string): Refusal {
  const name = isText(worker.name, 1, MAX_NAME_LENGTH) ? worker.name : '';
  return {
    code: 'ERR_INVALID_BACKGROUND_WORKER',
    message: name === '' ? `background worker: ${problem}` : `background worker ${JSON.stringify(name)}: ${problem}`,
    detail,
    hint,
  };
}

type Rule = (value: unknown) => string | undefined;
type Rules<T> = { readonly [Field in keyof T]: Rule };

function text(minLength: number, maxLength: number): Rule {
  return (value) =>
    isText(value, minLength, maxLength) ? undefined : `give ${minLength} to ${maxLength} characters without NUL`;
}

function isText(value: unknown, minLength: number, maxLength: number): value is string {
  return typeof value === 'string' && value.length >= minLength && value.length <= maxLength && !value.includes('\0');
}

function number(min: number, max: number): Rule {
  return (value) =>
    typeof value === 'number' && value >= min && value <= max ? undefined : `give a number from ${min} to ${max}`;
}

function integer(min: number, max: number): Rule {
  return (value) =>
    Number.isSafeInteger(value) && number(min, max)(value) === undefined
      ? undefined
      : `give a whole number from ${min} to ${max}`;
}

function oneOf(...words: readonly string[]): Rule {
  return (value) => (words.includes(value as string) ? undefined : `give one of ${words.join(', ')}`);
}

function orNull(rule: Rule): Rule {
  return (value) => (value === null ? undefined : rule(value));
}

function list(rule: Rule, what: string): Rule {
  return (value) => {
    if (!Array.isArray(value)) return `give a list of ${what}`;
    for (const entry of value) {
      const wanted = rule(entry);
      if (wanted !== undefined) return `in the list: ${wanted}`;
    }
    return undefined;
  };
}

/** A record with exactly these fields. */
function first(value: Record<string, unknown>, rules: { readonly [field: string]: Rule }): string | undefined {
  for (const field in rules) {
    const wanted = rules[field]?.(value[field]);
    if (wanted !== undefined) return `${field}: ${wanted}`;
  }
  for (const field in value) {
    if (!Object.hasOwn(rules, field)) return `${field} is unknown; it has ${Object.keys(rules).join(', ')}`;
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Never throws, whatever it is shown, and does not say much of what is big. */
function show(value: unknown): string {
  if (typeof value === 'bigint' || typeof value === 'number' || value === undefined) return String(value);
  if (isRecord(value)) return `an object with ${Object.keys(value).slice(0, 10).join(', ') || 'no fields'}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  const shown = JSON.stringify(value) ?? typeof value;
  return shown.length > 100 ? `${shown.slice(0, 100)}…` : shown;
}

function adviseOnField(field: string): string {
  const [likely] = nearest(field, Object.keys(RULES));
  return likely === undefined ? `the fields are ${Object.keys(RULES).join(', ')}` : `did you mean ${likely}?`;
}
