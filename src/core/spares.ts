/**
 * Spares: processes that have booted and wait for a job, so that a start costs no boot of Node. How many there are,
 * who gets one, and when they are made and ended is decided here; postmaster/spares.ts has the processes.
 *
 * - **Never in the way of a start.** One spare boots at a time, and none while a start is under way, unless there have
 *   been too few for a while. So a burst of starts has the machine for itself.
 * - **Never waited for.** A start that finds none idle makes a process of its own.
 * - **Never used twice.** A spare that was given a job has left the pool for ever: if it takes the job, it is that
 *   attempt's process; if it dies or refuses before, the attempt is as it was and makes a process of its own.
 * - **Only while they are wanted**: for `spareIdleMs` after the last start that one could have served.
 * - **Never out of date.** When workers are restarted by request or settings reloaded, or a spare finds that a file
 *   which it had preloaded has changed, all are replaced.
 * - A pool whose spares die by themselves makes new ones ever more slowly, until one of them takes a job.
 *
 * PostgreSQL has none: it forks. What a spare cannot take on later (flags, variables that are read when a process
 * begins) makes the start a cold one.
 */
import type { BackgroundWorker } from './backgroundWorker.js';
import type { SpareEvent } from './event.js';
import type { Limits } from './limits.js';
import type { Spare, Spares } from './sparePool.js';
import { NEVER_WANTED } from './sparePool.js';
import type { Draft, State } from './state.js';
import { isGoingDown } from './state.js';
import type { SparesActivity, StartedFrom } from './workerStatus.js';

/** What a start brings about is served first; making a process takes the postmaster a millisecond or two. */
const REFILL_AFTER_MS = 10;
/** Even if starts never cease to be under way. */
const REFILL_AT_LATEST_MS = 5_000;
/** A spare that is not idle by then waits for something that it preloads, and nobody would ever hear of it. */
const BOOT_WITHIN_MS = 30_000;
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;

/** Names of variables that Node and the libraries below it read when a process begins, and never again. */
const READ_AT_BOOT = /^(?:NODE_|UV_|LC_|LANG|LD_|DYLD_|SSL_|OPENSSL_|MALLOC_|GLIBC_TUNABLES$|(?:https?|no)_proxy$)/i;

/** Why a worker can only be started cold; null when a spare can become its process. */
function coldOnly(worker: BackgroundWorker, { preload }: Pick<Limits, 'preload'>): StartedFrom | null {
  if (worker.nodePath !== null) return { kind: 'cold', because: 'nodePath' };
  if (worker.execArgv.length > 0) return { kind: 'cold', because: 'execArgv' };
  if (worker.resourceLimits.maxOldSpaceMb !== null) return { kind: 'cold', because: 'maxOldSpaceMb' };
  for (const variable in worker.env) {
    // Node itself never reads NODE_ENV; what was preloaded may have.
    if (variable === 'NODE_ENV' && preload.length === 0) continue;
    if (READ_AT_BOOT.test(variable)) return { kind: 'cold', because: 'env', variable };
  }
  return null;
}

/** A start is due: gives the spare that is to have it, or says why there is none. */
export function findSpare(draft: Draft, worker: BackgroundWorker): { spare: Spare | null; from: StartedFrom } {
  const { limits, spares } = draft;
  const cold = coldOnly(worker, limits);
  if (cold !== null) return { spare: null, from: cold };
  const spare = spares.pool.find(({ state }) => state === 'idle') ?? null;
  return { spare, from: spare === null ? { kind: 'cold', because: 'noSpare' } : { kind: 'spare' } };
}

/** It is started, from this spare or without: what that means for the others. */
export function noteStart(draft: Draft, spare: Spare | null, from: StartedFrom): void {
  const { limits, spares, at } = draft;
  const couldServe = from.kind === 'spare' || from.because === 'noSpare';
  if (!couldServe || (limits.spareWorkers === 0 && spare === null)) return;
  draft.spares = {
    ...spares,
    pool: spare === null ? spares.pool : spares.pool.filter((other) => other !== spare),
    wantedUntil: at + limits.spareIdleMs,
    notBefore: Math.max(spares.notBefore, at + REFILL_AFTER_MS),
  };
}

/** One has taken its job: they are good for something. */
export function spareServed(draft: Draft): void {
  if (draft.spares.deaths > 0) draft.spares = { ...draft.spares, deaths: 0, notBefore: draft.at + REFILL_AFTER_MS };
}

/** They are to be there from now on, if the limits have any. */
export function wantSpares(draft: Draft): void {
  draft.spares = { ...draft.spares, wantedUntil: draft.at + draft.limits.spareIdleMs };
}

/** The limits change. What was preloaded once may have changed as well; and what was wrong with it may be mended. */
export function reloadSpares(draft: Draft, limits: Limits, areWanted: boolean): void {
  const { spares, limits: old, at } = draft;
  if (old.preload.length > 0 || limits.preload.length > 0) replaceSpares(draft);
  draft.limits = limits;
  if (areWanted || (limits.spareIdleMs !== old.spareIdleMs && at < spares.wantedUntil)) wantSpares(draft);
  if (old.preload.join('\0') !== limits.preload.join('\0'))
    draft.spares = { ...draft.spares, deaths: 0, notBefore: at };
}

