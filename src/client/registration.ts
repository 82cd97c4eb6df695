/**
 * From what a caller says (a worker value, a module and an export, a script; an argument; options) to the definition
 * of a background worker that goes over the wire. What is wrong with it is refused here, before anything leaves: the
 * same check of core that the postmaster makes.
 */
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BgworkerError } from '../base/index.js';
import type { Argument, BackgroundWorker, ResourceLimits } from '../core/index.js';
import { checkBackgroundWorker, completeBackgroundWorker } from '../core/index.js';
import { describeGiven, isWorkerValue } from '../protocol/index.js';
import type { World } from './world.js';
import { theWorld } from './world.js';

/**
 * The fields of a background worker that a caller may set. All have defaults; those not said here are in the
 * documentation of each field.
 */
export interface WorkerOptions {
  /** For people: titles, logs, `bgworker ps`. Default: the name of the export, or of the
   * file of a script or a default export. */
  readonly name?: string | undefined;
  /** What kind of worker it is. Default: the name. */
  readonly type?: string | undefined;
  /** Which limit it counts against, for example `parallel`. Default `default`. */
  readonly class?: string | undefined;
  /** For workers in the settings: those of `postmasterStart` come first. Default `afterEarly`. */
  readonly startTime?: BackgroundWorker['startTime'] | undefined;
  /** When others may count on it: its function was entered, or (`explicit`) it called `ctx.ready()`. Default `implicit`. */
  readonly readiness?: BackgroundWorker['readiness'] | undefined;
  /** `onFailure`: unless its function returned (exit 0), as in PostgreSQL. Default `never`. */
  readonly restart?: BackgroundWorker['restart'] | undefined;
  /** From a death to the next start, in milliseconds. Default 1000. PostgreSQL: bgw_restart_time, in seconds. */
  readonly restartTimeMs?: number | undefined;
  /** Each failure in a row waits longer: `restartTimeMs` times `factor`, up to `maxMs`. Default null: always the same. */
  readonly restartBackoff?: BackgroundWorker['restartBackoff'] | undefined;
  /** Default: 10 failures in 60 s end it, or no limit where there is a backoff. */
  readonly restartIntensity?: BackgroundWorker['restartIntensity'] | undefined;
  /** Workers of the same group go down together when one of them crashes. Default null: alone. */
  readonly crashGroup?: string | null | undefined;
  /** `client`: it ends when this client's connection does. Default `postmaster`; `run` sets `client`. */
  readonly lifetime?: BackgroundWorker['lifetime'] | undefined;
  /** What happens if a worker of this name is there. Default null: names need not be unique. */
  readonly ifNameTaken?: BackgroundWorker['ifNameTaken'] | undefined;
  /** Longest time from the fork of an attempt to its end, in milliseconds. Default null: no limit. */
  readonly maxRunMs?: number | null | undefined;
  /** From being asked to stop to SIGKILL, in milliseconds. Default 5000. */
  readonly terminateTimeoutMs?: number | undefined;
  /** Default: this process's working directory. */
  readonly cwd?: string | undefined;
  /** Variables beside the postmaster's own environment; undefined ones are left out. */
  readonly env?: { readonly [name: string]: string | undefined } | undefined;
  /** Flags of Node, beside the postmaster's. */
  readonly execArgv?: readonly string[] | undefined;
  /** The Node to run it with. Default: the postmaster's. */
  readonly nodePath?: string | null | undefined;
  /**
   * What becomes of what it prints: passed on behind its name (`inherit`) or as it is (`raw`), made into lines of the log
   * (`log`), or nothing (`ignore`). Default null: as the postmaster's setting says. The last 8 KiB are kept in any case.
   */
  readonly output?: BackgroundWorker['output'] | undefined;
  /** Of the JavaScript heap and of all its memory. Default: none. */
  readonly resourceLimits?: Partial<ResourceLimits> | undefined;
  /** false: it cannot register workers or ask for others. Default true. */
  readonly attach?: boolean | undefined;
  /** Scheduling priority, -20 to 19. Default 0. */
  readonly nice?: number | undefined;
  /** A process that is not Node, and is sent SIGUSR1 on every start and death. */
  readonly notifyPid?: number | null | undefined;
}

