/**
 * Shutdown: smart waits until the last client has left, fast asks every worker to stop and gives each its time,
 * immediate kills. A mode can only be raised (R-SM-10). Beyond PostgreSQL, whoever still waits for a start is answered
 * in every mode, notified or not (N13 leaves them dangling), and a worker that ignores the request cannot hold up a
 * fast shutdown for ever (R-SM-11).
 */
import { refuse } from './notification.js';
import { SHUTTING_DOWN } from './registration.js';
import { type Draft, type State, tenants } from './state.js';
import { stopWorker } from './stopping.js';
import type { ShutdownMode } from './stopReason.js';

const RANK: { readonly [mode in ShutdownMode]: number } = { smart: 1, fast: 2, immediate: 3 };

/** Whether a request of this mode changes anything. */
export function isRaise(state: Pick<State, 'shutdown'>, mode: ShutdownMode): boolean {
  switch (state.shutdown.state) {
    case 'none':
      return true;
    case 'waitingForClients':
      return RANK[mode] > RANK.smart;
    case 'stopping':
      return RANK[mode] > Math.max(RANK[state.shutdown.mode], RANK.fast);
    case 'exited':
      return false;
  }
}

/** `graceMs` bounds the time of every worker; null leaves each its own. */
export function stopEverything(draft: Draft, mode: ShutdownMode, graceMs: number | null): void {
  draft.shutdown = { state: 'stopping', mode, graceMs };
  const { waiting } = draft;
  draft.waiting = [];
  for (const asked of waiting) refuse(draft, asked, SHUTTING_DOWN);
  for (const tenant of [...tenants(draft)]) {
    const ownMs = mode === 'immediate' ? 0 : tenant.worker.terminateTimeoutMs;
    stopWorker(draft, tenant, { why: 'postmasterShutdown', mode }, Math.min(ownMs, graceMs ?? ownMs), true);
  }
}

/** When nothing is left, the postmaster may end. */
export function exitWhenEmpty(draft: Draft): void {
  if (draft.shutdown.state !== 'stopping' || draft.slots.used > 0) return;
  draft.shutdown = { state: 'exited' };
  draft.effects.push({ type: 'exit' });
}
