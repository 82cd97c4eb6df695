/**
 * One worker from the order to start it to the end of an attempt: what each fact about its process changes. A fact
 * that names another attempt than the present one is left over from a process long judged, and changes nothing.
 *
 * Model: do_start_bgworker and CleanupBackgroundWorker in postmaster.c.
 */
import { assert, unreachable } from '../base/index.js';
import type { BackgroundWorker } from './backgroundWorker.js';
import { statusOf } from './describe.js';
import { endWorker } from './ending.js';
import type { AttemptKey, ExitFacts, WorkerEvent } from './event.js';
import type { Judgement } from './exitJudgement.js';
import { exitAsSaid, judgeExit } from './exitJudgement.js';
import { publish, tellProgress, tellsRegistrant } from './notification.js';
import { decideFate } from './restartPolicy.js';
import { findSpare, noteStart, spareServed } from './spares.js';
import { awaitCrashGroup, isGroupGoingDown, membersOf, settleCrashGroup, settleEarly } from './startCondition.js';
import type { Draft, Stop, Tenant, Up } from './state.js';
import { changeTenant, changeUp, isAwaitingSpare, putTenant, tenantOf } from './state.js';
import { applyStop, stopWorker } from './stopping.js';
import type { Circumstances, Phase, StopCause } from './stopReason.js';
import { stopReason } from './stopReason.js';
import { isSameWorker } from './workerHandle.js';

/**
 * So long a spare may take until it says that it has the job, which is a millisecond's work: one that is stopped, or that
 * something preloaded keeps busy, is not waited for.
 */
const TAKE_WITHIN_MS = 2_000;

/**
 * How long a process may take to end after its last word: its exit listeners run then, and Node itself has been seen
 * not to come to its end. As long as a stop may take, and long enough where that is no time at all.
 */
const MIN_LEAVE_MS = 5_000;

function leaveMs({ terminateTimeoutMs }: BackgroundWorker): number {
  return Math.max(terminateTimeoutMs, MIN_LEAVE_MS);
}

/** How often the memory of a worker with a limit is looked at. */
export const MEASURE_EVERY_MS = 500;

/**
 * The next attempt: the order is given, and the fact that follows says whether there is a process. False when it has to
 * wait for the next pass.
 */
export function startWorker(draft: Draft, tenant: Tenant): boolean {
  const { slot, generation, worker } = tenant;
  if (worker.crashGroup !== null && isGroupGoingDown(draft, worker.crashGroup)) {
    awaitCrashGroup(draft, tenant);
    return true;
  }
  const { spare, from } = findSpare(draft, worker);
  if (spare === null) {
    const { starts } = draft.pass;
    if (starts >= draft.limits.maxStartsPerPass) return false;
    draft.pass = { starts: starts + 1, endAt: draft.at };
  }
  const attempt = tenant.attempts + 1;
  noteStart(draft, spare, from);
  const next = changeTenant(tenant, { attempts: attempt, progress: null, startedFrom: from });
  if (spare === null) {
    startCold(draft, next);
    return true;
  }
  assert(spare.pid !== null, 'a spare that is idle has a process');
  putTenant(draft, changeTenant(next, { run: newProcess(draft, worker, spare.pid, null) }));
  draft.effects.push({ type: 'giveJob', slot, generation, attempt, worker, spare: spare.spare });
  return true;
}

function startCold(draft: Draft, tenant: Tenant): void {
  const { slot, generation, worker, attempts: attempt } = tenant;
  putTenant(draft, changeTenant(tenant, { run: { state: 'starting', stop: null } }));
  draft.effects.push({ type: 'startWorker', slot, generation, attempt, worker });
}

export function applyWorkerEvent(draft: Draft, event: WorkerEvent): void {
  const tenant = tenantOf(draft, event);
  if (tenant === undefined || tenant.attempts !== event.attempt) return;
  if (event.type === 'workerForked') {
    if (tenant.run.state === 'starting') workerForked(draft, tenant, event.pid);
    return;
  }
  if (event.type === 'spawnFailed') {
    if (tenant.run.state === 'starting' || isAwaitingSpare(tenant.run)) {
      const cause: StopCause = { kind: 'spawnFailed', errno: event.errno, what: event.what };
      // There was no process for it, whatever the spare was that could not become one.
      const starting = changeTenant(tenant, { run: { state: 'starting', stop: tenant.run.stop } });
      attemptEnded(draft, starting, { cause, verdict: 'failure' }, null, event.jitter);
    }
    return;
  }
  if (tenant.run.state === 'up') applyProcessFact(draft, tenant, tenant.run, event);
}

