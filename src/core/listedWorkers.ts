/**
 * The workers that the settings list: there from the start, and brought in line with the list when the settings are
 * read again. A listed worker is known by its name; of two with one name the first stands for the first.
 *
 * What a reload does is planned first (`planReload`), so that it can be told, and then done:
 * - a new one is started, one that is gone from the list is stopped, one whose definition changed is replaced;
 * - one that failed for good (a crash loop, say), or that somebody ended, is started anew: the list says that it should be
 *   there; unless another one has its name by now, such as one that was launched to replace it;
 * - one that did what it had to do stays as it is.
 * One for which there is no slot yet gets the first that it may have.
 *
 * Model: RegisterBackgroundWorker in a shared_preload_library; PostgreSQL's list is read once, and a reload changes
 * nothing about it.
 */
import type { BackgroundWorker } from './backgroundWorker.js';
import { checkBackgroundWorker } from './backgroundWorker.js';
import type { ListedWorker } from './listedWorker.js';
import { hasRoomFor, holdersOf, moveIn } from './registration.js';
import { isSameValue } from './sameValue.js';
import type { Draft, State, Tenant } from './state.js';
import { isGoingDown, tenantOf } from './state.js';
import { isLeaving, stopWorker } from './stopping.js';
import type { StopKind } from './stopReason.js';
import type { WorkerKey } from './workerHandle.js';
import { formatKey } from './workerHandle.js';

/** What a reload did, or would do, with one worker of the list. */
export interface ListChange {
  /** The worker's. */
  readonly name: string;
  /**
   * What became of it. `leftEnded`: it has ended for good, and nothing of it was changed. `waitsForSlot`: it gets the
   * first that it may have.
   */
  readonly change: 'started' | 'startedAgain' | 'replaced' | 'stopped' | 'unchanged' | 'leftEnded' | 'waitsForSlot';
  /** Why the one before ended, where that matters: it is started again, or left as it is. */
  readonly ended: StopKind | null;
}

/** The early ones come first, wherever they are listed, since the others wait for them. */
export function registerListed(draft: Draft, workers: readonly BackgroundWorker[]): void {
  const valid = workers.filter((worker) => checkBackgroundWorker(worker) === undefined);
  const early = valid.filter(({ startTime }) => startTime === 'postmasterStart');
  const others = valid.filter(({ startTime }) => startTime !== 'postmasterStart');
  draft.listed = [...early, ...others].map((worker) => {
    const key = place(draft, worker, []);
    if (key !== null && worker.startTime === 'postmasterStart') draft.early = [...draft.early, key];
    return { worker, key, ended: null };
  });
}

/** What a reload with this list would do, in the order of the list, and behind it what is no longer on it. */
export function planReload(state: State | Draft, workers: readonly BackgroundWorker[]): readonly ListChange[] {
  return pair(state, workers).map(({ before, worker }) => {
    const name = (worker ?? before?.worker)?.name ?? '';
    return { name, ...changeOf(state, before, worker) };
  });
}

/** After a reload: what was planned, but for those that there is no slot for yet. */
export function tellReload(state: State, plan: readonly ListChange[]): readonly ListChange[] {
  const waiting = waitingForSlot(state);
  return plan.map((one) =>
    one.change !== 'stopped' && waiting.includes(one.name) ? { ...one, change: 'waitsForSlot' } : one,
  );
}

/** The names of those that are listed and have no slot yet. */
export function waitingForSlot({ listed }: Pick<State, 'listed'>): readonly string[] {
  return listed.filter(({ key }) => key === null).map(({ worker }) => worker.name);
}

