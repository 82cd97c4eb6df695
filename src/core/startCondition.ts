/**
 * What a worker may have to wait for before it is started, and what is done when the waiting is over: the early
 * workers are up, the one it replaces is gone, its crash group is down.
 *
 * Model: bgw_start_time and bgworker_should_start_now in postmaster.c. As there, a condition gates starting only: when
 * it no longer holds, nobody is stopped for it (R-PM-15).
 */
import { type Draft, putTenant, type StartCondition, type Tenant, tenantOf, tenants } from './state.js';
import { formatKey, isSameWorker, type WorkerKey } from './workerHandle.js';

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
  else putTenant(draft, { ...tenant, run: { ...tenant.run, until: { condition: 'replaced', workers } } });
}

function release(draft: Draft, tenant: Tenant): void {
  const early = tenant.worker.startTime === 'afterEarly' && draft.early.length > 0;
  const until: StartCondition = early ? { condition: 'early' } : NO_CONDITION;
  putTenant(draft, { ...tenant, run: { state: 'waiting', startAt: draft.at, until } });
}

/** Whether some member of the group has still to go down because another one crashed. */
export function isGroupGoingDown(draft: Draft, group: string): boolean {
  return membersOf(draft, group).some(
    ({ run }) => (run.state === 'up' || run.state === 'starting') && run.stop?.cause.why === 'crashGroup',
  );
}

/** When the group is down, all who wait for that come up again at once (R-PM-53). */
export function settleCrashGroup(draft: Draft, group: string): void {
  if (isGroupGoingDown(draft, group)) return;
  for (const tenant of membersOf(draft, group)) {
    if (tenant.run.state === 'resting' && tenant.run.startAt === null) {
      putTenant(draft, { ...tenant, run: { state: 'resting', startAt: draft.at } });
    }
  }
}

export function membersOf(draft: Draft, group: string): readonly Tenant[] {
  return (draft.crashGroups.get(group) ?? []).flatMap((key) => tenantOf(draft, key) ?? []);
}
