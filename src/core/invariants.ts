/**
 * What must hold in every state. The slots that a transition touched are checked after it, in production too: a state
 * that nobody understands is worse than a postmaster that ends, since its clients know at once when it does. The whole
 * state is checked in tests, in the simulation, and by the postmaster every thousandth transition.
 */
import { assert } from '../base/index.js';
import { statusOf } from './describe.js';
import { dueAtOf, type Slot, type State, type Tenant, tenantOf, tenants } from './state.js';
import { formatKey, isSameWorker } from './workerHandle.js';

export function checkTouched(state: State, touched: readonly number[]): void {
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
  checkIndexes(state);
  checkLastWords(state);
  checkStart(state);
}

function checkSlot(state: State, index: number, slot: Slot): void {
  const { tenant } = slot;
  assert(slot.used === (tenant !== null), 'a slot is used when it has a tenant');
  if (tenant === null) {
    assert(slot.dueAt === Number.POSITIVE_INFINITY, 'a free slot is never due');
    return;
  }
  assert(tenant.slot === index && tenant.generation === slot.generation, 'a tenant knows where it lives');
  assert(slot.dueAt === dueAtOf(tenant), 'the due time of a slot is that of its tenant');
  checkTenant(state, tenant);
}

function checkTenant(state: State, tenant: Tenant): void {
  const { run, worker } = tenant;
  const key = formatKey(tenant);
  assert(tenant.deaths <= tenant.attempts, `${key}: no more ends than attempts while it lives`);
  assert((tenant.deaths > 0) === (tenant.reason !== null), `${key}: every end has a reason`);
  const underWay = run.state === 'up' || run.state === 'starting';
  assert(tenant.attempts - tenant.deaths === (underWay ? 1 : 0), `${key}: one attempt at a time`);
  if (run.state === 'up') {
    assert(run.pid > 0, `${key}: a process has a pid`);
    assert((run.enteredAt !== null) === (run.phase === 'running' || run.phase === 'ready'), `${key}: entered is told`);
    assert(run.stop === null || run.stop.killed === (run.stop.killAt === Infinity), `${key}: killed once`);
  }
  if (run.state === 'waiting') assert(tenant.attempts === 0, `${key}: waiting is before the first attempt`);
  if (run.state === 'resting') assert(tenant.attempts > 0, `${key}: resting is between attempts`);
  if (state.shutdown.state === 'stopping') {
    assert(underWay && run.stop?.final === true, `${key}: in a shutdown whoever is left was told to stop`);
  }
  assert(state.shutdown.state !== 'exited', `${key}: nobody is left behind`);
  assert(worker.class !== 'parallel' || worker.restart === 'never', `${key}: parallel workers do not come back`);
  for (const client of tenant.watchers) assert(state.clients.has(client), `${key}: watchers are connected`);
  assert(tenant.registrant === null || state.clients.has(tenant.registrant), `${key}: the registrant is connected`);
  const names = state.names.get(worker.name) ?? [];
  assert(names.some((other) => isSameWorker(other, tenant)), `${key}: found by its name`);
  const status = statusOf(tenant);
  assert(!status.final && (status.status !== 'started' || status.pid !== null), `${key}: started has a pid`);
}

function checkIndexes(state: State): void {
  for (const index of [state.names, state.crashGroups]) {
    for (const [name, keys] of index.entries()) {
      assert(keys.length > 0, `${name}: no empty entries`);
      for (const key of keys) assert(tenantOf(state, key) !== undefined, `${name}: only workers that hold a slot`);
    }
  }
  for (const [old] of state.successors.entries()) {
    const [slot = 0, generation = 0] = old.split(':').map(Number);
    assert(tenantOf(state, { slot, generation }) !== undefined, `${old}: a successor waits for somebody`);
  }
  for (const client of state.watchingAll) assert(state.clients.has(client), 'who watches all is connected');
  for (const asked of state.waiting) assert(state.clients.has(asked.client), 'who waits for a slot is connected');
}

function checkLastWords(state: State): void {
  const { words, byKey, first, next } = state.lastWords;
  assert(words.size === byKey.size && words.size === next - first, 'last words are all in order');
  assert(words.size <= state.limits.finalWordsKept, 'no more last words than are to be kept');
  let bytes = 0;
  for (const [, word] of words.entries()) {
    assert(word.status.final && word.status.reason !== null, 'a last word is final and says why');
    if (word.status.result?.state === 'bytes') bytes += word.status.result.bytes.byteLength;
  }
  assert(bytes === state.lastWords.resultBytes, 'the bytes of results are counted right');
}

/** Nobody waits for what will not come. */
function checkStart(state: State): void {
  for (const key of state.early) assert(tenantOf(state, key) !== undefined, 'an early worker holds its slot');
  for (const tenant of tenants(state)) {
    if (tenant.run.state !== 'waiting') continue;
    const { until } = tenant.run;
    if (until.condition === 'early') assert(state.early.length > 0, 'somebody is early');
    if (until.condition !== 'replaced') continue;
    assert(until.workers.length > 0, 'somebody is being replaced');
    for (const old of until.workers) assert(tenantOf(state, old) !== undefined, 'the replaced is still there');
  }
}
