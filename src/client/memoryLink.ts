/**
 * What shared memory needs of a client, and nothing more: questions about segments, news of members that are gone, the
 * loss of the connection, and what a blocking wait has to look at besides its own bell. src/dsm gets one from a client by
 * `memoryLinkOf`. Only what it is stands here; what a backend makes it of is in memory.ts.
 *
 * **A connection that is lost is a member that is gone.** The postmaster drops its references and tells the others, whether
 * the process lives or not. So the loss is told as soon as it is known what it was, and at the latest when the first
 * attempt to ask has got no answer; after that the link can be used again, and who joins then is another member.
 */
import type { BgworkerError } from '../base/index.js';
import type { MemoryMessage, Reply } from '../protocol/index.js';

type Asking = Extract<MemoryMessage, { readonly request: number }>;

/** A question about shared memory, before it has a number. */
export type MemoryQuestion = Asking extends infer Q ? (Q extends Asking ? Omit<Q, 'request'> : never) : never;

/** What each question is answered with. */
export const ANSWERS = {
  memoryJoin: 'memory',
  segmentCreate: 'segment',
  segmentNamed: 'segment',
  segmentInitialised: 'done',
  segmentAttach: 'segment',
  segmentPin: 'done',
  segmentUnpin: 'done',
  segmentList: 'segments',
} as const satisfies { readonly [Type in Asking['type']]: Reply['type'] };

/** What the postmaster answers to a question, if it does not refuse. */
export type MemoryAnswer<Type extends Asking['type'] = Asking['type']> = Extract<
  Reply,
  { readonly type: (typeof ANSWERS)[Type] }
>;

/** The way from shared memory to the postmaster. */
export interface MemoryLink {
  /** The postmaster's directory. */
  readonly directory: string;
  /** Which postmaster it is. */
  readonly epoch: string;

  /**
   * Asks. `read` is called while the bytes are read, before any news behind the answer is told; its value is what the
   * promise resolves with. Rejects with the postmaster's refusal, with `ERR_UNSURE` when the connection broke before the
   * answer, with what ended the connection, and with the signal's reason.
   *
   * After an abort the question is withdrawn, but the answer may be under way: then `read` is called all the same, and has
   * to give back what nobody wants any more.
   */
  ask<Type extends Asking['type'], T>(
    question: Extract<MemoryQuestion, { readonly type: Type }>,
    read: (answer: MemoryAnswer<Type>) => T,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<T>;

  /** Needs no answer. Told to nobody while there is no connection: it would be about one that is gone. */
  tell(message: Extract<MemoryMessage, { readonly type: 'segmentDetach' }>): void;

  /** Calls `listener` while the bytes are read that say that a member is gone with whom we shared a segment. */
  onMemberGone(listener: (member: number) => void): () => void;

  /** Calls `listener` when we are no member any more, with the reason why: whatever was attached is lost. */
  onLost(listener: (error: BgworkerError) => void): () => void;

  /**
   * Descriptors on which the postmaster tells this process something: a blocking wait has to end when one of them can be
   * read, so that the event loop can read it. The connection's, and in a worker the one of its orders. Throws
   * `ERR_WAIT_INTERRUPTED` while the connection is lost and nobody knows yet what that means.
   */
  descriptors(): readonly number[];
}

/** Under this name a client gives its link, also one of another copy of the package. */
export const linkToMemory: unique symbol = Symbol.for('bgworker.memoryLink');

/** Under this name a handle gives its worker, also one of another copy of the package. */
export const linkToPeer: unique symbol = Symbol.for('bgworker.peerLink');
