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
import type { BackgroundWorker } from './backgroundWorker.js';
import { checkBackgroundWorker } from './backgroundWorker.js';
import { statusOf, statusOfKey } from './describe.js';
import type { ClientId } from './event.js';
import { refuse, reply } from './notification.js';
import type { Refusal } from './refusal.js';
import type { Draft, StartCondition, State, Tenant, WaitingRegistration } from './state.js';
import { changeTenant, isGoingDown, putTenant, tenantOf, tenants } from './state.js';
import { isLeaving, stopWorker } from './stopping.js';
import type { WorkerKey } from './workerHandle.js';
import { formatKey } from './workerHandle.js';
import { addWorker, workersOf } from './workerIndex.js';

export function requestRegistration(draft: Draft, asked: WaitingRegistration, waitForSlot: boolean): void {
  const already = draft.registrations.get(asked.key);
  if (already !== undefined) return answerAgain(draft, asked, already);
  const refusal = checkBackgroundWorker(asked.worker);
  if (refusal !== undefined) return refuse(draft, asked, refusal);
  if (isGoingDown(draft)) return refuse(draft, asked, SHUTTING_DOWN);
  const shortage = admit(draft, asked);
  if (shortage === undefined) return;
  if (!waitForSlot) return refuse(draft, asked, tooMany(draft, asked.worker, shortage));
  if (draft.waiting.length >= draft.limits.maxWaitingRegistrations) return refuse(draft, asked, tooManyWaiting(draft));
  // Asked again after its connection broke, it keeps its place, behind the request that nobody may be there to hear of.
  const place = draft.waiting.findIndex((other) => other.key === asked.key);
  draft.waiting = draft.waiting.toSpliced(place < 0 ? draft.waiting.length : place + 1, 0, asked);
}

export const SHUTTING_DOWN: Refusal = {
  code: 'ERR_SHUTTING_DOWN',
  message: 'the postmaster is shutting down',
  hint: 'connect to the next one',
};

/** Whoever withdraws a registration that waits is answered too, so that every request has exactly one answer. */
export function withdrawRegistration(draft: Draft, client: ClientId, request: number): void {
  const rest = draft.waiting.filter((asked) => asked.client !== client || asked.request !== request);
  if (rest.length === draft.waiting.length) return;
  draft.waiting = rest;
  refuse(draft, { client, request }, WITHDRAWN);
}

const WITHDRAWN: Refusal = { code: 'ERR_WITHDRAWN', message: 'the registration was withdrawn before there was a slot' };

/** Slots came free, or limits were raised: those who wait are served in the order they came. */
export function serveWaiting(draft: Draft): void {
  // To replace a worker of another class can make room for somebody who stands before.
  for (let before = -1; before !== draft.waiting.length; ) {
    before = draft.waiting.length;
    draft.waiting = draft.waiting.filter((asked) => admit(draft, asked) !== undefined);
  }
}

/** Registers and replies; or says what there is too little of, and has changed nothing. */
function admit(draft: Draft, asked: WaitingRegistration): Shortage | undefined {
  const { worker } = asked;
  const already = draft.registrations.get(asked.key);
  if (already !== undefined) {
    answerAgain(draft, asked, already);
    return undefined;
  }
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
  const shortage = shortageFor(draft, worker, holders);
  if (shortage !== undefined) return shortage;
  const tenant = moveIn(draft, worker, asked.client, asked.key, holders);
  reply(draft, asked, { answer: 'registered', status: statusOf(tenant), existing: false });
  for (const holder of live) {
    stopWorker(draft, holder, { why: 'terminate' }, holder.worker.terminateTimeoutMs, 'nothing');
  }
  return undefined;
}

export function hasRoomFor(draft: Draft, worker: BackgroundWorker, replaced: readonly Tenant[]): boolean {
  return shortageFor(draft, worker, replaced) === undefined;
}

