/**
 * Which worker is meant: the postmaster's epoch, a slot, and the generation of the slot's tenant. A handle outlives its
 * worker safely: a later tenant of the slot has another generation, and a later postmaster another epoch, so an old
 * handle can never reach a new worker (R-API-50, F-48). Written as a string it can be used from any process.
 *
 * Model: BackgroundWorkerHandle in bgworker.c, plus the epoch that C does not need, since no backend outlives a reset.
 */

/** A worker, inside one postmaster: what events and effects carry. */
export interface WorkerKey {
  /** Which slot it has, from 0. */
  readonly slot: number;
  /** Which tenant of that slot it is, counted from 1 over the postmaster's life. */
  readonly generation: number;
}

/** A worker, in the world: what clients carry. */
export interface WorkerHandle extends WorkerKey {
  readonly epoch: string;
}

/** `epoch:slot:generation`, for example `k2v9x0ab:3:17`. */
export function formatHandle(handle: WorkerHandle): string {
  return `${handle.epoch}:${handle.slot}:${handle.generation}`;
}

const HANDLE_FORM = /^([0-9a-z]{1,32}):(\d{1,9}):(\d{1,15})$/;

/** Gives undefined for what is not a handle: the caller knows what to say about it. */
export function parseHandle(text: string): WorkerHandle | undefined {
  const match = HANDLE_FORM.exec(text);
  if (match === null) return undefined;
  const [, epoch = '', slot, generation] = match;
  return { epoch, slot: Number(slot), generation: Number(generation) };
}

/** The form that keys and transcripts use where the epoch is plain from the context. */
export function formatKey(key: WorkerKey): string {
  return `${key.slot}:${key.generation}`;
}

export function isSameWorker(one: WorkerKey, other: WorkerKey): boolean {
  return one.slot === other.slot && one.generation === other.generation;
}
