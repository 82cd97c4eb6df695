/**
 * A segment as one process holds it: memory, the member who holds it, and what is to be done when it lets go. Who else
 * holds it, and when its file is removed, others know (core/segments.ts); they are told by `release`.
 *
 * Letting go never fails and happens once: the callbacks run, the newest first, each taken off the list before it runs,
 * while the memory is still there (R-DSM-14, R-DSM-15); one that throws keeps none of the others from running. Then the
 * memory is given back, whatever views of it are still around: they read zeros.
 */
import { BgworkerError } from '../base/index.js';
import type { Chunk, Leave, Whole } from './chunk.js';
import { chunkOf } from './chunk.js';
import type { Mapping } from './mapping.js';
import type { Member } from './member.js';

export interface SegmentOptions {
  readonly mapping: Mapping;
  readonly member: Member;
  /** Named in errors. */
  readonly name: string;
  /** Called once, at the end of the detaching. */
  readonly release: () => void;
}

export class Segment implements Whole {
  readonly member: Member;
  readonly name: string;
  readonly mapping: Mapping;
  readonly #release: () => void;
  readonly busy = new Set<Leave>();
  readonly #callbacks: (() => void)[] = [];
  #isAttached = true;

  constructor({ mapping, member, name, release }: SegmentOptions) {
    this.mapping = mapping;
    this.member = member;
    this.name = name;
    this.#release = release;
  }

  get sizeBytes(): number {
    return this.mapping.sizeBytes;
  }

  get isAttached(): boolean {
    return this.#isAttached;
  }

  /** Throws `ERR_SEGMENT_DETACHED`, or why the member has lost its place. */
  checkAttached(): void {
    if (this.#isAttached) return;
    if (this.member.lost !== undefined) throw this.member.lost;
    throw new BgworkerError('ERR_SEGMENT_DETACHED', 'this segment was detached', {
      detail: this.name,
      hint: 'attach it again by its handle, if anybody still holds it',
    });
  }

  /** Throws `ERR_OUT_OF_SEGMENT`. */
  chunk(offsetBytes = 0, sizeBytes = this.sizeBytes - offsetBytes): Chunk {
    return chunkOf(this, offsetBytes, sizeBytes);
  }

  /** Gives back how to take it off the list again. */
  onDetach(callback: () => void): () => void {
    this.checkAttached();
    // Wrapped, so that the same function can be on the list twice.
    const entry = (): void => callback();
    this.#callbacks.push(entry);
    return () => {
      const index = this.#callbacks.indexOf(entry);
      if (index !== -1) this.#callbacks.splice(index, 1);
    };
  }

  /** Safe to call twice, and from inside a callback. What callbacks threw is given back. `isFailure`: see Leave. */
  detach({ isFailure = false } = {}): readonly unknown[] {
    if (!this.#isAttached) return [];
    const errors: unknown[] = [];
    for (let callback = this.#next(isFailure); callback !== undefined; callback = this.#next(isFailure)) {
      try {
        callback();
      } catch (error) {
        errors.push(error);
      }
    }
    // A callback may have come back here.
    if (!this.#isAttached) return errors;
    this.#isAttached = false;
    this.mapping.close();
    this.#release();
    return errors;
  }

  #next(isFailure: boolean): (() => void) | undefined {
    const callback = this.#callbacks.pop();
    if (callback !== undefined) return callback;
    const [leave] = this.busy;
    if (leave === undefined) return undefined;
    this.busy.delete(leave);
    return () => leave(isFailure);
  }
}
