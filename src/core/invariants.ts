/**
 * What must hold in every state. The slots and segments that a transition touched are checked after it, in production too: a state
 * that nobody understands is worse than a postmaster that ends, since its clients know at once when it does. The whole
 * state is checked in tests, in the simulation, and by the postmaster every thousandth transition.
 */
import { assert } from '../base/index.js';
import { checkMemory, checkSegment } from './memoryInvariants.js';
import { isAwaitingCrashGroup, isGroupGoingDown } from './startCondition.js';
import type { Draft, Slot, State, Stop, Tenant } from './state.js';
import { dueAtOf, isLaunching, tenantOf, tenants } from './state.js';
import { isLeaving } from './stopping.js';
import { formatKey } from './workerHandle.js';
import type { WorkerIndex } from './workerIndex.js';
import { hasWorker } from './workerIndex.js';

export function checkTouched(state: State, { touched, touchedSegments }: Draft): void {
  for (const id of touchedSegments) {
    const segment = state.memory.segments.get(id);
    if (segment !== undefined) checkSegment(state, segment);
  }
  for (const index of touched) {
    const slot = state.slots.get(index);
    assert(slot !== undefined, 'a touched slot is there');
    checkSlot(state, index, slot);
  }
}

/** O(slots), and more: for tests and now and then. */
export function checkState(state: State): void {
  const used = new Map<string, number>();
  let count = 0;
  let dueAt = Number.POSITIVE_INFINITY;
  for (const [index, slot] of state.slots.entries()) {
    checkSlot(state, index, slot);
    dueAt = Math.min(dueAt, slot.dueAt);
    if (slot.tenant === null) continue;
    count += 1;
    used.set(slot.tenant.worker.class, (used.get(slot.tenant.worker.class) ?? 0) + 1);
  }
  assert(count === state.slots.used, 'the tree counts the used slots');
  assert(dueAt === state.slots.dueAt, 'the tree knows the earliest due time');
  assert(used.size === state.usedByClass.size, 'only classes in use are counted');
  for (const [name, number] of used) assert(state.usedByClass.get(name) === number, `class ${name} is counted right`);
  checkIndex(state, state.names, count);
  checkIndex(state, state.crashGroups, [...tenants(state)].filter(({ worker }) => worker.crashGroup !== null).length);
  checkClients(state);
  checkLastWords(state);
  checkStart(state);
  checkSpares(state);
  checkMemory(state);
}

function checkSlot(state: State, index: number, slot: Slot): void {
  const { tenant } = slot;
  assert(slot.used === (tenant !== null), 'a slot is used when it has a tenant');
  if (tenant === null) {
    assert(slot.dueAt === Number.POSITIVE_INFINITY, 'a free slot is never due');
    return;
  }
  hold(tenant, tenant.slot === index && tenant.generation === slot.generation, 'knows where it lives');
  hold(tenant, slot.dueAt === dueAtOf(tenant) && !Number.isNaN(slot.dueAt), 'its slot is due when it is');
  checkTenant(state, tenant);
}

function checkTenant(state: State, tenant: Tenant): void {
  const { run, worker } = tenant;
  hold(tenant, tenant.deaths > 0 === (tenant.reason !== null), 'every end has a reason');
  const underWay = run.state === 'up' || run.state === 'starting';
  hold(tenant, tenant.attempts - tenant.deaths === (underWay ? 1 : 0), 'one attempt at a time');
  hold(tenant, tenant.sequence >= tenant.deaths, 'every end was told');
  if (run.state === 'up') {
    hold(tenant, run.pid > 0, 'a process has a pid');
    hold(tenant, (run.leaveBy === null) === (run.saying === null), 'who has said its last word is to leave');
    const isEntered = run.phase === 'running' || run.phase === 'ready';
    hold(tenant, (run.enteredAt !== null) === isEntered, 'when it was entered is known');
  }
  if (underWay && run.stop !== null) checkStop(tenant, run.stop);
  if (run.state === 'waiting') hold(tenant, tenant.attempts === 0, 'waiting is before the first attempt');
  if (run.state === 'resting') hold(tenant, tenant.attempts > 0, 'resting is between attempts');
  if (state.shutdown.state === 'stopping') hold(tenant, isLeaving(tenant), 'in a shutdown all are told to stop');
  hold(tenant, state.shutdown.state !== 'exited', 'nobody is left behind');
  hold(tenant, worker.class !== 'parallel' || worker.restart === 'never', 'parallel workers do not come back');
  for (const client of tenant.watchers) hold(tenant, state.clients.has(client), 'watchers are connected');
  hold(tenant, tenant.registrant === null || state.clients.has(tenant.registrant), 'the registrant is connected');
  hold(tenant, hasWorker(state.names, worker.name, tenant), 'it is found by its name');
  const { crashGroup } = worker;
  hold(tenant, crashGroup === null || hasWorker(state.crashGroups, crashGroup, tenant), 'it is found by its group');
}

