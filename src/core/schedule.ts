/**
 * What the clock alone brings about: starts that are due, time-outs that are over, memory to be measured. All of it is
 * derived from the state: `nextWakeupAt` says when the postmaster must come back at the latest, so there is one timer
 * and it is never stale.
 *
 * At most `maxStartsPerPass` processes are ordered before others are served; the rest stay due, and the postmaster comes
 * back at once, but behind whatever has happened meanwhile (R-PM-11, F-4). A pass lasts until it does, since a hundred
 * registrations can be read in one go. Giving a spare the job costs nothing and counts for nothing. First come, first
 * started: by due time, then by slot.
 * What is due for processes that are there never waits behind starts: it is in every pass.
 */
import { assert } from '../base/index.js';
import type { Effect } from './effect.js';
import { MEASURE_EVERY_MS, startWorker } from './lifecycle.js';
import { sparesDueAt } from './spares.js';
import type { Draft, State, Tenant, Up } from './state.js';
import { changeTenant, changeUp, isAwaitingSpare, isKilled, putTenant } from './state.js';
import { applyStop, stopWorker } from './stopping.js';

/** A monotonic instant; Infinity when nothing will happen by the clock alone. */
export function nextWakeupAt(state: State): number {
  return Math.min(state.slots.dueAt, state.pass.endAt, sparesDueAt(state));
}

export function runDue(draft: Draft): void {
  while (draft.slots.dueAt <= draft.at) {
    const slot = draft.slots.firstDue();
    const tenant = slot === undefined ? undefined : draft.slots.get(slot)?.tenant;
    assert(tenant != null, 'only a tenant is due');
    if (tenant.run.state === 'up') {
      runDueUp(draft, tenant, tenant.run);
    } else if (!startWorker(draft, tenant)) {
      return runDueBehindStarts(draft);
    }
  }
}

function runDueBehindStarts(draft: Draft): void {
  for (const [, { tenant }] of draft.slots.dueBy(draft.at)) {
    if (tenant?.run.state === 'up') runDueUp(draft, tenant, tenant.run);
  }
}

function runDueUp(draft: Draft, tenant: Tenant, run: Up): void {
  const { slot, generation, attempts: attempt } = tenant;
  const kill: Effect = { type: 'killWorker', slot, generation, attempt, pid: run.pid };
  if (run.leaveBy !== null && run.leaveBy <= draft.at) {
    putTenant(draft, changeTenant(tenant, { run: changeUp(run, { leaveBy: Number.POSITIVE_INFINITY }) }));
    // Killed once, by whichever time is over first.
    if (!isKilled(run)) draft.effects.push(kill);
    return;
  }
  if (run.stop !== null) return applyStop(draft, tenant, run, run.stop);
  if (isAwaitingSpare(run) && run.takeBy <= draft.at) {
    // No stop: the attempt goes on, with a process of its own, when this one is gone.
    putTenant(draft, changeTenant(tenant, { run: changeUp(run, { takeBy: Number.POSITIVE_INFINITY }) }));
    draft.effects.push(kill);
    return;
  }
  if (run.limitAt <= draft.at) {
    return stopWorker(draft, tenant, { why: 'ranTooLong' }, tenant.worker.terminateTimeoutMs, 'asPolicySays');
  }
  putTenant(draft, changeTenant(tenant, { run: changeUp(run, { measureAt: draft.at + MEASURE_EVERY_MS }) }));
  draft.effects.push({ type: 'measureMemory', slot, generation, attempt, pid: run.pid });
}
