/**
 * Shutdown: smart waits until the last client has left, fast asks every worker to stop and gives each its time,
 * immediate kills. A mode can only be raised (R-SM-10). Beyond PostgreSQL, whoever still waits for a start is answered
 * in every mode, notified or not (N13 leaves them dangling), and a worker that ignores the request cannot hold up a
 * fast shutdown for ever (R-SM-11).
 */
import { refuse } from './notification.js';
import { SHUTTING_DOWN } from './registration.js';
import { refuseWaitingForSegments, removeAllSegments } from './segments.js';
import type { Draft, State } from './state.js';
import { tenantOf, tenants } from './state.js';
import { stopWorker } from './stopping.js';
import type { ShutdownMode } from './stopReason.js';

const RANK: { readonly [mode in ShutdownMode]: number } = { smart: 1, fast: 2, immediate: 3 };

/**
 * Whether a request of this mode is carried out. One of the same mode is: what it can change is the time, and only to
 * less, as when a service manager that is about to kill us comes after somebody who was in no hurry.
 */
export function mayShutDown(state: Pick<State, 'shutdown'>, mode: ShutdownMode): boolean {
  switch (state.shutdown.state) {
    case 'none':
      return true;
    case 'waitingForClients':
      return RANK[mode] > RANK.smart;
    case 'stopping':
      return RANK[mode] >= RANK[state.shutdown.mode];
    case 'exited':
      return false;
  }
}

/** `graceMs` bounds the time of every worker; null leaves each its own. */
export function stopEverything(draft: Draft, mode: ShutdownMode, graceMs: number | null): void {
  draft.shutdown = { state: 'stopping', mode };
  const { waiting } = draft;
  draft.waiting = [];
  for (const asked of waiting) refuse(draft, asked, SHUTTING_DOWN);
  refuseWaitingForSegments(draft);
  for (const { slot, generation } of [...tenants(draft)]) {
    // The end of one can have changed the next.
    const tenant = tenantOf(draft, { slot, generation });
    if (tenant === undefined) continue;
    const ownMs = mode === 'immediate' ? 0 : tenant.worker.terminateTimeoutMs;
    stopWorker(draft, tenant, { why: 'postmasterShutdown', mode }, Math.min(ownMs, graceMs ?? ownMs), 'nothing');
  }
}

/** When nothing is left, no spare either, the postmaster may end. */
export function exitWhenEmpty(draft: Draft): void {
  if (draft.shutdown.state !== 'stopping' || draft.slots.used > 0 || draft.spares.pool.length > 0) return;
  draft.shutdown = { state: 'exited' };
  removeAllSegments(draft);
  draft.effects.push({ type: 'exit' });
}