function applyProcessFact(
  draft: Draft,
  tenant: Tenant,
  run: Up,
  event: Exclude<WorkerEvent, { type: 'workerForked' | 'spawnFailed' }>,
): void {
  switch (event.type) {
    case 'runtimeUp':
      return reachPhase(draft, tenant, run, 'runtime');
    case 'moduleLoading':
      return reachPhase(draft, tenant, run, 'loading');
    case 'functionEntered':
      return reachPhase(draft, tenant, run, 'running');
    case 'readyReported':
      return reachPhase(draft, tenant, run, 'ready');
    case 'progressReported': {
      const reported = changeTenant(tenant, { progress: { done: event.done, total: event.total } });
      putTenant(draft, reported);
      return tellProgress(draft, reported);
    }
    case 'waitEventTold':
      if (isAwaitingSpare(run)) return;
      return putTenant(draft, changeTenant(tenant, { run: changeUp(run, { waitEvent: event.event }) }));
    case 'workerSaid':
      // The first word is the cause; what follows (an exit after an error) is its consequence.
      if (run.saying !== null || isAwaitingSpare(run)) return;
      return putTenant(
        draft,
        changeTenant(tenant, {
          run: changeUp(run, { saying: event.saying, leaveBy: draft.at + leaveMs(tenant.worker) }),
        }),
      );
    case 'workerExited':
      if (isAwaitingSpare(run) && run.stop === null) {
        return startCold(draft, changeTenant(tenant, { startedFrom: { kind: 'cold', because: 'spareLost' } }));
      }
      return attemptEnded(
        draft,
        tenant,
        judgeExit(run, event, tenant.worker.maxRunMs, tenant.worker.functionName === null),
        event,
        event.jitter,
      );
    case 'channelLost':
      // Nothing more can be known of it, so it may not go on. Before it has taken the job, it is only a spare.
      if (isAwaitingSpare(run)) return void draft.effects.push({ type: 'killWorker', ...keyOf(tenant), pid: run.pid });
      return stopWorker(draft, tenant, { why: 'lostConnection' }, 0, 'asPolicySays');
    case 'memoryMeasured': {
      const limit = tenant.worker.resourceLimits.maxRssBytes;
      if (limit === null || event.rssBytes <= limit || run.leaveBy !== null) return;
      return stopWorker(draft, tenant, { why: 'memoryLimit', rssBytes: event.rssBytes }, 0, 'asPolicySays');
    }
    default:
      unreachable(event);
  }
}

function keyOf({ slot, generation, attempts: attempt }: Tenant): AttemptKey {
  return { slot, generation, attempt };
}

function newProcess(draft: Draft, worker: BackgroundWorker, pid: number, phase: 'forked' | null): Up {
  return {
    state: 'up',
    pid,
    phase,
    forkedAt: draft.at,
    enteredAt: null,
    waitEvent: null,
    saying: null,
    leaveBy: null,
    stop: null,
    takeBy: phase === null ? draft.at + TAKE_WITHIN_MS : Number.POSITIVE_INFINITY,
    limitAt: worker.maxRunMs === null ? Number.POSITIVE_INFINITY : draft.at + worker.maxRunMs,
    measureAt: worker.resourceLimits.maxRssBytes === null ? Number.POSITIVE_INFINITY : draft.at + MEASURE_EVERY_MS,
  };
}

function workerForked(draft: Draft, tenant: Tenant, pid: number): void {
  const run = newProcess(draft, tenant.worker, pid, 'forked');
  const published = publish(draft, tenant, run);
  // It was asked to stop before there was anybody to ask.
  const stop = tenant.run.state === 'starting' ? tenant.run.stop : null;
  if (stop !== null) applyStop(draft, published, run, stop);
}

const PHASES: readonly (Phase | null)[] = [null, 'forked', 'runtime', 'loading', 'running', 'ready'];

/**
 * Phases only go forward. That Node is up in it is nothing to tell anybody; that its module loads is, since a module
 * may do that for ever.
 */
