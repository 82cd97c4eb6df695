/**
 * Whether a worker that ended is started again, and when. PostgreSQL knows a fixed interval or never; here are also
 * `always`, a backoff with jitter, and a limit on failures in a period, after which it is a crash loop and ends.
 *
 * The interval counts from the reap (R-PM-40). Only failures count towards the limit, all of them, however long the
 * worker had lived; an end by restart() or with its crash group is not judged here and counts for nothing.
 */
import type { BackgroundWorker } from './backgroundWorker.js';
import type { Verdict } from './exitJudgement.js';
import type { Tenant } from './state.js';

export type Fate =
  | { readonly fate: 'end' }
  | { readonly fate: 'crashLoop'; readonly deaths: number; readonly periodMs: number }
  | {
      readonly fate: 'restart';
      readonly startAt: number;
      readonly failures: readonly number[];
      readonly failuresInARow: number;
    };

/** `lifeMs`: how long its function had run; 0 when it was not entered. */
export function decideFate(tenant: Tenant, verdict: Verdict, at: number, lifeMs: number, jitter: number): Fate {
  const { worker } = tenant;
  if (worker.restart === 'never') return { fate: 'end' };
  if (verdict === 'success') {
    if (worker.restart === 'onFailure') return { fate: 'end' };
    return { fate: 'restart', startAt: at + worker.restartTimeMs, failures: tenant.failures, failuresInARow: 0 };
  }
  const limit = worker.restartIntensity;
  const failures = limit === null ? [] : [...tenant.failures.filter((then) => then > at - limit.periodMs), at];
  if (limit !== null && failures.length >= limit.deaths) {
    return { fate: 'crashLoop', deaths: failures.length, periodMs: limit.periodMs };
  }
  const failuresInARow = livedWell(worker, lifeMs) ? 1 : tenant.failuresInARow + 1;
  return { fate: 'restart', startAt: at + delayMs(worker, failuresInARow, jitter), failures, failuresInARow };
}

/** A run that outlived the longest delay was a good one, and the backoff begins anew. */
function livedWell(worker: BackgroundWorker, lifeMs: number): boolean {
  return worker.restartBackoff !== null && lifeMs > worker.restartBackoff.maxMs;
}

function delayMs(worker: BackgroundWorker, failuresInARow: number, jitter: number): number {
  const backoff = worker.restartBackoff;
  if (backoff === null) return worker.restartTimeMs;
  // In a long row of failures the power becomes infinite, and no time at all times infinity is no number.
  const growth = Math.min(backoff.factor ** (failuresInARow - 1), Number.MAX_VALUE);
  const grown = Math.min(worker.restartTimeMs * growth, backoff.maxMs);
  return grown * (1 - backoff.jitter + 2 * backoff.jitter * jitter);
}