export interface ScriptOptions extends WorkerOptions {
  /** What the script finds in process.argv behind its own name. */
  readonly args?: readonly string[] | undefined;
}

/** Where a module is: a `file:` URL, or an absolute path. */
export type ModuleLocation = string | URL;

/** What to run. */
export type Target =
  /** Made by `defineWorker`. */
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'export'; readonly module: ModuleLocation; readonly exportName: string }
  | { readonly kind: 'script'; readonly module: ModuleLocation };

/** Throws `ERR_INVALID_BACKGROUND_WORKER` and, for a worker value that its module does not export, `ERR_WORKER_NOT_EXPORTED`. */
export async function defineRegistration(
  target: Target,
  options: ScriptOptions,
  mainArg: Argument,
  world: Pick<World, 'findWorker'> = theWorld,
): Promise<BackgroundWorker> {
  const { module, functionName } = await resolveTarget(target, world);
  const { env, resourceLimits, ...given } = withoutUndefined(options);
  const worker = completeBackgroundWorker({
    name: functionName === null || functionName === 'default' ? fileNameOf(module) : functionName,
    // Asked only where it is needed: that of a daemon may have been removed by the next deployment.
    cwd: given.cwd ?? process.cwd(),
    ...given,
    ...(env !== undefined && { env: withoutUndefined(env) }),
    ...(resourceLimits !== undefined && { resourceLimits: completeLimits(resourceLimits) }),
    module,
    functionName,
    mainArg,
  });
  const refusal = checkBackgroundWorker(worker);
  if (refusal !== undefined) throw new BgworkerError(refusal.code, refusal.message, refusal);
  return worker;
}

async function resolveTarget(
  target: Target,
  world: Pick<World, 'findWorker'>,
): Promise<{ module: string; functionName: string | null }> {
  if (target.kind === 'script') return { module: moduleUrl(target.module), functionName: null };
  if (target.kind === 'export') return { module: moduleUrl(target.module), functionName: target.exportName };
  if (!isWorkerValue(target.value)) {
    throw new BgworkerError('ERR_NOT_A_WORKER', 'that is no worker', {
      detail: `got ${describeGiven(target.value)}`,
      hint:
        'give what defineWorker(import.meta, …) made, under the name it is exported by; for a module that you do not ' +
        "import: client.module(new URL('./x.js', import.meta.url)).run('name', arg)",
    });
  }
  const { module, exportName } = await world.findWorker(target.value);
  return { module, functionName: exportName };
}

/** A file URL. A relative path is refused: relative to which file or directory, nobody could tell. */
export function moduleUrl(location: ModuleLocation): string {
  if (location instanceof URL) return location.href;
  if (typeof location === 'string') {
    if (location.startsWith('file:')) return location;
    if (isAbsolute(location)) return pathToFileURL(location).href;
  }
  throw new BgworkerError('ERR_INVALID_MODULE', 'module is no absolute path and no file: URL', {
    detail: `module is ${String(location)}`,
    hint: `use new URL(${JSON.stringify(String(location))}, import.meta.url)`,
  });
}

function fileNameOf(module: string): string {
  return decodeURIComponent(module.slice(module.lastIndexOf('/') + 1));
}

function completeLimits(limits: Partial<ResourceLimits>): ResourceLimits {
  return { maxOldSpaceMb: null, maxRssBytes: null, ...withoutUndefined(limits) };
}

/** A field given as undefined is a field not given. What is no object at all is left for the check to refuse. */
function withoutUndefined<T extends object>(fields: T): { [Field in keyof T]: Exclude<T[Field], undefined> } {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return fields;
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Field in keyof T]: Exclude<T[Field], undefined> };
}
