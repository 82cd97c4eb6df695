/**
 * What a host may say of the postmaster it starts. The postmaster checks it and fills in what is missing; here are
 * only the shape, and the workers it is to have from the start, made into definitions.
 */
import { BgworkerError } from '../base/index.js';
import type { Argument, BackgroundWorker } from '../core/index.js';
import type { LogLevel, WorkerValue } from '../protocol/index.js';
import { MAX_ATTACHMENT_BYTES, serializeValue } from '../protocol/index.js';
import type { ModuleLocation, ScriptOptions, Target, WorkerOptions } from './registration.js';
import { defineRegistration, moduleUrl } from './registration.js';
import type { World } from './world.js';

/** How many slots the workers of one class have. */
export interface ClassLimits {
  /** At most so many at once. Default: as many as there are. */
  readonly max?: number;
  /** So many that no other class may take. Default 0. */
  readonly reserved?: number;
}

/** Those that may also be changed while it runs, by `client.reload()`. */
export interface ReloadableSettings {
  /**
   * Slots. Default: twice the processors (as a container's limit has them), at least 4, but one for each 64 MiB of a
   * container's memory at most. PostgreSQL: max_worker_processes.
   */
  readonly maxWorkerProcesses?: number | undefined;
  /** Slots of class `parallel`. Default: three quarters of all. PostgreSQL: max_parallel_workers. */
  readonly maxParallelWorkers?: number | undefined;
  /** By class: how many there may be at once, and how many slots no other class may take. */
  readonly classes?: { readonly [name: string]: ClassLimits } | undefined;
  /** How many processes are made before the postmaster listens again. Default 1. PostgreSQL: MAX_BGWORKERS_TO_LAUNCH. */
  readonly maxStartsPerPass?: number | undefined;
  /** How many registrations may wait for a slot. Default 10 000. */
  readonly maxWaitingRegistrations?: number | undefined;
  /** Of how many stopped workers the last word is kept. Default 1000. */
  readonly finalWordsKept?: number | undefined;
  /** And for how long, in milliseconds. Default an hour. */
  readonly finalWordsKeptMs?: number | undefined;
  /** With how many bytes of results in all. Default 64 MiB. */
  readonly resultBytesKept?: number | undefined;
  /** How many segments of shared memory there may be. Default 1024. */
  readonly maxSegments?: number | undefined;
  /**
   * Spare processes, booted and idle, so that a start takes about a millisecond. Default: none until the first start,
   * then 1. A number that is given holds from the beginning.
   */
  readonly spareWorkers?: number | undefined;
  /** How long spares are kept after the last start that one could have served, in ms; null for ever. Default 60 000. */
  readonly spareIdleMs?: number | null | undefined;
  /** Modules that each spare imports when it boots. PostgreSQL: shared_preload_libraries. */
  readonly preload?: readonly ModuleLocation[] | undefined;
  /** What becomes of what workers print, where the worker does not say. Default `inherit`. */
  readonly output?: 'inherit' | 'raw' | 'log' | 'ignore' | undefined;
  /** Of the postmaster's own lines. Default `warn`. */
  readonly logLevel?: LogLevel | 'silent' | undefined;
}

/** What `startPostmaster` takes; all of it has defaults. docs/settings.md has the whole table. */
export interface PostmasterSettings extends ReloadableSettings {
  /** How long a worker may outlive its postmaster, in milliseconds. Default 1000. */
  readonly postmasterDeathGraceMs?: number | undefined;
  /** Default: a private one, which is removed in the end. */
  readonly directory?: string | null | undefined;
  /** Shaped as pino's; default: JSON lines on stderr. */
  readonly logger?: Logger | undefined;
  /** The Node for the postmaster and its workers: a real one, where this program is bundled or packaged. Default: ours. */
  readonly nodePath?: string | undefined;
  /** Flags for every worker, in the place of those of ours that workers can use (loaders, conditions). */
  readonly workerExecArgv?: readonly string[] | undefined;
  /** What workers read from. Default `ignore`. */
  readonly workerStdin?: 'ignore' | 'inherit' | undefined;
  /** Workers that are there from the start. */
  readonly workers?: readonly WorkerSetting[] | undefined;
}

/** Any object with the methods of a pino logger will do. */
export type Logger = { readonly [Level in LogLevel]: (fields: object, message: string) => void };

/** A worker that the settings name. `restart` is `onFailure` by default, with a backoff, since nobody else would see to it. */
export type WorkerSetting =
  | (WorkerOptions & { readonly worker: WorkerValue<never>; readonly arg?: unknown })
  | (WorkerOptions & { readonly module: ModuleLocation; readonly exportName?: string; readonly arg?: unknown })
  | (ScriptOptions & { readonly script: ModuleLocation });

/** Modules as URLs, since the postmaster cannot know what a path is relative to. */
export function resolvePreload<S extends ReloadableSettings>(settings: S): S {
  const { preload } = settings;
  return Array.isArray(preload) ? { ...settings, preload: preload.map((location) => moduleUrl(location)) } : settings;
}

/** A second, doubled up to a minute, give or take a fifth. */
const DEFAULT_BACKOFF = { factor: 2, maxMs: 60_000, jitter: 0.2 } as const;

/** Throws what `register` would for the same worker. */
export async function defineEarlyWorker(
  setting: WorkerSetting,
  world?: Pick<World, 'findWorker'>,
): Promise<BackgroundWorker> {
  const { target, arg, options } = readSetting(setting);
  const { restart = 'onFailure' } = options;
  const restartBackoff = restart === 'never' ? options.restartBackoff : (options.restartBackoff ?? DEFAULT_BACKOFF);
  return defineRegistration(target, { ...options, restart, restartBackoff }, argumentOf(arg), world);
}

function readSetting(setting: WorkerSetting): { target: Target; arg: unknown; options: ScriptOptions } {
  if ('worker' in setting) {
    const { worker, arg, ...options } = setting;
    return { target: { kind: 'value', value: worker }, arg, options };
  }
  if ('script' in setting) {
    const { script, ...options } = setting;
    return { target: { kind: 'script', module: script }, arg: undefined, options };
  }
  const { module, exportName = 'default', arg, ...options } = setting;
  return { target: { kind: 'export', module, exportName }, arg, options };
}

/** There is no directory yet that could hold a longer one. */
function argumentOf(value: unknown): Argument {
  if (value === undefined) return { kind: 'none' };
  const bytes = serializeValue(value, 'arg');
  if (bytes.byteLength <= MAX_ATTACHMENT_BYTES) return { kind: 'bytes', bytes };
  throw new BgworkerError('ERR_ARGUMENT_TOO_LARGE', 'the argument is too large for a setting', {
    detail: `${bytes.byteLength} bytes, ${MAX_ATTACHMENT_BYTES} are allowed`,
    hint: 'register the worker when the postmaster is there',
  });
}
