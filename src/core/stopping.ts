/**
 * Making a worker stop, at whatever point it is. Without a process it ends at once. With one, it is asked, and killed
 * with its whole process group when its time is over; the end itself is judged when the process is gone.
 *
 * Asked twice, it is asked once (F-31): a later request can only shorten the time, and only make more of what follows
 * (start again outweighs the restart policy, nothing outweighs both). The cause stays that of the first, except that
 * whatever happens to a worker that is being restarted is its cause.
 *
 * Model: TerminateBackgroundWorker, which never escalates (R-API-35, L-10).
 */
import type { StopOrder } from './effect.js';
import { endWithoutProcess } from './ending.js';
import type { Afterwards, Draft, State, Stop, StopByUs, Tenant, Up } from './state.js';
import { changeTenant, changeUp, isKilled, putTenant, tenants } from './state.js';
import type { StopCause } from './stopReason.js';

/** `killAfterMs` 0 means SIGKILL at once. */
export function stopWorker(
  draft: Draft,
  tenant: Tenant,
  cause: StopByUs,
  killAfterMs: number,
  afterwards: Afterwards,
): void {
  const { run } = tenant;
  switch (run.state) {
    case 'waiting':
    case 'resting':
      if (afterwards === 'nothing') endWithoutProcess(draft, tenant, causeWithoutProcess(tenant, cause));
      return;
    case 'starting': {
      const stop = mergeStops(run.stop, cause, draft.at + killAfterMs, afterwards);
      return putTenant(draft, changeTenant(tenant, { run: { state: 'starting', stop } }));
    }
    case 'up':
      return applyStop(draft, tenant, run, mergeStops(run.stop, cause, draft.at + killAfterMs, afterwards));
  }
}

/** By when every worker that was told to stop is killed, if it has not gone by itself; the present where nobody is left. */
export function lastKillAt(state: Pick<State, 'slots'>, now: number): number {
  let last = now;
  for (const { run } of tenants(state)) {
    const stop = run.state === 'up' || run.state === 'starting' ? run.stop : null;
    if (stop !== null && Number.isFinite(stop.killAt)) last = Math.max(last, stop.killAt);
  }
  return last;
}

/** It has been told to stop for good, and only has not gone yet. */
export function isLeaving({ run }: Tenant): boolean {
  return (run.state === 'up' || run.state === 'starting') && run.stop?.afterwards === 'nothing';
}

/** Carries out what a stop orders for a process that is there. */
export function applyStop(draft: Draft, tenant: Tenant, run: Up, stop: Stop): void {
  const { slot, generation, attempts: attempt } = tenant;
  const { pid } = run;
  const wasKilled = isKilled(run);
  const kill = !wasKilled && stop.killAt <= draft.at;
  const carriedOut = kill || wasKilled ? { ...stop, killed: true, killAt: Number.POSITIVE_INFINITY } : stop;
  putTenant(draft, changeTenant(tenant, { run: changeUp(run, { stop: carriedOut }) }));
  if (kill) draft.effects.push({ type: 'killWorker', slot, generation, attempt, pid });
  else if (run.stop === null && !wasKilled) {
    draft.effects.push({ type: 'askToStop', slot, generation, attempt, pid, order: orderOf(stop.cause) });
  }
}

const WEIGHT: { readonly [afterwards in Afterwards]: number } = { asPolicySays: 0, startAgain: 1, nothing: 2 };

function mergeStops(old: Stop | null, cause: StopByUs, killAt: number, afterwards: Afterwards): Stop {
  const withGroup = cause.why === 'crashGroup';
  if (old === null) return { cause, afterwards, withGroup, killAt, killed: false };
  return {
    cause: old.cause.why === 'restart' ? cause : old.cause,
    afterwards: WEIGHT[old.afterwards] < WEIGHT[afterwards] ? afterwards : old.afterwards,
    withGroup: old.withGroup || withGroup,
    // It is killed once: after that there is nothing left to be due.
    killAt: old.killed ? old.killAt : Math.min(old.killAt, killAt),
    killed: old.killed,
  };
}

function orderOf(cause: StopByUs): StopOrder {
  switch (cause.why) {
    case 'terminate':
    case 'restart':
    case 'ranTooLong':
    case 'clientGone':
    case 'postmasterShutdown':
      return cause.why;
    // These kill at once, so nobody is asked; the word is only for the type.
    case 'memoryLimit':
    case 'crashGroup':
    case 'lostConnection':
      return 'terminate';
  }
}

function causeWithoutProcess(tenant: Tenant, cause: StopByUs): StopCause {
  switch (cause.why) {
    case 'clientGone':
      return { kind: 'clientGone' };
    case 'postmasterShutdown':
      return { kind: 'postmasterShutdown', mode: cause.mode };
    default:
      // One that rests between two attempts had been started.
      return tenant.attempts === 0 ? { kind: 'terminatedBeforeStart' } : { kind: 'terminated', escalated: false };
  }
}
