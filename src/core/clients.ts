/**
 * Clients and what they ask about workers that are there. The death of a client cancels its notifications and its
 * waiting requests; its workers run on (R-PM-32), unless their life was tied to it.
 */
import { statusOf, statusOfKey } from './describe.js';
import type { ClientEvent, ClientId, PostmasterEvent } from './event.js';
import { refuse, reply, unknownWorker } from './notification.js';
import { PersistentMap } from './persistentMap.js';
import { watchedBy } from './registration.js';
import { memberGone } from './segments.js';
import { mayShutDown, stopEverything } from './shutdown.js';
import type { Draft, Run } from './state.js';
import { changeTenant, putTenant, tenantOf, tenants } from './state.js';
import { isLeaving, stopWorker } from './stopping.js';
import type { WorkerKey } from './workerHandle.js';

export function clientConnected(draft: Draft, id: ClientId, worker: WorkerKey | null): void {
  draft.clients = draft.clients.set(id, { worker, blocked: false, untold: PersistentMap.empty(), untoldGone: [] });
}

export function clientGone(draft: Draft, id: ClientId): void {
  if (!draft.clients.has(id)) return;
  draft.clients = draft.clients.delete(id);
  draft.watchingAll = draft.watchingAll.filter((other) => other !== id);
  draft.waiting = draft.waiting.filter((asked) => asked.client !== id);
  memberGone(draft, id);
  const concerned = [...tenants(draft)].filter(
    ({ watchers, registrant }) => registrant === id || watchers.includes(id),
  );
  const tied: WorkerKey[] = [];
  for (const tenant of concerned) {
    const watchers = tenant.watchers.filter((other) => other !== id);
    const registrant = tenant.registrant === id ? null : tenant.registrant;
    putTenant(draft, changeTenant(tenant, { watchers, registrant }));
    if (tenant.registrant === id && tenant.worker.lifetime === 'client') tied.push(tenant);
  }
  // Only then: the end of one can start another, or tell others, and this client is to be nowhere by then.
  for (const key of tied) {
    const tenant = tenantOf(draft, key);
    if (tenant === undefined) continue;
    stopWorker(draft, tenant, { why: 'clientGone' }, tenant.worker.terminateTimeoutMs, 'nothing');
  }
  endSmartWait(draft);
}

/** A mode can only be raised (R-SM-10). */
export function requestShutdown(
  draft: Draft,
  { mode, graceMs, uncounted }: Extract<PostmasterEvent, { type: 'shutdownRequested' }>,
): void {
  if (mayShutDown(draft, mode)) {
    if (mode !== 'smart' || draft.shutdown.state === 'stopping') return stopEverything(draft, mode, graceMs);
    draft.shutdown = { state: 'waitingForClients', graceMs, uncounted: [] };
  }
  if (draft.shutdown.state !== 'waitingForClients') return;
  if (uncounted !== null) {
    draft.shutdown = { ...draft.shutdown, uncounted: [...draft.shutdown.uncounted, uncounted] };
  }
  endSmartWait(draft);
}

/**
 * Smart shutdown waits for clients, not for workers and the clients that live in them (R-SM-12), nor for those that do
 * nothing but wait for the end.
 */
export function endSmartWait(draft: Draft): void {
  if (draft.shutdown.state !== 'waitingForClients') return;
  const { graceMs, uncounted } = draft.shutdown;
  for (const [id, client] of draft.clients.entries()) {
    if (client.worker === null && !uncounted.includes(id)) return;
  }
  stopEverything(draft, 'smart', graceMs);
}

type Asked<Type extends ClientEvent['type']> = Extract<ClientEvent, { type: Type }>;

export function answerStatus(draft: Draft, asked: Asked<'statusRequested'>): void {
  const status = statusOfKey(draft, asked);
  if (status === undefined) refuse(draft, asked, unknownWorker(asked));
  else reply(draft, asked, { answer: 'status', status });
}

export function watch(draft: Draft, asked: Asked<'watchRequested'>): void {
  const tenant = tenantOf(draft, asked);
  if (tenant !== undefined) putTenant(draft, watchedBy(tenant, asked.client));
  const status = statusOfKey(draft, asked);
  if (status === undefined) refuse(draft, asked, unknownWorker(asked));
  else reply(draft, asked, { answer: 'status', status });
}

export function endWatch(draft: Draft, client: ClientId, key: WorkerKey): void {
  const tenant = tenantOf(draft, key);
  if (tenant === undefined) return;
  putTenant(draft, changeTenant(tenant, { watchers: tenant.watchers.filter((other) => other !== client) }));
}

export function watchAll(draft: Draft, asked: Asked<'watchAllRequested'>): void {
  if (!draft.watchingAll.includes(asked.client)) draft.watchingAll = [...draft.watchingAll, asked.client];
  reply(draft, asked, { answer: 'done' });
}

/** A worker that ended, or whose slot has another tenant, needs no terminating: nothing happens (R-API-31, F-34). */
export function terminate(draft: Draft, asked: Asked<'terminationRequested'>): void {
  const tenant = tenantOf(draft, asked);
  if (tenant === undefined) {
    const status = statusOfKey(draft, asked);
    if (status === undefined) refuse(draft, asked, unknownWorker(asked));
    else reply(draft, asked, { answer: 'status', status });
    return;
  }
  const timeoutMs = asked.timeoutMs ?? tenant.worker.terminateTimeoutMs;
  reply(draft, asked, { answer: 'status', status: statusOf(tenant) });
  stopWorker(draft, tenant, { why: 'terminate' }, timeoutMs, 'nothing');
}

/** One that runs is stopped and started again; one that rests is started now. It counts as no failure, nor do older ones. */
export function restart(draft: Draft, asked: Asked<'restartRequested'>): void {
  const tenant = tenantOf(draft, asked);
  if (tenant === undefined || isLeaving(tenant)) {
    const status = statusOfKey(draft, asked);
    if (status === undefined) return refuse(draft, asked, unknownWorker(asked));
    return refuse(draft, asked, {
      code: 'ERR_WORKER_ENDED',
      message: `background worker ${JSON.stringify(status.name)} has ended for good`,
      detail: status.reason === null ? 'it is being stopped' : `it ended: ${status.reason.kind}`,
      hint: 'register it again',
    });
  }
  reply(draft, asked, { answer: 'status', status: statusOf(tenant) });
  switch (tenant.run.state) {
    case 'waiting':
      return;
    case 'resting': {
      // One that rests for its crash group goes on doing so, and is started with it.
      const startAt = tenant.run.startAt === null ? null : draft.at;
      const run: Run = { state: 'resting', startAt };
      return putTenant(draft, changeTenant(tenant, { failures: [], failuresInARow: 0, run }));
    }
    case 'starting':
    case 'up':
      return stopWorker(draft, tenant, { why: 'restart' }, tenant.worker.terminateTimeoutMs, 'startAgain');
  }
}
