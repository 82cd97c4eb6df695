/**
 * Everything the postmaster knows, as one value that never changes, and the draft in which one transition makes the
 * next. What is not here the postmaster does not know; what can be derived is not here, except for two things that
 * would cost a walk over all slots: how many slots each class uses, and when each slot is next due. Invariants hold
 * both to what they are derived from.
 *
 * A worker lives in one slot from its registration until nothing more can happen to it; then the slot is free and only
 * its last word is kept. Its `run` is a union: what cannot be cannot be written.
 */
import type { BackgroundWorker } from './backgroundWorker.js';
import type { Effect } from './effect.js';
import type { ClientId, Saying, SegmentId } from './event.js';
import type { LastWords } from './lastWords.js';
import type { Limits } from './limits.js';
import type { ListedWorker } from './listedWorker.js';
import type { PersistentMap } from './persistentMap.js';
import type { MemberId, SharedMemory } from './sharedMemory.js';
import type { SlotSummary, SlotTree } from './slotTree.js';
import type { Spares } from './sparePool.js';
import type { Phase, ShutdownMode, StopReason } from './stopReason.js';
import type { WorkerKey } from './workerHandle.js';
import type { WorkerIndex } from './workerIndex.js';
import type { StartedFrom, WorkerResult } from './workerStatus.js';

export interface State {
  readonly epoch: string;
  readonly limits: Limits;
  readonly slots: SlotTree<Slot>;
  readonly clients: PersistentMap<ClientId, Client>;
  /** Clients that hear of every worker. */
  readonly watchingAll: readonly ClientId[];
  /** Workers that hold a slot, by name. */
  readonly names: WorkerIndex;
  /** Workers that hold a slot, by crash group. */
  readonly crashGroups: WorkerIndex;
  readonly usedByClass: PersistentMap<string, number>;
  /** Registrations already made, by the client's key, as long as the worker or its last word is there. */
  readonly registrations: PersistentMap<string, WorkerKey>;
  /** Registrations that wait for a slot, first come first served. */
  readonly waiting: readonly WaitingRegistration[];
  /** Who waits for a worker that is being replaced: from the old worker's key to the new worker. */
  readonly successors: PersistentMap<string, WorkerKey>;
  /** Workers that must be up before those with startTime afterEarly are started. */
  readonly early: readonly WorkerKey[];
  /** The workers that the settings list, as they were last read. */
  readonly listed: readonly ListedWorker[];
  readonly lastWords: LastWords;
  readonly spares: Spares;
  readonly memory: SharedMemory;
  readonly pass: Pass;
  readonly shutdown: Shutdown;
}

/** What may be started before others are served: it begins anew each time the postmaster comes back by the clock. */
export interface Pass {
  /** New processes ordered in it. */
  readonly starts: number;
  /** When it is to end: at once after the first of them; Infinity while there was none. */
  readonly endAt: number;
}

export const NEW_PASS: Pass = { starts: 0, endAt: Number.POSITIVE_INFINITY };

export type Shutdown =
  | { readonly state: 'none' }
  /** Smart: everything goes on until the last client has left. */
  | {
      readonly state: 'waitingForClients';
      readonly graceMs: number | null;
      /** These wait for the end themselves. */
      readonly uncounted: readonly ClientId[];
    }
  /** No worker is started any more, and those that run are asked to stop. */
  | { readonly state: 'stopping'; readonly mode: ShutdownMode }
  | { readonly state: 'exited' };

export interface Client {
  /** The worker it lives in; null for clients that a smart shutdown waits for. */
  readonly worker: WorkerKey | null;
  readonly blocked: boolean;
  /** While blocked: the workers whose newest status it has not been told. */
  readonly untold: PersistentMap<string, Untold>;
  /** While blocked: members of whose end it has not been told. */
  readonly untoldGone: readonly MemberId[];
}

export interface Untold extends WorkerKey {
  /** It watches this very worker, and does not only hear of it as of every other. */
  readonly watched: boolean;
}

export interface WaitingRegistration {
  readonly client: ClientId;
  readonly request: number;
  readonly key: string;
  readonly worker: BackgroundWorker;
}

export interface Slot extends SlotSummary {
  readonly generation: number;
  readonly tenant: Tenant | null;
}

export interface Tenant extends WorkerKey {
  readonly worker: BackgroundWorker;
  readonly registrationKey: string | null;
  /** The connection that registered it; null when there was none or it is gone. */
  readonly registrant: ClientId | null;
  readonly watchers: readonly ClientId[];
  readonly sequence: number;
  readonly attempts: number;
  /** How the newest of them is being, or was, provided with a process. */
  readonly startedFrom: StartedFrom | null;
  readonly deaths: number;
  readonly reason: StopReason | null;
  readonly result: WorkerResult | null;
  /** Instants of the failures that the restart intensity still counts. */
  readonly failures: readonly number[];
  /** Failures in a row, for the backoff. */
  readonly failuresInARow: number;
  readonly progress: { readonly done: number; readonly total: number | null } | null;
  readonly run: Run;
}

