/**
 * What a worker may have to wait for before it is started, and what is done when the waiting is over: the early
 * workers are up, the one it replaces is gone, its crash group is down.
 *
 * Model: bgw_start_time and bgworker_should_start_now in postmaster.c. As there, a condition gates starting only: when
 * it no longer holds, nobody is stopped for it (R-PM-15).
 */
import type { Draft, Run, StartCondition, State, Tenant } from './state.js';
import { changeTenant, putTenant, tenantOf, tenants } from './state.js';
import type { WorkerKey } from './workerHandle.js';
import { formatKey, isSameWorker } from './workerHandle.js';
import { workersOf } from './workerIndex.js';

const NO_CONDITION: StartCondition = { condition: 'none' };

/** An early worker is up, or will never be. When it was the last one, the others may start. */
export function settleEarly(draft: Draft, key: WorkerKey): void {
  if (!draft.early.some((early) => isSameWorker(early, key))) return;
  draft.early = draft.early.filter((early) => !isSameWorker(early, key));
  if (draft.early.length > 0) return;
  for (const tenant of [...tenants(draft)]) {
    if (tenant.run.state === 'waiting' && tenant.run.until.condition === 'early') release(draft, tenant);
  }
}

/** A worker gave its slot back: whoever was to replace it waits for one less. */
export function settleReplaced(draft: Draft, key: WorkerKey): void {
  const successor = draft.successors.get(formatKey(key));
  if (successor === undefined) return;
  draft.successors = draft.successors.delete(formatKey(key));
  const tenant = tenantOf(draft, successor);
  if (tenant?.run.state !== 'waiting' || tenant.run.until.condition !== 'replaced') return;
  const workers = tenant.run.until.workers.filter((old) => !isSameWorker(old, key));
  if (workers.length === 0) release(draft, tenant);
  else wait(draft, tenant, { condition: 'replaced', workers });
}

function release(draft: Draft, tenant: Tenant): void {
  const early = tenant.worker.startTime === 'afterEarly' && draft.early.length > 0;
  wait(draft, tenant, early ? { condition: 'early' } : NO_CONDITION);
}

function wait(draft: Draft, tenant: Tenant, until: StartCondition): void {
  putTenant(draft, changeTenant(tenant, { run: { state: 'waiting', startAt: draft.at, until } }));
}

/** Whether some member of the group has still to go down because another one crashed. */
export function isGroupGoingDown(state: Pick<State, 'slots' | 'crashGroups'>, group: string): boolean {
  return membersOf(state, group).some(
    ({ run }) => (run.state === 'up' || run.state === 'starting') && run.stop?.withGroup === true,
  );
}

/** A worker that was due to start has to wait until its group is down, as nobody starts during a reset (R-PM-10). */
export function awaitCrashGroup(draft: Draft, tenant: Tenant): void {
  const { attempts } = tenant;
  if (attempts === 0) return wait(draft, tenant, { condition: 'crashGroup' });
  putTenant(draft, changeTenant(tenant, { run: { state: 'resting', startAt: null } }));
}

export function isAwaitingCrashGroup(run: Run): boolean {
  if (run.state === 'resting') return run.startAt === null;
  return run.state === 'waiting' && run.until.condition === 'crashGroup';
}

/** When the group is down, all who wait for that come up again at once (R-PM-53). */
export function settleCrashGroup(draft: Draft, group: string): void {
  if (isGroupGoingDown(draft, group)) return;
  for (const tenant of membersOf(draft, group)) {
    if (!isAwaitingCrashGroup(tenant.run)) continue;
    if (tenant.run.state === 'waiting') wait(draft, tenant, NO_CONDITION);
    else putTenant(draft, changeTenant(tenant, { run: { state: 'resting', startAt: draft.at } }));
  }
}

export function membersOf(state: Pick<State, 'slots' | 'crashGroups'>, group: string): readonly Tenant[] {
  return workersOf(state.crashGroups, group).flatMap((key) => tenantOf(state, key) ?? []);
}
