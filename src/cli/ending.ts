/**
 * What the end of a worker means to whoever waits for it at a shell: whether it was a good one, whether it had started,
 * and the exit code that says so. The worker's own code counts wherever it has one; a failure is never 0.
 */
import { constants } from 'node:os';
import type { WorkerStopReason } from '../client/index.js';
import { hasReached } from '../client/index.js';
import type { Phase } from '../core/index.js';
import { EXIT_NOT_STARTED } from './exitCodes.js';

export function endedWell({ kind }: WorkerStopReason): boolean {
  return kind === 'returned' || kind === 'exitedWithoutReturning';
}

/** A worker that is over already has started all the same, if it came so far or did all it had to do. */
export function hadStarted(reason: WorkerStopReason, until: Phase): boolean {
  return endedWell(reason) || hasReached(reason.phase, until, reason.enteredAt !== null);
}

/**
 * The code of the process as a shell tells it, or 70 for one that came to no function of its own. A script has none; it
 * is at work from its first line, so one that ends itself there has a code like any other.
 */
export function exitCodeOfEnd(reason: WorkerStopReason, mayBeScript: boolean): number {
  const { kind, code, signal, enteredAt } = reason;
  const endedItself = mayBeScript && (endedWell(reason) || (kind === 'diedBeforeRunning' && code !== 0));
  if (enteredAt === null && !endedItself) return EXIT_NOT_STARTED;
  if (signal !== null) return 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
  if (code === null || code === 0) return endedWell(reason) ? 0 : 1;
  return code;
}