export type Run =
  /** No attempt was made yet. */
  | { readonly state: 'waiting'; readonly startAt: number; readonly until: StartCondition }
  /** The order to start was given; whether there is a process is not known yet. */
  | { readonly state: 'starting'; readonly stop: Stop | null }
  | Up
  /** Between two attempts. `startAt` null: until its crash group is down. */
  | { readonly state: 'resting'; readonly startAt: number | null };

export type StartCondition =
  | { readonly condition: 'none' }
  | { readonly condition: 'early' }
  /** These have the name it is to have, and are on their way out. */
  | { readonly condition: 'replaced'; readonly workers: readonly WorkerKey[] }
  /** Its crash group is going down: nobody of it starts before all are gone. */
  | { readonly condition: 'crashGroup' };

/** There is a process. */
export interface Up {
  readonly state: 'up';
  readonly pid: number;
  /** Null while a spare was given the job and has not taken it. */
  readonly phase: Phase | null;
  /** When it was forked, or given the job. */
  readonly forkedAt: number;
  readonly enteredAt: number | null;
  /** What it said that it waits for. */
  readonly waitEvent: string | null;
  /** The first thing it said of its own end; later words do not change it. */
  readonly saying: Saying | null;
  /** By when it must have ended, since it said that; Infinity once it was killed for not doing so. Null before. */
  readonly leaveBy: number | null;
  readonly stop: Stop | null;
  /** While phase is null: when the spare must have taken the job; Infinity once it was killed for not doing so. */
  readonly takeBy: number;
  /** When maxRunMs is over; Infinity without one. */
  readonly limitAt: number;
  /** When its memory is measured next; Infinity without a limit. */
  readonly measureAt: number;
}

/** Why we make a process stop. While it is there, a signal that ends the process is ours and no crash. */
export interface Stop {
  readonly cause: StopByUs;
  readonly afterwards: Afterwards;
  /** Its crash group goes down with it, whatever the cause: nobody of the group starts before it is gone. */
  readonly withGroup: boolean;
  /** When it is killed; Infinity once that has been ordered. */
  readonly killAt: number;
  readonly killed: boolean;
}

/** What follows the end, whatever the restart policy says: it counts only for the first of these. */
export type Afterwards = 'asPolicySays' | 'startAgain' | 'nothing';

export type StopByUs =
  | { readonly why: 'terminate' }
  | { readonly why: 'restart' }
  | { readonly why: 'ranTooLong' }
  | { readonly why: 'memoryLimit'; readonly rssBytes: number }
  | { readonly why: 'clientGone' }
  | { readonly why: 'crashGroup'; readonly origin: string }
  | { readonly why: 'lostConnection' }
  | { readonly why: 'postmasterShutdown'; readonly mode: ShutdownMode };

/** The state in the making: the same fields, and what the transition says and touches on its way. */
export type Draft = { -readonly [Field in keyof State]: State[Field] } & {
  readonly at: number;
  readonly effects: Effect[];
  /** Slots, some of them perhaps more than once. */
  readonly touched: number[];
  readonly touchedSegments: SegmentId[];
};

/** Field by field, here and below: V8 copies a literal of this size twenty times as fast as a spread. */
export function openDraft(state: State, at: number): Draft {
  return {
    epoch: state.epoch,
    limits: state.limits,
    slots: state.slots,
    clients: state.clients,
    watchingAll: state.watchingAll,
    names: state.names,
    crashGroups: state.crashGroups,
    usedByClass: state.usedByClass,
    registrations: state.registrations,
    waiting: state.waiting,
    successors: state.successors,
    early: state.early,
    listed: state.listed,
    lastWords: state.lastWords,
    spares: state.spares,
    memory: state.memory,
    pass: state.pass,
    shutdown: state.shutdown,
    at,
    effects: [],
    touched: [],
    touchedSegments: [],
  };
}

export function sealDraft(draft: Draft): State {
  return {
    epoch: draft.epoch,
    limits: draft.limits,
    slots: draft.slots,
    clients: draft.clients,
    watchingAll: draft.watchingAll,
    names: draft.names,
    crashGroups: draft.crashGroups,
    usedByClass: draft.usedByClass,
    registrations: draft.registrations,
    waiting: draft.waiting,
    successors: draft.successors,
    early: draft.early,
    listed: draft.listed,
    lastWords: draft.lastWords,
    spares: draft.spares,
    memory: draft.memory,
    pass: draft.pass,
    shutdown: draft.shutdown,
  };
}

/** The worker a key names, while it holds its slot. */
export function tenantOf(state: Pick<State, 'slots'>, key: WorkerKey): Tenant | undefined {
  const slot = state.slots.get(key.slot);
  return slot?.generation === key.generation ? (slot.tenant ?? undefined) : undefined;
}

