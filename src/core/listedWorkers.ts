/**
 * The workers that the settings list: there from the start, and brought in line with the list when the settings are
 * read again. A listed worker is known by its name; of two with one name the first stands for the first.
 *
 * What a reload does is planned first (`planReload`), so that it can be told, and then done:
 * - a new one is started, one that is gone from the list is stopped, one whose definition changed is replaced;
 * - one that failed for good (a crash loop, say) is started anew: the list says that it should be there;
 * - one that did what it had to do, or that somebody ended, stays as it is: a reload is no order to undo that.
 * One for which there is no slot yet gets the first that it may have.
 *
 * Model: RegisterBackgroundWorker in a shared_preload_library; PostgreSQL's list is read once, and a reload changes
 * nothing about it.
 */
import type { BackgroundWorker } from './backgroundWorker.js';
import { checkBackgroundWorker } from './backgroundWorker.js';
import { statusOfKey } from './describe.js';
import { hasRoomFor, moveIn } from './registration.js';
import { isSameValue } from './sameValue.js';
import type { Draft, ListedWorker, State, Tenant } from './state.js';
import { isGoingDown, tenantOf } from './state.js';
import { isLeaving, stopWorker } from './stopping.js';
import type { StopKind } from './stopReason.js';
import type { WorkerKey } from './workerHandle.js';

/** What a reload did, or would do, with one worker of the list. */
export interface ListChange {
  /** The worker's. */
  readonly name: string;
  /** What became of it. `leftEnded`: it has ended for good, and nothing of it was changed. */
  readonly change: 'started' | 'startedAgain' | 'replaced' | 'stopped' | 'unchanged' | 'leftEnded';
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
    return { worker, key };
  });
}

/** What a reload with this list would do, in the order of the list, and behind it what is no longer on it. */
export function planReload(state: State | Draft, workers: readonly BackgroundWorker[]): readonly ListChange[] {
  return pair(state, workers).map(({ before, worker }) => {
    const name = (worker ?? before?.worker)?.name ?? '';
    return { name, ...changeOf(state, before, worker) };
  });
}

export function reloadListed(draft: Draft, workers: readonly BackgroundWorker[]): void {
  if (isGoingDown(draft)) return;
  const pairs = pair(draft, workers).map((one) => ({ ...one, ...changeOf(draft, one.before, one.worker) }));
  const listed: ListedWorker[] = [];
  for (const { before, worker, change } of pairs) {
    const present = before === undefined ? undefined : presentOf(draft, before);
    const key = before?.key ?? null;
    if (worker !== undefined && (change === 'unchanged' || change === 'leftEnded')) listed.push({ worker, key });
    else if (worker !== undefined) listed.push({ worker, key: place(draft, worker, present ? [present] : []) });
    if (present !== undefined && (change === 'replaced' || change === 'stopped')) stop(draft, present);
  }
  draft.listed = listed;
}

/** A slot came free, or limits were raised. */
export function serveListed(draft: Draft): void {
  if (isGoingDown(draft) || !draft.listed.some(({ key }) => key === null)) return;
  draft.listed = draft.listed.map((one) => (one.key === null ? { ...one, key: place(draft, one.worker, []) } : one));
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
  const ended = endOf(state, before.key);
  return { change: STAYS_ENDED.includes(ended) ? 'leftEnded' : 'startedAgain', ended };
}

/** It did what it had to do, somebody wanted it gone, or nobody knows any more. */
const STAYS_ENDED: readonly StopKind[] = [
  'returned',
  'exitedWithoutReturning',
  'terminated',
  'terminatedBeforeStart',
  'forgotten',
];

function presentOf(state: State | Draft, { key }: ListedWorker): Tenant | undefined {
  const tenant = key === null ? undefined : tenantOf(state, key);
  return tenant === undefined || isLeaving(tenant) ? undefined : tenant;
}

/** Of one that is not present any more. Who is on the way out, and still there, was sent there by somebody. */
function endOf(state: State | Draft, key: WorkerKey): StopKind {
  if (tenantOf(state, key) !== undefined) return 'terminated';
  return statusOfKey(state, key)?.reason?.kind ?? 'forgotten';
}

function place(draft: Draft, worker: BackgroundWorker, replaced: readonly Tenant[]): WorkerKey | null {
  if (!hasRoomFor(draft, worker, replaced)) return null;
  const { slot, generation } = moveIn(draft, worker, null, null, replaced);
  return { slot, generation };
}

function stop(draft: Draft, tenant: Tenant): void {
  stopWorker(draft, tenant, { why: 'terminate' }, tenant.worker.terminateTimeoutMs, 'nothing');
}