function reachPhase(draft: Draft, tenant: Tenant, run: Up, phase: Phase): void {
  if (PHASES.indexOf(phase) <= PHASES.indexOf(run.phase)) return;
  if (phase === 'runtime') return putTenant(draft, changeTenant(tenant, { run: changeUp(run, { phase }) }));
  if (phase === 'loading') {
    if (isAwaitingSpare(run)) spareServed(draft);
    publish(draft, tenant, changeUp(run, { phase }));
    return;
  }
  const enteredAt = run.enteredAt ?? draft.at;
  publish(draft, tenant, changeUp(run, { phase, enteredAt }));
  if (phase === 'ready' || tenant.worker.readiness === 'implicit') settleEarly(draft, tenant);
}

/** `exit` null: there never was a process. */
function attemptEnded(
  draft: Draft,
  tenant: Tenant,
  judgement: Judgement,
  exit: ExitFacts | null,
  jitter: number,
): void {
  const up = tenant.run.state === 'up' ? tenant.run : null;
  const stop = tenant.run.state === 'starting' ? tenant.run.stop : (up?.stop ?? null);
  const hasReturned = exit !== null && up?.saying?.word === 'returned' && exitAsSaid(up, exit).code === 0;
  const dead = changeTenant(tenant, {
    deaths: tenant.deaths + 1,
    reason: stopReason(judgement.cause, circumstancesOf(draft, tenant, up, exit)),
    // That of an earlier run stays, when this one gave none.
    result: (hasReturned ? up.saying.result : null) ?? tenant.result,
    run: { state: 'resting', startAt: null },
  });
  const lifeMs = up?.enteredAt == null ? 0 : draft.at - up.enteredAt;
  decide(draft, dead, judgement, stop, lifeMs, jitter);
  const group = tenant.worker.crashGroup;
  if (group === null) return;
  if (judgement.verdict === 'crash') takeDownGroup(draft, group, tenant);
  settleCrashGroup(draft, group);
}

function decide(
  draft: Draft,
  dead: Tenant,
  { cause, verdict }: Judgement,
  stop: Stop | null,
  lifeMs: number,
  jitter: number,
): void {
  if (stop?.afterwards === 'nothing' || draft.shutdown.state === 'stopping') return endWorker(draft, dead);
  if (stop?.afterwards === 'startAgain') {
    return rest(draft, changeTenant(dead, { failures: [], failuresInARow: 0 }), draft.at);
  }
  // Who had returned by then is done, and is not done again because of others.
  if (stop?.withGroup === true && verdict !== 'success') {
    return dead.worker.restart === 'never' ? endWorker(draft, dead) : rest(draft, dead, null);
  }
  const fate = decideFate(dead, verdict, draft.at, lifeMs, jitter);
  switch (fate.fate) {
    case 'end':
      return endWorker(draft, dead);
    case 'crashLoop': {
      const { deaths, periodMs } = fate;
      assert(dead.reason !== null, 'the dead have a reason');
      const reason = stopReason({ kind: 'crashLoop', deaths, periodMs, last: cause }, dead.reason);
      return endWorker(draft, changeTenant(dead, { reason }));
    }
    case 'restart': {
      const { failures, failuresInARow } = fate;
      return rest(draft, changeTenant(dead, { failures, failuresInARow }), fate.startAt);
    }
    default:
      unreachable(fate);
  }
}

/** It died and comes again. */
function rest(draft: Draft, dead: Tenant, startAt: number | null): void {
  const { worker } = dead;
  const status = statusOf(publish(draft, dead, { state: 'resting', startAt }));
  draft.effects.push({ type: 'reportStop', worker, status, told: tellsRegistrant(dead) });
}

function takeDownGroup(draft: Draft, group: string, origin: Tenant): void {
  for (const member of membersOf(draft, group)) {
    const { state } = member.run;
    if (isSameWorker(member, origin) || (state !== 'up' && state !== 'starting')) continue;
    stopWorker(draft, member, { why: 'crashGroup', origin: origin.worker.name }, 0, 'asPolicySays');
  }
}

function circumstancesOf(draft: Draft, tenant: Tenant, up: Up | null, exit: ExitFacts | null): Circumstances {
  return {
    phase: up?.phase ?? null,
    pid: up?.pid ?? null,
    code: exit?.code ?? null,
    signal: exit?.signal ?? null,
    output: exit?.output ?? '',
    attempt: tenant.attempts,
    forkedAt: up?.forkedAt ?? null,
    enteredAt: up?.enteredAt ?? null,
    stoppedAt: draft.at,
  };
}
