/**
 * The numbers the core decides by. They arrive with the first event of its life and may be replaced by a reload;
 * lowering one stops nobody. postmaster/settings.ts fills in what users leave out and checks the ranges.
 *
 * Model: max_worker_processes, max_parallel_workers and MAX_BGWORKERS_TO_LAUNCH; but limits here can be changed while
 * running (L-4), and a class can have slots reserved for it, so that one class cannot starve the others (L-5).
 */

export interface ClassLimit {
  /** How many workers of the class there may be at once. */
  readonly max: number;
  /** How many slots no other class may take from it. */
  readonly reserved: number;
}

export interface Limits {
  readonly maxWorkerProcesses: number;
  /** By class name. A class that is not named may use every slot that is not reserved. */
  readonly classes: { readonly [name: string]: ClassLimit };
  /** How many processes are made in one pass before other events are served. */
  readonly maxStartsPerPass: number;
  /** How many registrations may wait for a slot at once. */
  readonly maxWaitingRegistrations: number;
  /** Of how many stopped workers the last word is kept, for how long, and with how many bytes of results in all. */
  readonly finalWordsKept: number;
  readonly finalWordsKeptMs: number;
  readonly resultBytesKept: number;
  /** How many segments of shared memory there may be. */
  readonly maxSegments: number;
  /** How many spare processes are kept ready, and how long after the last start that one could have served. */
  readonly spareWorkers: number;
  readonly spareIdleMs: number;
  /** Modules that each spare imports when it boots, as file URLs. */
  readonly preload: readonly string[];
  /** How long a worker that outlived its postmaster's host may go on. */
  readonly postmasterDeathGraceMs: number;
}

/**
 * Fork and exec of Node cost the postmaster 1 to 3 ms, and 35 where a hundred others are booting, during which it serves
 * nobody: PostgreSQL's 100 forks in a pass would be seconds.
 */
export const DEFAULT_STARTS_PER_PASS = 1;

export function defaultLimits(maxWorkerProcesses: number): Limits {
  return {
    maxWorkerProcesses,
    // A quarter is kept from parallel workers, so that a parallel query cannot take the last slot of a daemon.
    classes: { parallel: { max: Math.max(1, maxWorkerProcesses - Math.ceil(maxWorkerProcesses / 4)), reserved: 0 } },
    maxStartsPerPass: DEFAULT_STARTS_PER_PASS,
    maxWaitingRegistrations: 10_000,
    finalWordsKept: 1_000,
    finalWordsKeptMs: 3_600_000,
    resultBytesKept: 64 * 1024 * 1024,
    maxSegments: 1_024,
    spareWorkers: 0,
    spareIdleMs: 60_000,
    preload: [],
    postmasterDeathGraceMs: 1_000,
  };
}
