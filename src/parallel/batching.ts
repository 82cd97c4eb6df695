/**
 * How many items the next batch has. A batch costs a message there and one back, whatever is in it, so small items go
 * together; but what is in a batch waits for the whole of it, and the last batch keeps everybody waiting.
 *
 * So a batch aims at a few milliseconds of work. Nobody says what an item costs, therefore the first batches have one item,
 * and each answer may double the size; whoever turns out to be expensive is believed at once. Near the end, where it is
 * known, batches shrink, so that the processes finish together. Decides only: nothing here waits or reads a clock.
 */

/**
 * What a batch should take: much longer than its two messages, and short enough to wait for. Between two batches a process
 * spends about a millisecond where all processors are at work; with 5 ms here two processes were 1.56 times as fast as one.
 */
export const BATCH_MS = 20;
/** A batch that takes nothing at all has no more: beyond this the messages cost next to nothing for each item. */
export const MAX_BATCH_ITEMS = 8_192;
/** What a batch, or its answer, may have in serialised bytes as far as that can be foreseen; one item may be longer. */
export const MAX_BATCH_BYTES = 1024 * 1024;
/** Shrinking at the end goes on as long as there is something to gain by it: a fraction of what a batch should take. */
const SMALLEST_FRACTION = 1 / 16;

/**
 * A process that has a batch of this length may be given the next one already, so that it need not wait for the message.
 * Behind a longer one nothing waits: it might find somebody else, and the message takes no time beside it. And where the
 * size was not given, a batch that has turned out to take longer is cut: what of it was not begun is given back.
 */
export const QUICK_MS = 2 * BATCH_MS;
/** About as long as the way to a process and back, where all processors are at work: a wait that is worth having. */
const SHORT_MS = 3;
const QUICK_BYTES = 4 * MAX_BATCH_BYTES;

/** What became of a batch. */
export interface MeasuredBatch {
  readonly items: number;
  /** How long it was worked on. */
  readonly ms: number;
  /** The longer one of its two messages. */
  readonly bytes: number;
}

export class BatchSize {
  readonly #participants: number;
  readonly #fixed: number | undefined;
  #items = 1;
  #isQuick = false;
  #msOfItem = 0;

  /** `fixed`: measured or not, a batch has so many. */
  constructor({ participants, fixed }: { readonly participants: number; readonly fixed?: number | undefined }) {
    this.#participants = Math.max(1, participants);
    this.#fixed = fixed;
  }

  /**
   * How many batches a process may have under way, with so many items left: before anything is known, one. Near the end
   * nothing waits behind what takes long: somebody else may be through first.
   */
  underWay(left: number | null): number {
    if (!this.#isQuick) return 1;
    const size = this.#fixed ?? this.#items;
    if (left === null || left > 2 * this.#participants * size) return 2;
    return this.next(left) * this.#msOfItem < SHORT_MS ? 2 : 1;
  }

  /** There was no room for one more in a process. */
  refused(): void {
    this.#isQuick = false;
  }

  /** With so many items left; null where nobody knows. */
  next(left: number | null): number {
    if (this.#fixed !== undefined) return this.#fixed;
    if (left === null) return this.#items;
    // Two batches are under way for each participant, so this is a fair share for everybody and one round more.
    const share = Math.ceil(left / (2 * this.#participants));
    return Math.min(this.#items, Math.max(share, Math.ceil(this.#items * SMALLEST_FRACTION)));
  }

  /** Several batches of one size are under way at once, and all of them together double it only once. */
  measured({ items, ms, bytes }: MeasuredBatch): void {
    if (items === 0) return;
    this.#isQuick = ms < QUICK_MS && bytes <= QUICK_BYTES;
    this.#msOfItem = ms / items;
    const worth = Math.floor(items * Math.min(BATCH_MS / ms, MAX_BATCH_BYTES / bytes));
    if (worth < this.#items) this.#items = Math.max(1, worth);
    else this.#items = Math.min(MAX_BATCH_ITEMS, worth, Math.max(this.#items, 2 * items));
  }
}

/** What an item has in bytes, where that can be seen at once; of everything else the answers tell it. */
export function visibleBytes(item: unknown): number {
  if (typeof item === 'string') return item.length;
  if (ArrayBuffer.isView(item) || item instanceof ArrayBuffer) return item.byteLength;
  return 0;
}