/** What they have loaded may be out of date. */
export function replaceSpares(draft: Draft): void {
  for (const spare of living(draft.spares)) endSpare(draft, spare);
}

export function applySpareEvent(draft: Draft, event: SpareEvent): void {
  if (event.type === 'sparesStale') return replaceSpares(draft);
  const known = draft.spares.pool.find(({ spare }) => spare === event.spare);
  if (known === undefined) return;
  switch (event.type) {
    case 'spareForked':
      if (known.state === 'leaving') draft.effects.push({ type: 'endSpare', spare: event.spare, isStuck: false });
      return put(draft, { ...known, pid: event.pid, state: known.state === 'leaving' ? 'leaving' : 'booting' });
    case 'spareIdle':
      if (known.state === 'booting') put(draft, { ...known, state: 'idle' });
      return;
    case 'spareExited':
      draft.spares = { ...draft.spares, pool: draft.spares.pool.filter((other) => other !== known) };
      if (known.state !== 'leaving') backOff(draft);
  }
}

/** A step of each transition: makes spares that are missing, ends those that are too many. */
export function keepSpares(draft: Draft): void {
  const { limits, at } = draft;
  if (limits.spareWorkers === 0 && draft.spares.pool.length === 0) return;
  const boots = bootingOf(draft.spares);
  if (boots !== undefined && bootIsOverAt(boots) <= at) {
    endSpare(draft, boots, true);
    backOff(draft);
  }
  const wanted = wantedNow(draft, at);
  if (draft.spares.wantedUntil !== NEVER_WANTED && draft.spares.wantedUntil <= at)
    draft.spares = { ...draft.spares, wantedUntil: NEVER_WANTED };
  const alive = living(draft.spares);
  for (const spare of alive.slice(wanted)) endSpare(draft, spare);
  const isShort = alive.length < wanted;
  const { shortSince, next, pool } = draft.spares;
  if (isShort !== shortSince < Number.POSITIVE_INFINITY) {
    draft.spares = { ...draft.spares, shortSince: isShort ? at : Number.POSITIVE_INFINITY };
  }
  if (!isShort || refillAt(draft) > at) return;
  draft.spares = {
    ...draft.spares,
    next: next + 1,
    pool: [...pool, { spare: next, pid: null, state: 'starting', madeAt: at }],
  };
  draft.effects.push({ type: 'startSpare', spare: next, preload: limits.preload });
}

/** When something must be done for them by the clock alone. */
export function sparesDueAt(state: State): number {
  const { spares, limits } = state;
  if (isGoingDown(state)) return Number.POSITIVE_INFINITY;
  const alive = living(spares).length;
  const boots = bootingOf(spares);
  const stuckAt = boots === undefined ? Number.POSITIVE_INFINITY : bootIsOverAt(boots);
  const endAt = alive === 0 ? Number.POSITIVE_INFINITY : Math.min(spares.wantedUntil, stuckAt);
  if (alive >= limits.spareWorkers) return endAt;
  const startAt = refillAt(state);
  return startAt < spares.wantedUntil ? Math.min(startAt, endAt) : endAt;
}

export function sparesActivity(state: State, at: number): SparesActivity {
  const { pool, deaths, notBefore } = state.spares;
  const idle = pool.filter(({ state: word }) => word === 'idle').length;
  const booting = living(state.spares).length - idle;
  const comesAgain = deaths > 0 && notBefore < state.spares.wantedUntil;
  return { wanted: wantedNow(state, at), idle, booting, deaths, retryAt: comesAgain ? notBefore : null };
}

function wantedNow(state: State | Draft, at: number): number {
  return !isGoingDown(state) && at < state.spares.wantedUntil ? state.limits.spareWorkers : 0;
}

/** The instant from which the next spare may be made, as far as only time can change it. */
function refillAt({ spares, slots }: State | Draft): number {
  const { pool, notBefore, shortSince } = spares;
  if (pool.some(({ state }) => state === 'starting' || state === 'booting')) return Number.POSITIVE_INFINITY;
  return slots.launching === 0 ? notBefore : Math.max(notBefore, shortSince + REFILL_AT_LATEST_MS);
}

function living({ pool }: Spares): readonly Spare[] {
  return pool.filter(({ state }) => state !== 'leaving');
}

/** One boots at a time. */
function bootingOf({ pool }: Spares): Spare | undefined {
  return pool.find(({ state }) => state === 'booting');
}

function bootIsOverAt({ madeAt }: Spare): number {
  return madeAt + BOOT_WITHIN_MS;
}

function endSpare(draft: Draft, spare: Spare, isStuck = false): void {
  put(draft, { ...spare, state: 'leaving' });
  // One that is being made is ended when it is there.
  if (spare.pid !== null) draft.effects.push({ type: 'endSpare', spare: spare.spare, isStuck });
}

function put(draft: Draft, changed: Spare): void {
  const pool = draft.spares.pool.map((spare) => (spare.spare === changed.spare ? changed : spare));
  draft.spares = { ...draft.spares, pool };
}

function backOff(draft: Draft): void {
  const deaths = draft.spares.deaths + 1;
  const waitMs = Math.min(RETRY_MS * 2 ** Math.min(deaths - 1, 16), MAX_RETRY_MS);
  draft.spares = { ...draft.spares, deaths, notBefore: draft.at + waitMs };
}
