/**
 * What every kind of parallel work can be told about its processes, with the defaults and the checks that all of them
 * share: how many there are to be, and whether the leader takes part.
 *
 * `debugParallel` is PostgreSQL's debug_parallel_query: any plan gets a worker, and the leader does nothing itself as long
 * as there is one, so that what works only in the leader's own process is found before production finds it.
 */
import { availableParallelism } from 'node:os';
import { BgworkerError } from '../base/index.js';
import type { Client, WorkerOptions } from '../client/index.js';
import { MAX_INTERVAL_MS } from '../core/index.js';
import type { Names } from './given.js';

/** How the processes are made. */
export interface ProcessOptions {
  /** Whose workers they are. Default: the one that `run` and `launch` use; in a worker that is the worker's own. */
  readonly client?: Client | undefined;
  /** For people, in `bgworker ps`. Default: `parallel worker for PID` and the leader's pid. */
  readonly name?: string | undefined;
  /**
   * What a process that is no longer wanted has before it is killed, in milliseconds, from when its `ctx.signal` aborts.
   * Default 0: it is killed at once, since what it would still compute is nobody's.
   */
  readonly terminateTimeoutMs?: number | undefined;
  /** How a process is made: as with `register`. They are of class `parallel`. */
  readonly worker?: ParallelWorkerOptions | undefined;
}

/** What `register` can be told about a process, and what makes sense for many that are alike. */
export type ParallelWorkerOptions = Pick<
  WorkerOptions,
  'cwd' | 'env' | 'execArgv' | 'nodePath' | 'resourceLimits' | 'nice' | 'output' | 'class'
>;

/** How many workers to plan for, and how to end early. */
export interface ParallelOptions extends ProcessOptions {
  /**
   * How many workers are planned; fewer are used when there are not so many slots. 0: the leader does it alone. Default:
   * the number of processors, less one if the leader takes part. PostgreSQL: max_parallel_workers_per_gather.
   */
  readonly workers?: number | undefined;
  /** Ends it: the workers are gone before the signal's reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Plans at least one worker and keeps the leader out of it, as a test of what you wrote. Default: whether the
   * environment has BGWORKER_DEBUG_PARALLEL=on. PostgreSQL: debug_parallel_query.
   */
  readonly debugParallel?: boolean | undefined;
}

export const PROCESS_NAMES: Names<ProcessOptions> = {
  client: true,
  name: true,
  terminateTimeoutMs: true,
  worker: true,
};

/** What each run of its own can be told; the processes are apart, since those of a pool are the pool's. */
export const RUN_NAMES: Names<Omit<ParallelOptions, keyof ProcessOptions>> = {
  workers: true,
  signal: true,
  debugParallel: true,
};

/** PostgreSQL: max_parallel_workers_per_gather ends there too. */
export const MAX_WORKERS = 1024;

/** How many workers to plan. Throws `ERR_INVALID_ARGUMENT`. PostgreSQL: parallel_workers, then debug_parallel_query. */
export function plannedWorkers({ workers, debugParallel }: ParallelOptions, leaderParticipation: boolean): number {
  const planned = workers ?? defaultWorkers(leaderParticipation);
  checkCount('workers', planned, 0, MAX_WORKERS);
  return isDebugging(debugParallel) ? Math.max(1, planned) : planned;
}

/** Whether the leader takes part, with so many workers launched: always where there is none (R-GA-2, R-GM-4). */
export function leaderTakesPart(
  { debugParallel }: Pick<ParallelOptions, 'debugParallel'>,
  leaderParticipation: boolean,
  workersLaunched: number,
): boolean {
  return workersLaunched === 0 || (leaderParticipation && !isDebugging(debugParallel));
}

/** A processor for each process; at least one worker, since the point of most work here is to leave the event loop alone. */
export function defaultWorkers(leaderParticipation: boolean): number {
  return Math.max(1, availableParallelism() - (leaderParticipation ? 1 : 0));
}

/** How long a process has. Throws `ERR_INVALID_ARGUMENT`. */
export function terminateTimeout({ terminateTimeoutMs = 0 }: ProcessOptions): number {
  if (terminateTimeoutMs >= 0 && terminateTimeoutMs <= MAX_INTERVAL_MS) return terminateTimeoutMs;
  throw new BgworkerError('ERR_INVALID_ARGUMENT', 'invalid terminateTimeoutMs', {
    detail: `terminateTimeoutMs is ${String(terminateTimeoutMs)}`,
    hint: `give milliseconds, from 0 to ${MAX_INTERVAL_MS}`,
  });
}

/** Throws `ERR_INVALID_ARGUMENT`. */
export function checkCount(name: string, count: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(count) && count >= least && count <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  throw new BgworkerError('ERR_INVALID_ARGUMENT', `invalid ${name}`, {
    detail: `${name} is ${String(count)}`,
    hint: `give a whole number ${range}`,
  });
}

function isDebugging(debugParallel: boolean | undefined): boolean {
  return debugParallel ?? process.env['BGWORKER_DEBUG_PARALLEL'] === 'on';
}
