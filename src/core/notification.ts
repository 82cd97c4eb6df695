/**
 * Telling clients: answers to what they asked, and the status of the workers they watch, on every start and death.
 *
 * A client whose socket takes no more is not disconnected and nothing is queued for it: what is kept is only which
 * workers it has not been told of, and when it can read again it is told their newest status. The sequence number in a
 * status says how many it missed. So the postmaster holds at most one entry for each client and worker, and of workers
 * that are forgotten only those the client watches by themselves: who hears of every worker and reads nothing for a
 * day is not told of those that came and went meanwhile.
 */
import { statusOf, statusOfKey } from './describe.js';
import type { Answer } from './effect.js';
import type { ClientId } from './event.js';
import { PersistentMap } from './persistentMap.js';
import type { Refusal } from './refusal.js';
import type { Client, Draft, Run, Tenant } from './state.js';
import { changeTenant, putTenant } from './state.js';
import type { WorkerKey } from './workerHandle.js';
import { formatKey } from './workerHandle.js';
import type { WorkerStatus } from './workerStatus.js';

export function reply(draft: Draft, asked: { client: ClientId; request: number }, answer: Answer): void {
  draft.effects.push({ type: 'reply', client: asked.client, request: asked.request, answer });
}

export function refuse(draft: Draft, asked: { client: ClientId; request: number }, refusal: Refusal): void {
  reply(draft, asked, { answer: 'refused', refusal });
}

/** Stores a change that others must hear of, and tells them. Gives the worker as it is now. */
export function publish(draft: Draft, old: Tenant, run: Run): Tenant {
  const tenant = changeTenant(old, { sequence: old.sequence + 1, run });
  putTenant(draft, tenant);
  tell(draft, tenant, statusOf(tenant));
  return tenant;
}

/** Tells everybody who watches a worker. The status comes apart, since that of one that ended is not derived. */
export function tell(draft: Draft, { watchers, worker }: Tenant, status: WorkerStatus): void {
  for (const client of watchers) tellClient(draft, client, status, true);
  for (const client of draft.watchingAll) {
    if (!watchers.includes(client)) tellClient(draft, client, status, false);
  }
  if (worker.notifyPid !== null) draft.effects.push({ type: 'signalNotifyPid', notifyPid: worker.notifyPid });
}

export function tellProgress(draft: Draft, tenant: Tenant): void {
  if (tenant.progress === null) return;
  const clients = tenant.watchers.filter((client) => draft.clients.get(client)?.blocked === false);
  if (clients.length === 0) return;
  const { slot, generation, progress } = tenant;
  draft.effects.push({ type: 'notifyProgress', clients, slot, generation, ...progress });
}

function tellClient(draft: Draft, id: ClientId, status: WorkerStatus, watched: boolean): void {
  const client = draft.clients.get(id);
  if (client === undefined) return;
  if (!client.blocked) {
    draft.effects.push({ type: 'notify', client: id, status });
    return;
  }
  const { slot, generation } = status;
  const untold = client.untold.set(formatKey(status), { slot, generation, watched });
  const isMuch = untold.size > 2 * (draft.limits.finalWordsKept + draft.slots.used + 1);
  draft.clients = draft.clients.set(id, { ...client, untold: isMuch ? withoutForgotten(draft, untold) : untold });
}

/** Less the workers that came and went and of which nothing is known any more, unless it waits for that very one. */
function withoutForgotten(draft: Draft, untold: Client['untold']): Client['untold'] {
  let rest = untold;
  for (const [name, key] of untold.entries()) {
    if (!key.watched && statusOfKey(draft, key)?.reason?.kind === 'forgotten') rest = rest.delete(name);
  }
  return rest;
}

export function clientBlocked(draft: Draft, id: ClientId): void {
  const client = draft.clients.get(id);
  if (client !== undefined) draft.clients = draft.clients.set(id, { ...client, blocked: true });
}

export function clientDrained(draft: Draft, id: ClientId): void {
  const client = draft.clients.get(id);
  if (client === undefined) return;
  draft.clients = draft.clients.set(id, { ...client, blocked: false, untold: PersistentMap.empty(), untoldGone: [] });
  for (const member of client.untoldGone) draft.effects.push({ type: 'memberGone', clients: [id], member });
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
    hint: 'use a handle as register() or bgworker ps gives it',
  };
}

/** Whether the client that registered it hears of its end. Who only looks on makes nothing of it less worth a warning. */
export function tellsRegistrant({ registrant, watchers }: Tenant): boolean {
  return registrant !== null && watchers.includes(registrant);
}
