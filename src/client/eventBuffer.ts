/**
 * Between who is told and who reads: a queue of events with a limit, read as an async iterator. A reader who keeps up
 * sees every event. For one who does not, older events give way, first those of the same worker as the newest one,
 * since each event is complete in itself; `missed` in the event behind the gap counts them, so nothing is lost in
 * silence and nothing grows.
 */
import { assert } from '../base/index.js';
import type { WorkerEvent } from './workerState.js';

/** More than any start makes, less than a forgotten reader may cost. */
const MAX_BUFFERED_EVENTS = 1024;

interface Reader {
  readonly resolve: (result: IteratorResult<WorkerEvent, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

interface Options {
  readonly signal?: AbortSignal | undefined;
  /** Keeps the process alive while somebody reads and nothing is there; gives the release. */
  readonly hold: () => () => void;
  /** The reader is done, whoever ended it. Called once. */
  readonly onClose: () => void;
}

export class EventBuffer implements AsyncIterableIterator<WorkerEvent, undefined, undefined> {
  readonly #options: Options;
  #events: WorkerEvent[] = [];
  readonly #readers: Reader[] = [];
  #release: (() => void) | undefined;
  #state:
    | { readonly state: 'open' }
    | { readonly state: 'ended' }
    | { readonly state: 'failed'; readonly error: unknown } = {
    state: 'open',
  };
  readonly #aborted = (): void => this.fail(this.#options.signal?.reason);

  constructor(options: Options) {
    this.#options = options;
    options.signal?.addEventListener('abort', this.#aborted, { once: true });
    if (options.signal?.aborted === true) this.#aborted();
  }

  push(event: WorkerEvent): void {
    if (this.#state.state !== 'open') return;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      this.#letGo();
      reader.resolve({ done: false, value: event });
      return;
    }
    this.#events.push(this.#events.length < MAX_BUFFERED_EVENTS ? event : this.#makeRoom(event));
  }

  /** What is buffered can still be read; then it is over. */
  end(): void {
    if (this.#state.state !== 'open') return;
    this.#state = { state: 'ended' };
    this.#close();
    for (const reader of this.#readers.splice(0)) reader.resolve({ done: true, value: undefined });
  }

  /** What is buffered can still be read; then the next read rejects. */
  fail(error: unknown): void {
    if (this.#state.state !== 'open') return;
    const readers = this.#readers.splice(0);
    this.#state = readers.length === 0 ? { state: 'failed', error } : { state: 'ended' };
    this.#close();
    for (const reader of readers) reader.reject(error);
  }

  next(): Promise<IteratorResult<WorkerEvent, undefined>> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    const { state } = this.#state;
    if (this.#state.state === 'failed') {
      const { error } = this.#state;
      this.#state = { state: 'ended' };
      return Promise.reject(error);
    }
    if (state === 'ended') return Promise.resolve({ done: true, value: undefined });
    this.#release ??= this.#options.hold();
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<WorkerEvent, undefined>> {
    this.#events = [];
    this.end();
    this.#state = { state: 'ended' };
    return Promise.resolve({ done: true, value: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Takes an older event out, and gives the new one with what it stands for now. */
  #makeRoom(event: WorkerEvent): WorkerEvent {
    const sameWorker = this.#events.findLastIndex((older) => older.handle === event.handle);
    const [given] = this.#events.splice(Math.max(0, sameWorker), 1);
    assert(given !== undefined, 'a full buffer has an oldest event');
    return { ...event, missed: event.missed + given.missed + 1 };
  }

  #close(): void {
    this.#letGo();
    this.#options.signal?.removeEventListener('abort', this.#aborted);
    this.#options.onClose();
  }

  #letGo(): void {
    if (this.#state.state === 'open' && this.#readers.length > 0) return;
    this.#release?.();
    this.#release = undefined;
  }
}
