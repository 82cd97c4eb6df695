/**
 * What is told and shown of workers and of shared memory: the status that answers and notifications carry, and the rows of
 * `client.activity()` and `bgworker ps` (PostgreSQL's pg_stat_activity). It reads the state and changes nothing.
 */
import type { SegmentId } from './event.js';
import { lastWordOf } from './lastWords.js';
import type { SegmentRow, SegmentsUse } from './sharedMemory.js';
import type { Draft, Run, State, Tenant } from './state.js';
import { isAwaitingSpare, tenantOf, tenants } from './state.js';
import type { WorkerKey } from './workerHandle.js';
import type { ActivityRow, StatusWord, WorkerStatus } from './workerStatus.js';

/** The status of a worker that holds its slot. */
export function statusOf(tenant: Tenant): WorkerStatus {
  const { run } = tenant;
  const up = run.state === 'up' ? run : null;
  // A spare that has not taken the job is not its process yet.
  const isBetween = run.state === 'starting' || isAwaitingSpare(run);
  const word = statusWord(tenant);
  return {
    slot: tenant.slot,
    generation: tenant.generation,
    name: tenant.worker.name,
    sequence: tenant.sequence,
    status: word,
    phase: up?.phase ?? null,
    pid: isBetween ? null : (up?.pid ?? null),
    startedFrom: isBetween ? null : tenant.startedFrom,
    attempts: tenant.attempts,
    deaths: tenant.deaths,
    reason: tenant.reason,
    final: false,
    willRestart: word === 'stopped' && !isToEnd(run),
    retryAt: run.state === 'resting' ? run.startAt : null,
    result: tenant.result,
  };
}

/** Nothing follows this run, whatever the restart policy says. */
function isToEnd(run: Run): boolean {
  return (run.state === 'up' || run.state === 'starting') && run.stop?.afterwards === 'nothing';
}

/** A run that was never up says notYetStarted; one that was, and is not, says stopped, also while it comes up again. */
function statusWord(tenant: Tenant): StatusWord {
  if (tenant.run.state === 'up' && tenant.run.enteredAt !== null) return 'started';
  return tenant.deaths === 0 ? 'notYetStarted' : 'stopped';
}

/**
 * The status of whatever worker a key names: one that holds its slot, one whose last word is kept, or one that was
 * forgotten. Undefined when there has never been such a worker.
 */
export function statusOfKey(state: State | Draft, key: WorkerKey): WorkerStatus | undefined {
  const tenant = tenantOf(state, key);
  if (tenant !== undefined) return statusOf(tenant);
  const kept = lastWordOf(state.lastWords, key);
  if (kept !== undefined) return kept;
  const slot = state.slots.get(key.slot);
  return slot !== undefined && key.generation <= slot.generation && key.generation > 0 ? forgotten(key) : undefined;
}

function forgotten(key: WorkerKey): WorkerStatus {
  return {
    slot: key.slot,
    generation: key.generation,
    name: '',
    // It comes after whatever its holder was told before.
    sequence: Number.MAX_SAFE_INTEGER,
    status: 'stopped',
    phase: null,
    pid: null,
    startedFrom: null,
    attempts: 0,
    deaths: 0,
    reason: {
      kind: 'forgotten',
      phase: null,
      pid: null,
      code: null,
      signal: null,
      output: '',
      attempt: 0,
      forkedAt: null,
      enteredAt: null,
      stoppedAt: 0,
    },
    final: true,
    willRestart: false,
    retryAt: null,
    result: null,
  };
}

/** The workers in slots from `from` on, made one by one: who has enough of them stops asking. */
export function* activityOf(state: State | Draft, at: number, from = 0): Generator<ActivityRow> {
  for (const tenant of tenants(state)) {
    if (tenant.slot >= from) yield activityRow(tenant, at);
  }
}

function activityRow(tenant: Tenant, at: number): ActivityRow {
  const { worker, run } = tenant;
  const { slot, generation, name, status, phase, pid, startedFrom, attempts, deaths, reason, retryAt } =
    statusOf(tenant);
  return {
    slot,
    generation,
    name,
    type: worker.type === '' ? worker.name : worker.type,
    class: worker.class,
    module: worker.module,
    functionName: worker.functionName,
    status,
    phase,
    state: describeRun(run, at),
    pid,
    startedFrom,
    attempts,
    deaths,
    reason,
    retryAt,
    forkedAt: run.state === 'up' ? run.forkedAt : null,
    progress: tenant.progress,
    waitEvent: run.state === 'up' ? run.waitEvent : null,
  };
}

function describeRun(run: Run, at: number): string {
  switch (run.state) {
    case 'waiting':
      if (run.until.condition === 'early') return 'waiting for the early workers';
      if (run.until.condition === 'replaced') return 'waiting for the one it replaces';
      if (run.until.condition === 'crashGroup') return 'waiting for its crash group';
      return 'waiting to be started';
    case 'starting':
      return 'starting';
    case 'resting':
      if (run.startAt === null) return 'waiting for its crash group';
      return `restarting in ${(Math.max(0, run.startAt - at) / 1000).toFixed(1)} s`;
    case 'up':
      if (run.stop === null) return run.saying === null ? (run.phase ?? 'starting') : 'ending';
      return run.stop.killed ? 'being killed' : `stopping (${run.stop.cause.why})`;
  }
}

/** How full it is. */
export function segmentsUse({ memory, limits }: State): SegmentsUse {
  return { used: memory.segments.size, max: limits.maxSegments, sizeBytes: memory.sizeBytes };
}

/** The segments from number `from` on, in their order. */
export function segmentRows({ memory, clients }: State, from: SegmentId): SegmentRow[] {
  const segments = [...memory.segments.entries()].map(([, segment]) => segment).filter(({ id }) => id >= from);
  return segments
    .sort((one, other) => one.id - other.id)
    .map(({ id, name, sizeBytes, isPinned, holders }) => ({
      id,
      name,
      sizeBytes,
      pinned: isPinned,
      holders: holders.map((member) => ({ member, worker: clients.get(member)?.worker ?? null })),
    }));
}