/** The one way to change a worker: it keeps the slot's due time with it. */
export function putTenant(draft: Draft, tenant: Tenant): void {
  draft.slots = draft.slots.set(tenant.slot, {
    generation: tenant.generation,
    tenant,
    used: true,
    launching: isLaunching(tenant.run),
    dueAt: dueAtOf(tenant),
  });
  touch(draft, tenant.slot);
}

export function freeSlot(draft: Draft, tenant: Tenant): void {
  draft.slots = draft.slots.set(tenant.slot, {
    generation: tenant.generation,
    tenant: null,
    used: false,
    launching: false,
    dueAt: Number.POSITIVE_INFINITY,
  });
  touch(draft, tenant.slot);
}

type Fixed = 'slot' | 'generation' | 'worker' | 'registrationKey';

/** The worker with some fields changed. */
export function changeTenant(tenant: Tenant, changes: Partial<Omit<Tenant, Fixed>>): Tenant {
  return {
    slot: tenant.slot,
    generation: tenant.generation,
    worker: tenant.worker,
    registrationKey: tenant.registrationKey,
    registrant: changes.registrant === undefined ? tenant.registrant : changes.registrant,
    watchers: changes.watchers ?? tenant.watchers,
    sequence: changes.sequence ?? tenant.sequence,
    attempts: changes.attempts ?? tenant.attempts,
    startedFrom: changes.startedFrom ?? tenant.startedFrom,
    deaths: changes.deaths ?? tenant.deaths,
    reason: changes.reason ?? tenant.reason,
    result: changes.result ?? tenant.result,
    failures: changes.failures ?? tenant.failures,
    failuresInARow: changes.failuresInARow ?? tenant.failuresInARow,
    progress: changes.progress === undefined ? tenant.progress : changes.progress,
    run: changes.run ?? tenant.run,
  };
}

/** The process with some fields changed. */
export function changeUp(
  run: Up,
  changes: Partial<
    Pick<Up, 'phase' | 'enteredAt' | 'waitEvent' | 'saying' | 'leaveBy' | 'stop' | 'takeBy' | 'measureAt'>
  >,
): Up {
  return {
    state: 'up',
    pid: run.pid,
    phase: changes.phase ?? run.phase,
    forkedAt: run.forkedAt,
    enteredAt: changes.enteredAt ?? run.enteredAt,
    waitEvent: changes.waitEvent === undefined ? run.waitEvent : changes.waitEvent,
    saying: changes.saying ?? run.saying,
    leaveBy: changes.leaveBy ?? run.leaveBy,
    stop: changes.stop ?? run.stop,
    takeBy: changes.takeBy ?? run.takeBy,
    limitAt: run.limitAt,
    measureAt: changes.measureAt ?? run.measureAt,
  };
}

function touch({ touched }: Draft, slot: number): void {
  if (touched.at(-1) !== slot) touched.push(slot);
}

/** It was ordered to start, and its function has not been entered yet. */
export function isLaunching(run: Run): boolean {
  if (run.state === 'starting') return true;
  return run.state === 'up' && run.enteredAt === null;
}

/** A spare was given the job and has not taken it: nothing that it does is this worker's doing. */
export function isAwaitingSpare(run: Run): run is Up {
  return run.state === 'up' && run.phase === null;
}

/** SIGKILL was ordered: by a stop, for not ending after the last word, or for not taking the job. */
export function isKilled(run: Up): boolean {
  const isLost = isAwaitingSpare(run) && run.takeBy === Number.POSITIVE_INFINITY;
  return run.stop?.killed === true || run.leaveBy === Number.POSITIVE_INFINITY || isLost;
}

/** When something must be done for this worker by the clock alone; Infinity when only an event can change it. */
export function dueAtOf(tenant: Tenant): number {
  const { run } = tenant;
  switch (run.state) {
    case 'waiting':
      return run.until.condition === 'none' ? run.startAt : Number.POSITIVE_INFINITY;
    case 'starting':
      return Number.POSITIVE_INFINITY;
    case 'resting':
      return run.startAt ?? Number.POSITIVE_INFINITY;
    case 'up':
      // Who has said its last word has done what it did: no limit is about that any more.
      if (run.leaveBy !== null) return Math.min(run.leaveBy, run.stop?.killAt ?? Number.POSITIVE_INFINITY);
      if (run.stop !== null) return run.stop.killAt;
      return Math.min(run.limitAt, run.measureAt, isAwaitingSpare(run) ? run.takeBy : Number.POSITIVE_INFINITY);
  }
}

/** No worker is started any more, and none let in. */
export function isGoingDown({ shutdown }: Pick<State, 'shutdown'>): boolean {
  return shutdown.state === 'stopping' || shutdown.state === 'exited';
}

/** All workers that hold a slot, by slot. */
export function* tenants(state: Pick<State, 'slots'>): Generator<Tenant> {
  for (const [, slot] of state.slots.entries()) {
    if (slot.tenant !== null) yield slot.tenant;
  }
}