export function reloadListed(draft: Draft, workers: readonly BackgroundWorker[]): void {
  if (isGoingDown(draft)) return;
  const pairs = pair(draft, workers).map((one) => ({ ...one, ...changeOf(draft, one.before, one.worker) }));
  const listed: ListedWorker[] = [];
  for (const { before, worker, change } of pairs) {
    const present = before === undefined ? undefined : presentOf(draft, before);
    if (worker !== undefined && before !== undefined && (change === 'unchanged' || change === 'leftEnded')) {
      listed.push({ ...before, worker });
    } else if (worker !== undefined) {
      listed.push({ worker, key: place(draft, worker, goingBefore(draft, worker, present)), ended: null });
    }
    if (present !== undefined && (change === 'replaced' || change === 'stopped')) stop(draft, present);
  }
  draft.listed = listed;
}

/** A slot came free, or limits were raised. */
export function serveListed(draft: Draft): void {
  if (isGoingDown(draft) || !draft.listed.some(({ key }) => key === null)) return;
  draft.listed = draft.listed.map((one) =>
    one.key === null ? { ...one, key: place(draft, one.worker, goingBefore(draft, one.worker)) } : one,
  );
}

interface Pair {
  readonly before: ListedWorker | undefined;
  readonly worker: BackgroundWorker | undefined;
}

function pair(state: State | Draft, workers: readonly BackgroundWorker[]): readonly Pair[] {
  const rest = [...state.listed];
  const pairs = workers.map((worker): Pair => {
    const at = rest.findIndex((before) => before.worker.name === worker.name);
    return { worker, before: at < 0 ? undefined : rest.splice(at, 1)[0] };
  });
  const gone = rest.filter((before) => presentOf(state, before) !== undefined);
  return [...pairs, ...gone.map((before): Pair => ({ before, worker: undefined }))];
}

function changeOf(
  state: State | Draft,
  before: ListedWorker | undefined,
  worker: BackgroundWorker | undefined,
): Omit<ListChange, 'name'> {
  if (worker === undefined) return { change: 'stopped', ended: null };
  const isPresent = before !== undefined && presentOf(state, before) !== undefined;
  if (before === undefined) return { change: 'started', ended: null };
  if (!isSameValue(before.worker, worker)) return { change: isPresent ? 'replaced' : 'started', ended: null };
  if (isPresent || before.key === null) return { change: 'unchanged', ended: null };
  // Who is on the way out, and still there, was sent there by somebody.
  const ended = before.ended ?? 'terminated';
  const staysEnded = DONE.includes(ended) || hasSuccessor(state, worker.name);
  return { change: staysEnded ? 'leftEnded' : 'startedAgain', ended };
}

/** It did what it had to do. */
const DONE: readonly StopKind[] = ['returned', 'exitedWithoutReturning'];

/** Somebody else has its name by now, such as one that was launched to replace it. */
function hasSuccessor(state: State | Draft, name: string): boolean {
  return holdersOf(state, name).some((holder) => !isLeaving(holder));
}

function presentOf(state: State | Draft, { key }: ListedWorker): Tenant | undefined {
  const tenant = key === null ? undefined : tenantOf(state, key);
  return tenant === undefined || isLeaving(tenant) ? undefined : tenant;
}

/**
 * Whom it has to wait for: the one that it replaces, and those of its name that were told to stop and are still there,
 * unless another one waits for them, and one waits for one only.
 */
function goingBefore(draft: Draft, { name }: BackgroundWorker, present?: Tenant): readonly Tenant[] {
  return holdersOf(draft, name).filter((holder) => {
    if (holder.slot === present?.slot) return true;
    const key = draft.successors.get(formatKey(holder));
    const successor = key === undefined ? undefined : tenantOf(draft, key);
    return isLeaving(holder) && (successor === undefined || successor.slot === present?.slot);
  });
}

function place(draft: Draft, worker: BackgroundWorker, replaced: readonly Tenant[]): WorkerKey | null {
  if (!hasRoomFor(draft, worker, replaced)) return null;
  const { slot, generation } = moveIn(draft, worker, null, null, replaced);
  return { slot, generation };
}

function stop(draft: Draft, tenant: Tenant): void {
  stopWorker(draft, tenant, { why: 'terminate' }, tenant.worker.terminateTimeoutMs, 'nothing');
}
