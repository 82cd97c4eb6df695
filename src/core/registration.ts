/**
 * Registration: a definition comes in, and a slot with a handle or a refusal goes out. It never blocks (R-REG-37): who
 * wants to wait for a slot says so and is answered when there is one. Asked twice with the same key, which happens
 * when a connection breaks between the request and its answer, one worker is registered and both are told the same.
 *
 * A registration of class c gets a slot iff used(c) < max(c) and more slots are free than are reserved for other
 * classes and not yet used by them (L-5).
 *
 * Model: RegisterDynamicBackgroundWorker in bgworker.c.
 */
import { checkBackgroundWorker, type BackgroundWorker } from './backgroundWorker.js';
import { statusOf, statusOfKey } from './describe.js';
import type { ClientId } from './event.js';
import { refuse, reply } from './notification.js';
import type { Refusal } from './refusal.js';
import {
  type Draft,
  putTenant,
  type StartCondition,
  type Tenant,
  tenantOf,
  tenants,
  type WaitingRegistration,
} from './state.js';
import { stopWorker } from './stopping.js';
import { formatKey, type WorkerKey } from './workerHandle.js';

export function requestRegistration(draft: Draft, asked: WaitingRegistration, waitForSlot: boolean): void {
  const already = draft.registrations.get(asked.key);
  if (already !== undefined) return answerAgain(draft, asked, already);
  const refusal = checkBackgroundWorker(asked.worker);
  if (refusal !== undefined) return refuse(draft, asked, refusal);
  if (draft.shutdown.state === 'stopping' || draft.shutdown.state === 'exited') {
    return refuse(draft, asked, SHUTTING_DOWN);
  }
  const shortage = admit(draft, asked);
  if (shortage === undefined) return;
  if (!waitForSlot || shortage.code !== 'ERR_TOO_MANY_WORKERS') return refuse(draft, asked, shortage);
  if (draft.waiting.length >= draft.limits.maxWaitingRegistrations) return refuse(draft, asked, tooManyWaiting(draft));
  draft.waiting = [...draft.waiting, asked];
}

export const SHUTTING_DOWN: Refusal = {
  code: 'ERR_SHUTTING_DOWN',
  message: 'the postmaster is shutting down',
  hint: 'connect to the next one',
};

/** Slots came free, or limits were raised: those who wait are served in the order they came. */
export function serveWaiting(draft: Draft): void {
  if (draft.waiting.length === 0) return;
  draft.waiting = draft.waiting.filter((asked) => admit(draft, asked)?.code === 'ERR_TOO_MANY_WORKERS');
}

/** The workers that the settings name. Whoever reads the settings has checked them, and that there are slots. */
export function registerEarly(draft: Draft, workers: readonly BackgroundWorker[]): void {
  for (const worker of workers) {
    if (checkBackgroundWorker(worker) !== undefined || shortageFor(draft, worker, 0) !== undefined) continue;
    const tenant = moveIn(draft, worker, null, null, []);
    if (worker.startTime === 'postmasterStart') {
      draft.early = [...draft.early, { slot: tenant.slot, generation: tenant.generation }];
    }
  }
}

/** Registers and replies; or gives the refusal and has changed nothing. */
function admit(draft: Draft, asked: WaitingRegistration): Refusal | undefined {
  const { worker } = asked;
  const holders = worker.ifNameTaken === null ? [] : holdersOf(draft, worker.name);
  const live = holders.filter((holder) => !isLeaving(holder));
  const [first] = live;
  if (first !== undefined && worker.ifNameTaken === 'throw') {
    refuse(draft, asked, nameTaken(first));
    return undefined;
  }
  if (first !== undefined && worker.ifNameTaken === 'useIt') {
    answerExisting(draft, asked, first);
    return undefined;
  }
  const shortage = shortageFor(draft, worker, holders.length);
  if (shortage !== undefined) return shortage;
  const tenant = moveIn(draft, worker, asked.client, asked.key, holders);
  reply(draft, asked, { answer: 'registered', status: statusOf(tenant), existing: false });
  for (const holder of live) {
    const { terminateTimeoutMs } = holder.worker;
    stopWorker(draft, holder, { why: 'terminate' }, terminateTimeoutMs, true);
  }
  return undefined;
}

/** `replaced`: workers that leave before it starts, so that their slots do not count. */
function shortageFor(draft: Draft, worker: BackgroundWorker, replaced: number): Refusal | undefined {
  const { limits } = draft;
  const free = limits.maxWorkerProcesses - draft.slots.used + replaced;
  if (free <= 0) {
    return tooMany(draft, `maxWorkerProcesses is ${limits.maxWorkerProcesses} and all are in use`, 'maxWorkerProcesses');
  }
  const own = limits.classes[worker.class];
  const used = (draft.usedByClass.get(worker.class) ?? 0) - replaced;
  if (own !== undefined && used >= own.max) {
    return tooMany(draft, `class ${worker.class} may use ${own.max} and does`, `classes.${worker.class}.max`);
  }
  const reserved = reservedForOthers(draft, worker.class);
  if (free <= reserved) {
    return tooMany(draft, `the last ${free} free slots are reserved for other classes than ${worker.class}`, 'classes');
  }
  return undefined;
}

