/**
 * Those who read the events of every worker, and what each worker was last told to have done, so that a gap in its
 * sequence is counted and an event that comes twice is seen once. Workers are forgotten here with their last word.
 */
import type { WorkerKey } from '../core/index.js';
import { formatKey } from '../core/index.js';
import type { ConnectionEnd } from './connection.js';
import { errorOfEnd } from './connection.js';
import type { EventBuffer } from './eventBuffer.js';
import { missedSince } from './watchedWorker.js';
import type { Told } from './workerState.js';
import { describeEvent } from './workerState.js';

export class Subscriptions {
  readonly #idOf: (key: WorkerKey) => string;
  readonly #buffers = new Set<EventBuffer>();
  readonly #seen = new Map<string, Told>();

  constructor(idOf: (key: WorkerKey) => string) {
    this.#idOf = idOf;
  }

  get isActive(): boolean {
    return this.#buffers.size > 0;
  }

  /** The workers that were heard of and have not ended. */
  get seen(): readonly WorkerKey[] {
    return [...this.#seen.values()].map(({ status: { slot, generation } }) => ({ slot, generation }));
  }

  /** True for the first one. */
  add(buffer: EventBuffer): boolean {
    this.#buffers.add(buffer);
    return this.#buffers.size === 1;
  }

  /** True for the last one. */
  remove(buffer: EventBuffer): boolean {
    if (!this.#buffers.delete(buffer) || this.#buffers.size > 0) return false;
    this.#seen.clear();
    return true;
  }

  tell(told: Told): void {
    if (!this.isActive) return;
    const { status } = told;
    const name = formatKey(status);
    const last = this.#seen.get(name) ?? null;
    if (last !== null && status.sequence <= last.status.sequence) return;
    if (status.final) this.#seen.delete(name);
    else this.#seen.set(name, told);
    const event = describeEvent(this.#idOf(status), told, missedSince(last, status));
    for (const buffer of this.#buffers) buffer.push(event);
  }

  connectionEnded(end: ConnectionEnd): void {
    for (const buffer of [...this.#buffers]) this.endOne(buffer, end);
  }

  /** An end that was wanted ends the reading; any other is thrown to the reader. */
  endOne(buffer: EventBuffer, end: ConnectionEnd): void {
    if (end.how === 'disposed' || end.how === 'shutdown') buffer.end();
    else buffer.fail(errorOfEnd(end));
  }
}