function checkStop(tenant: Tenant, stop: Stop): void {
  hold(tenant, stop.killed === (stop.killAt === Number.POSITIVE_INFINITY), 'it is killed once');
  hold(tenant, !stop.killed || tenant.run.state === 'up', 'only a process is killed');
  hold(tenant, !stop.withGroup || tenant.worker.crashGroup !== null, 'it goes down with the group it is in');
}

/** As `assert`, of one worker; the text is made only if it is needed. */
function hold(tenant: Tenant, condition: boolean, what: string): void {
  if (!condition) assert(false, `${formatKey(tenant)}: ${what}`);
}

function checkIndex(state: State, index: WorkerIndex, workers: number): void {
  let count = 0;
  for (const [word, keys] of index.entries()) {
    assert(keys.size > 0, `${word}: no empty entries`);
    count += keys.size;
    for (const [, key] of keys.entries()) {
      assert(tenantOf(state, key) !== undefined, `${word}: only workers that hold a slot`);
    }
  }
  assert(count === workers, 'every worker is in the index once');
}

function checkClients(state: State): void {
  for (const client of state.watchingAll) assert(state.clients.has(client), 'who watches all is connected');
  for (const asked of state.waiting) assert(state.clients.has(asked.client), 'who waits for a slot is connected');
  assert(state.waiting.length === 0 || state.shutdown.state !== 'stopping', 'nobody waits for a slot in a shutdown');
  for (const [, client] of state.clients.entries()) {
    const hasUntold = client.untold.size > 0 || client.untoldGone.length > 0;
    assert(client.blocked || !hasUntold, 'who is not blocked was told everything');
  }
}

function checkLastWords(state: State): void {
  const { words, byKey, first, next } = state.lastWords;
  assert(words.size === byKey.size && words.size === next - first, 'last words are all in order');
  assert(words.size <= state.limits.finalWordsKept, 'no more last words than are to be kept');
  let bytes = 0;
  let registrations = 0;
  for (const [, { status, registrationKey }] of words.entries()) {
    assert(status.final && status.reason !== null, 'a last word is final and says why');
    assert(status.attempts === status.deaths, 'with the last word every attempt has ended');
    if (status.result?.state === 'bytes') bytes += status.result.bytes.byteLength;
    if (registrationKey !== null) registrations += 1;
  }
  assert(bytes === state.lastWords.resultBytes, 'the bytes of results are counted right');
  for (const tenant of tenants(state)) if (tenant.registrationKey !== null) registrations += 1;
  assert(registrations === state.registrations.size, 'a registration is kept as long as its worker or its last word');
}

function checkSpares(state: State): void {
  const { pool, next, wantedUntil, notBefore } = state.spares;
  assert(!Number.isNaN(wantedUntil) && !Number.isNaN(notBefore), 'spares have their times');
  const launching = [...tenants(state)].filter(({ run }) => isLaunching(run));
  assert(launching.length === state.slots.launching, 'the tree counts those that are being launched');
  const boots = pool.filter(({ state: word }) => word === 'starting' || word === 'booting');
  assert(boots.length <= 1, 'one spare boots at a time');
  const busy = new Set([...tenants(state)].map(({ run }) => (run.state === 'up' ? run.pid : null)));
  for (const [at, { spare, pid, state: word }] of pool.entries()) {
    assert(spare < next && (at === 0 || (pool[at - 1]?.spare ?? 0) < spare), 'no two spares have a number');
    assert(word === 'starting' || word === 'leaving' || pid !== null, 'a spare that is there has a process');
    assert(pid === null || !busy.has(pid), 'no process of a worker is a spare');
  }
}

/** Nobody waits for what will not come. */
function checkStart(state: State): void {
  for (const key of state.early) assert(tenantOf(state, key) !== undefined, 'an early worker holds its slot');
  for (const [old] of state.successors.entries()) {
    const [slot = 0, generation = 0] = old.split(':').map(Number);
    assert(tenantOf(state, { slot, generation }) !== undefined, `${old}: a successor waits for somebody`);
  }
  for (const tenant of tenants(state)) {
    const { run, worker } = tenant;
    if (isAwaitingCrashGroup(run)) {
      const { crashGroup } = worker;
      hold(tenant, crashGroup !== null && isGroupGoingDown(state, crashGroup), 'its group is going down');
    }
    if (run.state !== 'waiting') continue;
    if (run.until.condition === 'early') hold(tenant, state.early.length > 0, 'somebody is early');
    if (run.until.condition !== 'replaced') continue;
    hold(tenant, run.until.workers.length > 0, 'somebody is being replaced');
    for (const old of run.until.workers) hold(tenant, tenantOf(state, old) !== undefined, 'the replaced is there');
  }
}