function reservedForOthers(draft: Draft, own: string): number {
  let reserved = 0;
  for (const [name, limit] of Object.entries(draft.limits.classes)) {
    if (name !== own) reserved += Math.max(0, limit.reserved - (draft.usedByClass.get(name) ?? 0));
  }
  return reserved;
}

/** Takes the lowest free slot (R-REG-34), with a generation no handle has had. */
function moveIn(
  draft: Draft,
  worker: BackgroundWorker,
  registrant: ClientId | null,
  registrationKey: string | null,
  replaced: readonly Tenant[],
): Tenant {
  const slot = draft.slots.firstFree();
  const generation = (draft.slots.get(slot)?.generation ?? 0) + 1;
  const key: WorkerKey = { slot, generation };
  const tenant: Tenant = {
    ...key,
    worker,
    registrationKey,
    registrant,
    watchers: registrant === null ? [] : [registrant],
    sequence: 0,
    attempts: 0,
    deaths: 0,
    reason: null,
    result: null,
    failures: [],
    failuresInARow: 0,
    progress: null,
    run: { state: 'waiting', startAt: draft.at, until: conditionFor(draft, worker, replaced) },
  };
  putTenant(draft, tenant);
  draft.usedByClass = draft.usedByClass.set(worker.class, (draft.usedByClass.get(worker.class) ?? 0) + 1);
  draft.names = draft.names.set(worker.name, [...(draft.names.get(worker.name) ?? []), key]);
  if (worker.crashGroup !== null) {
    const members = draft.crashGroups.get(worker.crashGroup) ?? [];
    draft.crashGroups = draft.crashGroups.set(worker.crashGroup, [...members, key]);
  }
  if (registrationKey !== null) draft.registrations = draft.registrations.set(registrationKey, key);
  for (const old of replaced) draft.successors = draft.successors.set(formatKey(old), key);
  return tenant;
}

function conditionFor(draft: Draft, worker: BackgroundWorker, replaced: readonly Tenant[]): StartCondition {
  if (replaced.length > 0) {
    const workers = replaced.map(({ slot, generation }) => ({ slot, generation }));
    return { condition: 'replaced', workers };
  }
  if (worker.startTime === 'afterEarly' && draft.early.length > 0) return { condition: 'early' };
  return { condition: 'none' };
}

function holdersOf(draft: Draft, name: string): readonly Tenant[] {
  return (draft.names.get(name) ?? []).flatMap((key) => tenantOf(draft, key) ?? []);
}

/** It has been told to stop for good, and only has not gone yet. */
function isLeaving({ run }: Tenant): boolean {
  return (run.state === 'up' || run.state === 'starting') && run.stop?.final === true;
}

function answerExisting(draft: Draft, asked: WaitingRegistration, holder: Tenant): void {
  const watched = watchedBy(holder, asked.client);
  putTenant(draft, watched);
  const { slot, generation } = holder;
  draft.registrations = draft.registrations.set(asked.key, { slot, generation });
  reply(draft, asked, { answer: 'registered', status: statusOf(watched), existing: true });
}

function answerAgain(draft: Draft, asked: WaitingRegistration, key: WorkerKey): void {
  const tenant = tenantOf(draft, key);
  if (tenant !== undefined) {
    const adopted = tenant.registrationKey === asked.key ? { ...tenant, registrant: asked.client } : tenant;
    putTenant(draft, watchedBy(adopted, asked.client));
  }
  const status = statusOfKey(draft, key);
  if (status !== undefined) reply(draft, asked, { answer: 'registered', status, existing: false });
}

export function watchedBy(tenant: Tenant, client: ClientId): Tenant {
  return tenant.watchers.includes(client) ? tenant : { ...tenant, watchers: [...tenant.watchers, client] };
}

const HOLDERS_NAMED = 5;

function tooMany(draft: Draft, limit: string, setting: string): Refusal {
  const holders: string[] = [];
  for (const tenant of tenants(draft)) {
    if (holders.length === HOLDERS_NAMED) break;
    holders.push(`${tenant.worker.name} (${formatKey(tenant)})`);
  }
  const more = draft.slots.used - holders.length;
  const held = `held by ${holders.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return {
    code: 'ERR_TOO_MANY_WORKERS',
    message: 'no slot for another background worker',
    detail: holders.length === 0 ? limit : `${limit}; ${held}`,
    hint: `raise ${setting}, wait with waitForSlot, or end a worker that is no longer needed`,
  };
}

function tooManyWaiting(draft: Draft): Refusal {
  return {
    code: 'ERR_TOO_MANY_WAITING',
    message: 'too many registrations wait for a slot',
    detail: `${draft.waiting.length} wait already`,
    hint: 'register fewer at once, or raise maxWaitingRegistrations',
  };
}

function nameTaken(holder: Tenant): Refusal {
  const { pid } = statusOf(holder);
  return {
    code: 'ERR_NAME_TAKEN',
    message: `a background worker ${JSON.stringify(holder.worker.name)} is already there`,
    detail: `${formatKey(holder)}${pid === null ? '' : `, process ${pid}`}`,
    hint: "use ifNameTaken: 'useIt' or 'replace', or another name",
  };
}
