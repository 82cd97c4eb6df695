/**
 * Our side: the built package, and a postmaster for as long as a figure needs one. What workers print is of no
 * interest here, and a log line above `error` would be a surprise that belongs on the terminal.
 */
import { Client, startPostmaster } from '../dist/src/index.js';

/** Which moment it is, in nanoseconds: the same clock in every process of the machine (CLOCK_MONOTONIC). */
export const now = () => process.hrtime.bigint();

/**
 * @param {bigint} from
 * @param {bigint} to
 */
export function milliseconds(from, to) {
  return Number(to - from) / 1e6;
}

/** Longer than any figure takes: no spare is to go while it is looked at. */
const STAY_MS = 600_000;

/**
 * @template T
 * @param {object} settings
 * @param {(client: Client) => Promise<T>} use
 */
export async function withPostmaster(settings, use) {
  const { spareWorkers = 0, spareIdleMs = STAY_MS, ...others } = settings;
  const client = await startPostmaster({
    output: 'ignore',
    logLevel: 'error',
    ...others,
    spareWorkers,
    spareIdleMs,
  });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** A spare that is still booting would share the processors with what is measured. */
const LOOK_AGAIN_MS = 10;
const PATIENCE_MS = 20_000;

/** @param {Client} client */
export async function sparesAreIdle(client) {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const { wanted, booting, idle } = await client.spares();
    if (booting === 0 && idle >= wanted) return;
    if (performance.now() > deadline) {
      throw new Error(`${idle} of ${wanted} spares are idle and ${booting} boot, after ${PATIENCE_MS} ms`);
    }
    await pause(LOOK_AGAIN_MS);
  }
}

/** @param {number} ms */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Without this an answer that is wrong would be measured like any other. */
export function check(isRight, what) {
  if (!isRight) throw new Error(`wrong answer: ${what}`);
}
