/**
 * Rows through a message queue, from one participant to the leader (PostgreSQL: tqueue.c, a tuple queue).
 *
 * A message is a batch of rows. The first row goes at once, so that whoever has a slow plan sees it work; after that a
 * batch goes when it is large enough to be worth a message, or when 2 ms have passed since the last one. Both are looked
 * at when a row is pushed: who knows that the next one will take its time calls `flush` before it waits.
 */
import { assert } from '../base/index.js';
import type { MessageReceiver, MessageSender } from '../shm/index.js';
import { badValue } from '../shm/index.js';
import { ColumnBatch, decodeColumns, encodeColumns } from './columns.js';
import { RowDecoder } from './rowDecoder.js';
import { RowEncoder } from './rowEncoder.js';
import { COLUMNS, ROWS } from './rowFormat.js';

/** A message of this size costs little beside its rows; but several are to fit into a ring. */
const BATCH_BYTES = 16_384;
/** How long a row may lie here while others are pushed. */
const FLUSH_AFTER_MS = 2;
/** To read the clock costs as much as to encode a small row, so where rows come fast it is read for so many. */
const ROWS_PER_LOOK = 8;

/** What became of a flush. */
export type Flushed = 'sent' | 'detached';

/** The sending end of a tuple queue. The sender is its own from now on. */
export class TupleSender {
  readonly #sender: MessageSender;
  readonly #encoder = new RowEncoder();
  readonly #batchBytes: number;
  /** Goes behind the rows that were encoded. */
  #columns: ColumnBatch | undefined;
  #isFlushing = false;
  #flushedAt = Number.NEGATIVE_INFINITY;
  #lookedAt = 0;
  #rowsPerLook = 1;
  #rowsToLook = 0;
  #rows = 0;
  #bytes = 0;
  #waitMs = 0;

  constructor(sender: MessageSender) {
    this.#sender = sender;
    this.#batchBytes = Math.min(BATCH_BYTES, sender.ringBytes >> 2);
  }

  /** How many rows were pushed; those of columns too. */
  get rows(): number {
    return this.#rows;
  }

  /** How many bytes were sent. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How long flushes waited for room, in milliseconds. */
  get waitMs(): number {
    return this.#waitMs;
  }

  /**
   * Adds a row, which may be changed afterwards; the columns of a ColumnBatch stay as they are until it was flushed. True:
   * flush now. Throws `ERR_NOT_SERIALIZABLE`, and the row is not added. Not while a flush is awaited.
   */
  push(row: unknown): boolean {
    assert(!this.#isFlushing && this.#columns === undefined, 'a row was pushed before the flush was through');
    if (row instanceof ColumnBatch) {
      this.#columns = row;
      this.#rows += row.rows;
      return true;
    }
    this.#encoder.push(row);
    this.#rows += 1;
    return this.#encoder.sizeBytes >= this.#batchBytes || this.#isTime();
  }

  /** Sends what was pushed; a promise when it must wait for room. Throws, or rejects with, `ERR_PEER_DIED`. */
  flush(): Flushed | Promise<Flushed> {
    for (let pieces = this.#next(); pieces !== undefined; pieces = this.#next()) {
      const result = this.#sender.trySend(pieces);
      if (result === 'wouldBlock') return this.#flushWaiting(pieces);
      this.#count(pieces);
      if (result === 'detached') return result;
    }
    return 'sent';
  }

  /** Flushes, then detaches: there are no more rows. */
  end(): Flushed | Promise<Flushed> {
    const flushed = this.flush();
    if (typeof flushed !== 'string') return this.#endAfter(flushed);
    this.#sender.detach();
    return flushed;
  }

  async #endAfter(flushed: Promise<Flushed>): Promise<Flushed> {
    const result = await flushed;
    this.#sender.detach();
    return result;
  }

  async #flushWaiting(first: Uint8Array[]): Promise<Flushed> {
    const startedAt = performance.now();
    this.#isFlushing = true;
    try {
      for (let pieces: Uint8Array[] | undefined = first; pieces !== undefined; pieces = this.#next()) {
        const result = await this.#sender.send(pieces);
        this.#count(pieces);
        if (result === 'detached') return result;
      }
      return 'sent';
    } finally {
      this.#isFlushing = false;
      this.#waitMs += performance.now() - startedAt;
    }
  }

  /** The next message. */
  #next(): Uint8Array[] | undefined {
    if (this.#encoder.rows > 0) return this.#encoder.pieces();
    return this.#columns === undefined ? undefined : encodeColumns(this.#columns);
  }

  /** It is through. */
  #count(pieces: readonly Uint8Array[]): void {
    for (const { length } of pieces) this.#bytes += length;
    if (this.#encoder.rows > 0) this.#encoder.reset();
    else this.#columns = undefined;
    this.#flushedAt = performance.now();
  }

  #isTime(): boolean {
    this.#rowsToLook -= 1;
    if (this.#rowsToLook > 0) return false;
    const now = performance.now();
    const isSlow = now - this.#lookedAt > FLUSH_AFTER_MS / 8;
    this.#rowsPerLook = isSlow ? 1 : Math.min(ROWS_PER_LOOK, 2 * this.#rowsPerLook);
    this.#rowsToLook = this.#rowsPerLook;
    this.#lookedAt = now;
    return now - this.#flushedAt >= FLUSH_AFTER_MS;
  }
}

/** The receiving end of a tuple queue. The receiver is its own from now on. */
export class TupleReceiver<Row = unknown> {
  /** Where the rows come from: to wait there, and to learn its end. */
  readonly receiver: MessageReceiver;
  readonly #decoder = new RowDecoder();
  /** `isKept` is set by `make`: columns stay where they are until the next row is asked for. */
  readonly #reading = {
    isView: true,
    isKept: false,
    make: (message: Uint8Array): ColumnBatch | 'rows' => this.#open(message),
  };
  #rows = 0;
  #bytes = 0;

  constructor(receiver: MessageReceiver) {
    this.receiver = receiver;
  }

  /** Whether there are rows that were received and not asked for: the next `tryReceive` gives one. */
  get hasRows(): boolean {
    return this.#decoder.hasRows;
  }

  /** How many rows it gave; those of columns too. */
  get rows(): number {
    return this.#rows;
  }

  /** How many bytes were received. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The next row; null for "not yet". Done when the sender has detached and all is received that it sent. Throws
   * `ERR_PEER_DIED` when it died instead, and `ERR_BAD_VALUE` for what is no row.
   */
  tryReceive(): { readonly done: false; readonly value: Row } | { readonly done: true } | null {
    if (!this.#decoder.hasRows) {
      const taken = this.receiver.tryTake(this.#reading);
      if (taken === 'wouldBlock') return null;
      if (taken === 'detached') return { done: true };
      if (taken !== 'rows') {
        this.#rows += taken.rows;
        return { done: false, value: taken as Row };
      }
    }
    this.#rows += 1;
    return { done: false, value: this.#decoder.next() as Row };
  }

  /** Receives no more: the sender is told at its next flush. */
  detach(): void {
    this.receiver.detach();
  }

  #open(message: Uint8Array): ColumnBatch | 'rows' {
    this.#bytes += message.length;
    this.#reading.isKept = false;
    if (message.length < 4) throw badValue('the head is cut off');
    const [kind] = new Uint32Array(message.buffer, message.byteOffset, 1);
    if (kind === ROWS) {
      this.#decoder.load(message);
      return 'rows';
    }
    if (kind !== COLUMNS) throw badValue('no such kind of message');
    const batch = decodeColumns(message);
    this.#reading.isKept = true;
    return batch;
  }
}
