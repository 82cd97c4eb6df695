/**
 * The end for good of a worker. The order is PostgreSQL's (R-PM-31): first its status, then its slot is free, and only
 * then is anybody told, so that a registrant who reacts at once finds the slot (F-46).
 */
import { assert } from '../base/index.js';
import type { Kept } from './lastWords.js';
import { forgetOld, keepLastWord } from './lastWords.js';
import { tell, tellsRegistrant } from './notification.js';
import type { PersistentMap } from './persistentMap.js';
import { settleCrashGroup, settleEarly, settleReplaced } from './startCondition.js';
import type { Draft, Tenant } from './state.js';
import { changeTenant, freeSlot } from './state.js';
import type { StopCause } from './stopReason.js';
import { stopReason } from './stopReason.js';
import { removeWorker } from './workerIndex.js';
import type { WorkerStatus } from './workerStatus.js';

/** `tenant.reason` must say why by now. */
export function endWorker(draft: Draft, tenant: Tenant): void {
  const { slot, generation, worker } = tenant;
  const status = lastWordFor(tenant);
  freeSlot(draft, tenant);
  draft.usedByClass = countDown(draft.usedByClass, worker.class);
  draft.names = removeWorker(draft.names, worker.name, tenant);
  if (worker.crashGroup !== null) draft.crashGroups = removeWorker(draft.crashGroups, worker.crashGroup, tenant);
  noteInList(draft, tenant, status);
  const { lastWords, limits, at } = draft;
  setLastWords(draft, keepLastWord(lastWords, limits, at, status, tenant.registrationKey));

  tell(draft, tenant, status);
  draft.effects.push({ type: 'reportStop', worker, status, told: tellsRegistrant(tenant) });
  draft.effects.push({ type: 'workerEnded', slot, generation, worker, status });

  settleEarly(draft, tenant);
  settleReplaced(draft, tenant);
  if (worker.crashGroup !== null) settleCrashGroup(draft, worker.crashGroup);
}

/** Ends a worker that has no process. It is no further death: the attempts it had have all had theirs. */
export function endWithoutProcess(draft: Draft, tenant: Tenant, cause: StopCause): void {
  const reason = stopReason(cause, {
    phase: null,
    pid: null,
    code: null,
    signal: null,
    output: '',
    attempt: tenant.attempts,
    forkedAt: null,
    enteredAt: null,
    stoppedAt: draft.at,
  });
  endWorker(draft, changeTenant(tenant, { reason }));
}

/** The limits have changed, and fewer last words are to be kept. */
export function forgetLastWords(draft: Draft): void {
  setLastWords(draft, forgetOld(draft.lastWords, draft.limits, draft.at));
}

/** With a word goes the registration it answers: asked again, that is a new one. */
function setLastWords(draft: Draft, { lastWords, forgotten }: Kept): void {
  draft.lastWords = lastWords;
  for (const key of forgotten) draft.registrations = draft.registrations.delete(key);
}

function noteInList(draft: Draft, { slot, generation }: Tenant, { reason }: WorkerStatus): void {
  const at = draft.listed.findIndex(({ key }) => key?.slot === slot && key.generation === generation);
  const one = draft.listed[at];
  if (one !== undefined) draft.listed = draft.listed.with(at, { ...one, ended: reason?.kind ?? null });
}

function lastWordFor(tenant: Tenant): WorkerStatus {
  const { slot, generation, worker, sequence, startedFrom, attempts, deaths, reason, result } = tenant;
  assert(reason !== null, 'a worker that ends has a reason');
  return {
    slot,
    generation,
    name: worker.name,
    sequence: sequence + 1,
    status: 'stopped',
    phase: null,
    pid: null,
    startedFrom,
    attempts,
    deaths,
    reason,
    final: true,
    willRestart: false,
    retryAt: null,
    result,
  };
}

function countDown(counts: PersistentMap<string, number>, name: string): PersistentMap<string, number> {
  const count = (counts.get(name) ?? 0) - 1;
  return count > 0 ? counts.set(name, count) : counts.delete(name);
}
