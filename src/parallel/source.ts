/**
 * Where the items of a run come from: anything that can be iterated, at once or with waiting, read a batch at a time.
 *
 * A source that is read at once is asked when a batch is wanted. One that has to be waited for is read ahead by itself,
 * one item after the other, up to as many as the next batch may have, so that a slow one keeps nobody from what is there,
 * and a quick one does not have its items sent one by one. Its reader is told (`changed`) when there is something new.
 *
 * What it throws is its end, as in a loop over it: `failure` says so, behind the items that came before.
 */
import { BgworkerError } from '../base/index.js';
import { MAX_BATCH_BYTES, visibleBytes } from './batching.js';

/** What a run can be given. */
export type Items<Item> = Iterable<Item> | AsyncIterable<Item>;

export class Source<Item> {
  readonly #items: Items<Item>;
  readonly #changed: () => void;
  #state: 'unread' | 'open' | 'ended' = 'unread';
  #iterator: Iterator<Item> | undefined;
  #waiting: WaitingSource<Item> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #given = 0;
  #isReading = false;

  /** Nothing is read yet. Throws `ERR_INVALID_ARGUMENT` for what cannot be iterated. */
  constructor(items: Items<Item>, changed: () => void) {
    if (!isIterable(items)) {
      throw new BgworkerError('ERR_INVALID_ARGUMENT', 'items cannot be iterated', {
        detail: `items is ${items === null ? 'null' : typeof items}`,
        hint:
          items instanceof Promise
            ? 'it is a promise: await it'
            : 'give an array, a generator (called: its function is none), or anything else that a for loop takes',
      });
    }
    this.#items = items;
    this.#changed = changed;
  }

  /** How many there are in all, where that can be known without reading them. */
  get total(): number | null {
    const { length, size } = this.#items as { readonly length?: unknown; readonly size?: unknown };
    if (Array.isArray(this.#items) || ArrayBuffer.isView(this.#items)) return Number(length);
    return this.#items instanceof Set || this.#items instanceof Map ? Number(size) : null;
  }

  /** How many are still to come, likewise. */
  get left(): number | null {
    const { total } = this;
    return total === null ? null : Math.max(0, total - this.#given);
  }

  /** Nothing more comes. */
  get hasEnded(): boolean {
    return this.#state === 'ended' && (this.#waiting === undefined || this.#waiting.isEmpty);
  }

  /** What it ended with, if that was an error. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** At most so many items; fewer where they are long, where it ends, or where no more are there now. */
  take(most: number, maxBytes = MAX_BATCH_BYTES): Item[] {
    if (this.#state === 'unread') this.#open();
    const items = this.#waiting?.take(most, maxBytes) ?? this.#read(most, maxBytes);
    this.#given += items.length;
    return items;
  }

  /**
   * Nobody wants more: the iterator is told, if it did not end by itself. A source that is just being waited for is not
   * waited for again: its own `next` may never come back.
   */
  async close(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    if (this.#waiting !== undefined) await this.#waiting.close();
    // A source whose own code has ended the run is told when it is done with that.
    else if (!this.#isReading) this.#iterator?.return?.();
  }

  #open(): void {
    this.#state = 'open';
    try {
      if (typeof this.#items !== 'string' && Symbol.asyncIterator in this.#items) {
        this.#waiting = new WaitingSource(
          this.#items[Symbol.asyncIterator](),
          (failure) => this.#end(failure),
          this.#changed,
        );
      } else this.#iterator = this.#items[Symbol.iterator]();
    } catch (error) {
      this.#end({ error });
    }
  }

  #read(most: number, maxBytes: number): Item[] {
    const items: Item[] = [];
    if (this.#state !== 'open' || this.#iterator === undefined) return items;
    this.#isReading = true;
    try {
      for (let bytes = 0; items.length < most && bytes < maxBytes; ) {
        const { done, value } = this.#iterator.next();
        if (this.#isClosed) {
          if (done !== true) this.#iterator.return?.();
          return [];
        }
        if (done === true) {
          this.#end(undefined);
          break;
        }
        items.push(value);
        bytes += visibleBytes(value);
      }
    } catch (error) {
      this.#end({ error });
    } finally {
      this.#isReading = false;
    }
    return items;
  }

  /** It may be closed while it is read, by its own code. */
  get #isClosed(): boolean {
    return this.#state === 'ended';
  }

  #end(failure: { readonly error: unknown } | undefined): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#failure = failure;
  }
}

/** The part of a source that has to be waited for. */
class WaitingSource<Item> {
  readonly #iterator: AsyncIterator<Item>;
  readonly #ended: (failure: { readonly error: unknown } | undefined) => void;
  readonly #changed: () => void;
  readonly #items: Item[] = [];
  #wanted = 1;
  #isReading = false;
  #isOver = false;

  constructor(
    iterator: AsyncIterator<Item>,
    ended: (failure: { error: unknown } | undefined) => void,
    changed: () => void,
  ) {
    this.#iterator = iterator;
    this.#ended = ended;
    this.#changed = changed;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  take(most: number, maxBytes: number): Item[] {
    let count = 0;
    for (let bytes = 0; count < Math.min(most, this.#items.length) && bytes < maxBytes; count++) {
      bytes += visibleBytes(this.#items[count]);
    }
    const items = this.#items.splice(0, count);
    this.#wanted = most;
    void this.#readAhead();
    return items;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    const returned = this.#iterator.return?.();
    if (!this.#isReading) return void (await returned);
    // It is asked behind a `next` that may never answer, and what becomes of that is nobody's any more.
    returned?.catch(() => {});
  }

  /** Never rejects. */
  async #readAhead(): Promise<void> {
    if (this.#isReading || this.#isOver) return;
    this.#isReading = true;
    try {
      while (this.#items.length < this.#wanted && !this.#isOver) {
        const { done, value } = await this.#iterator.next();
        if (this.#isOver) return;
        if (done === true) return this.#end(undefined);
        this.#items.push(value);
        if (this.#items.length === 1) this.#changed();
      }
    } catch (error) {
      if (!this.#isOver) this.#end({ error });
    } finally {
      this.#isReading = false;
    }
  }

  #end(failure: { readonly error: unknown } | undefined): void {
    this.#isOver = true;
    this.#ended(failure);
    this.#changed();
  }
}

function isIterable(items: unknown): boolean {
  if (typeof items === 'string') return true;
  return typeof items === 'object' && items !== null && (Symbol.iterator in items || Symbol.asyncIterator in items);
}
