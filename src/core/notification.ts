/**
 * Telling clients: answers to what they asked, and the status of the workers they watch, on every start and death.
 *
 * A client whose socket takes no more is not disconnected and nothing is queued for it: what is kept is only which
 * workers it has not been told of, and when it can read again it is told their newest status. The sequence number in a
 * status says how many it missed. So the postmaster holds at most one entry for each client and worker.
 */
import { statusOf, statusOfKey } from './describe.js';
import type { Answer } from './effect.js';
import type { ClientId } from './event.js';
import { PersistentMap } from './persistentMap.js';
import type { Refusal } from './refusal.js';
import { type Draft, putTenant, type Tenant } from './state.js';
import { formatKey, type WorkerKey } from './workerHandle.js';
import type { WorkerStatus } from './workerStatus.js';

export function reply(draft: Draft, asked: { client: ClientId; request: number }, answer: Answer): void {
  draft.effects.push({ type: 'reply', client: asked.client, request: asked.request, answer });
}

export function refuse(draft: Draft, asked: { client: ClientId; request: number }, refusal: Refusal): void {
  reply(draft, asked, { answer: 'refused', refusal });
}

/** Stores a change of a worker that others must hear of, and tells them. */
export function publish(draft: Draft, changed: Tenant): void {
  const tenant = { ...changed, sequence: changed.sequence + 1 };
  putTenant(draft, tenant);
  tell(draft, tenant, statusOf(tenant));
}

/** Tells everybody who watches a worker. The status comes apart, since that of one that ended is not derived. */
export function tell(draft: Draft, tenant: Tenant, status: WorkerStatus): void {
  for (const client of tenant.watchers) tellClient(draft, client, status);
  for (const client of draft.watchingAll) {
    if (!tenant.watchers.includes(client)) tellClient(draft, client, status);
  }
  if (tenant.worker.notifyPid !== null) {
    draft.effects.push({ type: 'signalNotifyPid', notifyPid: tenant.worker.notifyPid });
  }
}

export function tellProgress(draft: Draft, tenant: Tenant): void {
  if (tenant.progress === null) return;
  const clients = tenant.watchers.filter((client) => draft.clients.get(client)?.blocked === false);
  if (clients.length === 0) return;
  const { slot, generation, progress } = tenant;
  draft.effects.push({ type: 'notifyProgress', clients, slot, generation, ...progress });
}

function tellClient(draft: Draft, id: ClientId, status: WorkerStatus): void {
  const client = draft.clients.get(id);
  if (client === undefined) return;
  if (!client.blocked) {
    draft.effects.push({ type: 'notify', client: id, status });
    return;
  }
  const { slot, generation } = status;
  const untold = client.untold.set(formatKey(status), { slot, generation });
  draft.clients = draft.clients.set(id, { ...client, untold });
}

export function clientBlocked(draft: Draft, id: ClientId): void {
  const client = draft.clients.get(id);
  if (client !== undefined) draft.clients = draft.clients.set(id, { ...client, blocked: true });
}

export function clientDrained(draft: Draft, id: ClientId): void {
  const client = draft.clients.get(id);
  if (client === undefined) return;
  draft.clients = draft.clients.set(id, { ...client, blocked: false, untold: PersistentMap.empty() });
  for (const [, key] of client.untold.entries()) {
    const status = statusOfKey(draft, key);
    if (status !== undefined) draft.effects.push({ type: 'notify', client: id, status });
  }
}

export function unknownWorker(key: WorkerKey): Refusal {
  return {
    code: 'ERR_UNKNOWN_WORKER',
    message: 'no such worker',
    detail: `${formatKey(key)} was never registered with this postmaster`,
    hint: 'use a handle as register() or bgworker launch gave it',
  };
}
