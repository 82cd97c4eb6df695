/**
 * A segment of dynamic shared memory as users hold it, and its handle: the postmaster's epoch and a number that no other
 * segment of it ever has, so a handle that is kept too long names nothing, and never somebody else's memory.
 *
 * PostgreSQL: dsm_segment, and what one does with it.
 */
import { BgworkerError } from '../base/index.js';
import type { MemoryLink } from '../client/index.js';
import type { Chunk, Segment } from '../shm/index.js';
import type { Membership } from './membership.js';
import { detachSegment } from './membership.js';

/** A segment that this process holds, and what else is known of it. */
export interface Held {
  readonly membership: Membership;
  readonly segment: Segment;
  readonly id: number;
  readonly isNew: boolean;
}

/**
 * Memory that this process shares with others of the same postmaster. Its text, `String(segment)`, is its handle in any
 * of them: give it to a worker in its argument.
 *
 * It is there as long as anybody holds it or it is pinned, whoever made it. PostgreSQL: dsm_segment.
 */
export class DsmSegment implements Disposable {
  readonly #membership: Membership;
  readonly #segment: Segment;
  readonly #id: number;
  readonly #isNew: boolean;

  /**
   * Segments are given by `createSegment`, `attachSegment` and `namedSegment`.
   * @internal
   */
  constructor({ membership, segment, id, isNew }: Held) {
    this.#membership = membership;
    this.#segment = segment;
    this.#id = id;
    this.#isNew = isNew;
  }

  /** Nobody else has it yet: this call made it, and its memory is all zeros. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** The text by which another process of the same postmaster attaches to it. */
  get handle(): string {
    return formatSegment(this.#membership.link.epoch, this.#id);
  }

  /** Its class, for messages. */
  get [Symbol.toStringTag](): string {
    return 'DsmSegment';
  }

  /** The same text as `handle`. */
  toString(): string {
    return this.handle;
  }

  /** The same text as `handle`. */
  toJSON(): string {
    return this.handle;
  }

  /** What `console.log` shows of it. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `DsmSegment ${this.handle} (${this.sizeBytes} bytes${this.isAttached ? '' : ', detached'})`;
  }

  /** As it was created with, in bytes. */
  get sizeBytes(): number {
    return this.#segment.sizeBytes;
  }

  /** False once this process has let it go, or has lost it with its connection. */
  get isAttached(): boolean {
    return this.#segment.isAttached;
  }

  /**
   * The memory, the same array each time. What one process writes the others see, when a queue, a latch, a lock or
   * `Atomics` has passed from one to the other in between. A view that is kept beyond `detach` reads zeros.
   * Throws `ERR_SEGMENT_DETACHED`.
   */
  get bytes(): Uint8Array {
    this.#segment.checkAttached();
    return this.#segment.mapping.shownBytes;
  }

  /**
   * A stretch of it, for a queue, a lock or the like to live in: from `offsetBytes`, a multiple of 64, to the end or
   * `sizeBytes` long. Default: all of it. Throws `ERR_OUT_OF_SEGMENT`.
   */
  chunk(offsetBytes?: number, sizeBytes?: number): Chunk {
    return this.#segment.chunk(offsetBytes, sizeBytes);
  }

  /**
   * Calls `callback` when this process lets the segment go, the newest first, while the memory is still there: by
   * `detach`, at the end of the process unless it is killed, and when the connection is lost. Gives back how to take it
   * off the list. PostgreSQL: on_dsm_detach, cancel_on_dsm_detach.
   */
  onDetach(callback: () => void): () => void {
    return this.#segment.onDetach(callback);
  }

  /**
   * Keeps it when nobody holds it any more, until `unpinSegment` or the end of the postmaster. Throws
   * `ERR_SEGMENT_PINNED` when it is pinned already. PostgreSQL: dsm_pin_segment.
   */
  async pin(): Promise<void> {
    this.#segment.checkAttached();
    await this.#membership.link.ask({ type: 'segmentPin', id: this.#id }, () => {});
  }

  /** Throws `ERR_SEGMENT_NOT_PINNED`. PostgreSQL: dsm_unpin_segment. */
  async unpin(): Promise<void> {
    await this.#membership.link.ask({ type: 'segmentUnpin', id: this.#id }, () => {});
  }

  /**
   * Lets it go: the callbacks run, and the memory is given back, at once if nobody else holds it. Never fails; a
   * callback that throws is a warning of the process. Safe to call twice. PostgreSQL: dsm_detach.
   */
  detach(): void {
    detachSegment(this.#segment);
  }

  /** The same as `detach()`. */
  [Symbol.dispose](): void {
    this.detach();
  }
}

export function formatSegment(epoch: string, id: number): string {
  return `${epoch}/${id}`;
}

const HANDLE_FORM = /^([0-9a-z]{1,32})\/([1-9]\d{0,14})$/;

/** The id behind a handle. Throws `ERR_INVALID_SEGMENT_HANDLE`, and `ERR_FOREIGN_SEGMENT` for another postmaster's. */
export function segmentId(text: string, { epoch, directory }: MemoryLink): number {
  const match = HANDLE_FORM.exec(String(text));
  if (match === null) {
    throw new BgworkerError('ERR_INVALID_SEGMENT_HANDLE', 'that is no handle of a segment', {
      detail: typeof text === 'string' ? text.slice(0, 100) : `it is of type ${typeof text}`,
      hint: 'give the text that String(segment) gave to whoever made it; a segment itself is not carried in an argument',
    });
  }
  if (match[1] !== epoch) {
    throw new BgworkerError('ERR_FOREIGN_SEGMENT', "the segment is another postmaster's", {
      detail: `${text}, asked of ${epoch} in ${directory}`,
      hint: 'make it with the client that starts the workers: createSegment(sizeBytes, { client }); if it was made with the postmaster of this directory, that has died and its memory with it',
    });
  }
  return Number(match[2]);
}
