/**
 * Random definitions of workers and random limits, chosen so that things collide: few names, few groups, small limits,
 * times that are often zero or equal.
 */
import type { BackgroundWorker, Limits } from '../../src/core/index.js';
import { completeBackgroundWorker } from '../../src/core/index.js';
import { defaultLimits } from '../../src/core/limits.js';
import type { Random } from './random.js';

/** So long a spare may take to say that it has its job. */
export const LONGEST_TAKE_MS = 2_000;
export const LONGEST_STOP_MS = 20_000;
/** After so long without a fault everybody who is to run must run. */
export const LONGEST_REST_MS = 120_000;
export const MEMORY_LIMIT_BYTES = 100_000_000;

export function randomLimits(random: Random): Limits {
  const maxWorkerProcesses = 1 + random.below(random.pick([3, 12, 40]));
  return {
    ...defaultLimits(maxWorkerProcesses),
    classes: {
      parallel: { max: 1 + random.below(maxWorkerProcesses), reserved: random.below(3) },
      ...(random.chance(0.5) && { urgent: { max: maxWorkerProcesses, reserved: random.below(3) } }),
    },
    maxStartsPerPass: random.pick([1, 2, 8]),
    maxWaitingRegistrations: random.pick([0, 2, 50]),
    maxSegments: random.pick([0, 2, 8]),
    finalWordsKept: random.pick([0, 3, 1_000]),
    finalWordsKeptMs: random.pick([1_000, 3_600_000]),
    spareWorkers: random.pick([0, 1, 3]),
    spareIdleMs: random.pick([100, 5_000, 60_000]),
    preload: random.chance(0.5) ? ['file:///preload.js'] : [],
    resultBytesKept: random.pick([0, 100, 1_000_000]),
  };
}

export function randomWorker(random: Random): BackgroundWorker {
  const restart = random.pick(['never', 'onFailure', 'always'] as const);
  const workerClass = restart === 'never' ? random.pick(['default', 'parallel', 'urgent']) : 'default';
  const backs = restart !== 'never' && random.chance(0.3);
  return completeBackgroundWorker({
    // Nobody may register one without a name.
    name: random.chance(0.02) ? '' : `n${random.below(6)}`,
    module: 'file:///worker.js',
    cwd: '/',
    class: workerClass,
    restart,
    restartTimeMs: random.pick([0, 0, 10, 1_000, 5_000]),
    restartBackoff: backs ? { factor: random.pick([1, 2, 100]), maxMs: random.pick([0, 60_000]), jitter: 0.2 } : null,
    restartIntensity: random.chance(0.5) ? null : { deaths: 1 + random.below(4), periodMs: random.pick([10, 60_000]) },
    execArgv: random.chance(0.1) ? ['--expose-gc'] : [],
    crashGroup: random.chance(0.5) ? null : random.pick(['g1', 'g2']),
    lifetime: random.chance(0.3) ? 'client' : 'postmaster',
    ifNameTaken: random.chance(0.6) ? null : random.pick(['throw', 'useIt', 'replace'] as const),
    startTime: random.pick(['postmasterStart', 'afterEarly'] as const),
    readiness: random.pick(['implicit', 'explicit'] as const),
    maxRunMs: random.chance(0.8) ? null : random.pick([1, 1_000, 30_000]),
    terminateTimeoutMs: random.pick([0, 1, 100, 5_000, LONGEST_STOP_MS]),
    resourceLimits: { maxOldSpaceMb: null, maxRssBytes: random.chance(0.8) ? null : MEMORY_LIMIT_BYTES },
    notifyPid: random.chance(0.9) ? null : 4_321,
  });
}