/** What there is too little of. */
type Shortage = 'slots' | 'ofItsClass' | 'unreserved';

/** `replaced`: workers that leave before it starts, so that their slots do not count. */
function shortageFor(draft: Draft, worker: BackgroundWorker, replaced: readonly Tenant[]): Shortage | undefined {
  const { maxWorkerProcesses, classes } = draft.limits;
  const free = maxWorkerProcesses - draft.slots.used + replaced.length;
  if (free <= 0) return 'slots';
  const own = classes[worker.class];
  if (own !== undefined && usedBy(draft, worker.class, replaced) >= own.max) return 'ofItsClass';
  let reserved = 0;
  for (const name in classes) {
    if (name !== worker.class) reserved += Math.max(0, (classes[name]?.reserved ?? 0) - usedBy(draft, name, replaced));
  }
  return free <= reserved ? 'unreserved' : undefined;
}

function usedBy(draft: Draft, name: string, replaced: readonly Tenant[]): number {
  const used = draft.usedByClass.get(name) ?? 0;
  return replaced.length === 0 ? used : used - replaced.filter(({ worker }) => worker.class === name).length;
}

/** Takes the lowest free slot (R-REG-34), with a generation no handle has had. */
export function moveIn(
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
    slot,
    generation,
    worker,
    registrationKey,
    registrant,
    watchers: registrant === null ? [] : [registrant],
    sequence: 0,
    attempts: 0,
    startedFrom: null,
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
  draft.names = addWorker(draft.names, worker.name, key);
  if (worker.crashGroup !== null) draft.crashGroups = addWorker(draft.crashGroups, worker.crashGroup, key);
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

export function holdersOf(state: Pick<State, 'names' | 'slots'>, name: string): readonly Tenant[] {
  return workersOf(state.names, name).flatMap((key) => tenantOf(state, key) ?? []);
}

/** Nothing is remembered of it: asked again, it gets whoever has the name by then. */
function answerExisting(draft: Draft, asked: WaitingRegistration, holder: Tenant): void {
  putTenant(draft, watchedBy(holder, asked.client));
  reply(draft, asked, { answer: 'registered', status: statusOf(holder), existing: true });
}

/** The connection that asks again is the one that its life may be tied to from now on. */
function answerAgain(draft: Draft, asked: WaitingRegistration, key: WorkerKey): void {
  const tenant = tenantOf(draft, key);
  if (tenant !== undefined) {
    putTenant(draft, watchedBy(changeTenant(tenant, { registrant: asked.client }), asked.client));
  }
  const status = statusOfKey(draft, key);
  if (status !== undefined) reply(draft, asked, { answer: 'registered', status, existing: false });
}

export function watchedBy(tenant: Tenant, client: ClientId): Tenant {
  const { watchers } = tenant;
  return watchers.includes(client) ? tenant : changeTenant(tenant, { watchers: [...watchers, client] });
}

const HOLDERS_NAMED = 5;

function tooMany(draft: Draft, worker: BackgroundWorker, shortage: Shortage): Refusal {
  const { limit, setting } = describeShortage(draft, worker, shortage);
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

function describeShortage(
  { limits, slots }: Draft,
  worker: BackgroundWorker,
  shortage: Shortage,
): { readonly limit: string; readonly setting: string } {
  const { maxWorkerProcesses, classes } = limits;
  switch (shortage) {
    case 'slots':
      return {
        limit: `maxWorkerProcesses is ${maxWorkerProcesses} and all are in use`,
        setting: 'maxWorkerProcesses',
      };
    case 'ofItsClass':
      return {
        limit: `class ${worker.class} may use ${classes[worker.class]?.max ?? 0} and does`,
        setting: `classes.${worker.class}.max`,
      };
    case 'unreserved':
      return {
        limit: `the last ${maxWorkerProcesses - slots.used} free slots are reserved for other classes than ${worker.class}`,
        setting: 'maxWorkerProcesses',
      };
  }
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
