/**
 * One worker as this process knows it: the newest status it was told, and who wants to hear of the next one. All
 * handles of the worker that this client has look at the same WatchedWorker.
 *
 * State changes here, synchronously, while the bytes are read; whoever waits is called at once and looks again. So
 * nothing can be missed between a look and the wait that follows it. What is told twice or late changes nothing: the
 * sequence of a status only rises, and after the last word there is none.
 */
import type { WorkerKey, WorkerStatus } from '../core/index.js';
import type { ConnectionEnd } from './connection.js';
import { errorOfEnd } from './connection.js';
import { publishSteps } from './diagnostics.js';
import type { EventBuffer } from './eventBuffer.js';
import type { Told, WorkerEvent } from './workerState.js';
import { describeEvent, describePostmasterDeath } from './workerState.js';

/** What a worker last said with `ctx.progress(done, total)`. */
export interface Progress {
  /** In whatever unit the worker counts. */
  readonly done: number;
  /** Null when the worker does not know. */
  readonly total: number | null;
}

export class WatchedWorker {
  readonly key: WorkerKey;
  /** The handle, written as a string. */
  readonly id: string;
  #told: Told | null;
  #end: ConnectionEnd | null = null;
  #progress: Progress | null = null;
  readonly #listeners = new Set<() => void>();
  readonly #readers = new Set<EventBuffer>();

  constructor(id: string, key: WorkerKey, told: Told | null) {
    this.id = id;
    this.key = { slot: key.slot, generation: key.generation };
    this.#told = told;
  }

  /** What was last told; null when its postmaster was dead before anything was. */
  get told(): Told | null {
    return this.#told;
  }

  /** How the connection to its postmaster ended, once it did. */
  get end(): ConnectionEnd | null {
    return this.#end;
  }

  get progress(): Progress | null {
    return this.#progress;
  }

  /** Nothing more will be told of it. */
  get isOver(): boolean {
    return this.#end !== null || this.#told === null || this.#told.status.final;
  }

  tell(told: Told): void {
    const last = this.#told;
    const { status } = told;
    if (this.isOver || last === null || status.sequence < last.status.sequence) return;
    this.#told = told;
    // The same sequence again: the answer to a question, with a phase that nobody is notified of.
    if (status.sequence > last.status.sequence) this.#publish(told, missedSince(last, status));
    this.#announce();
  }

  tellProgress(progress: Progress): void {
    this.#progress = progress;
  }

  /** The connection is over for good. A worker that had its last word keeps it. */
  connectionEnded(end: ConnectionEnd): void {
    if (this.isOver) return;
    this.#end = end;
    for (const reader of [...this.#readers]) this.#endReader(reader, end);
    this.#announce();
  }

  /** Calls at every change, until the function it gives is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The present state, then every event as it comes. */
  addReader(reader: EventBuffer): void {
    if (this.#told !== null) reader.push(this.#eventOf(this.#told, 0));
    if (this.#end !== null) this.#endReader(reader, this.#end);
    else if (this.isOver) reader.end();
    else this.#readers.add(reader);
  }

  removeReader(reader: EventBuffer): void {
    this.#readers.delete(reader);
  }

  #publish(told: Told, missed: number): void {
    const event = this.#eventOf(told, missed);
    publishSteps(event);
    for (const reader of [...this.#readers]) {
      reader.push(event);
      if (event.final) reader.end();
    }
  }

  #endReader(reader: EventBuffer, end: ConnectionEnd): void {
    if (end.how === 'failed') return reader.fail(errorOfEnd(end));
    if (end.how !== 'disposed') reader.push(describePostmasterDeath(this.id, this.#told?.status ?? null));
    reader.end();
  }

  #eventOf(told: Told, missed: number): WorkerEvent {
    return describeEvent(this.id, told, missed);
  }

  #announce(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Statuses that were published between two that were told. */
export function missedSince(last: Told | null, status: WorkerStatus): number {
  // The postmaster no longer knows how many a forgotten worker had.
  if (last === null || status.reason?.kind === 'forgotten') return 0;
  return status.sequence - last.status.sequence - 1;
}
