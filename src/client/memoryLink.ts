/**
 * What shared memory needs of a client, and nothing more: questions about segments, news of members that are gone, the
 * loss of the connection, and what a blocking wait has to look at besides its own bell. src/dsm gets one from a client by
 * `memoryLinkOf`; the conversation itself is backend.ts's.
 *
 * **A connection that is lost is a member that is gone.** The postmaster drops its references and tells the others, whether
 * the process lives or not. So the loss is told as soon as it is known what it was, and at the latest when the first
 * attempt to ask has got no answer; after that the link can be used again, and who joins then is another member.
 */
import { BgworkerError } from '../base/index.js';
import type { MemoryMessage, Reply } from '../protocol/index.js';
import { encodeFrame } from '../protocol/index.js';
import type { Read } from './asking.js';
import { unexpected } from './asking.js';
import type { Greeting } from './connection.js';

type Asking = Extract<MemoryMessage, { readonly request: number }>;

/** A question about shared memory, before it has a number. */
export type MemoryQuestion = Asking extends infer Q ? (Q extends Asking ? Omit<Q, 'request'> : never) : never;

/** What each question is answered with. */
const ANSWERS = {
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

  /** Keeps the process alive until the release, which may be called twice. */
  hold(): () => void;

  /**
   * Descriptors on which the postmaster tells this process something: a blocking wait has to end when one of them can be
   * read, so that the event loop can read it. The connection's, and in a worker the one of its orders.
   */
  descriptors(): readonly number[];
}

/** Under this name a client gives its link, also one of another copy of the package. */
export const linkToMemory: unique symbol = Symbol.for('bgworker.memoryLink');

/** Under this name a handle gives its worker, also one of another copy of the package. */
export const linkToPeer: unique symbol = Symbol.for('bgworker.peerLink');

/** What the link needs of a backend. */
export interface MemoryHost {
  greeting(): Greeting;
  ask<T>(question: MemoryQuestion, read: Read<T>, options: MemoryAskOptions): Promise<T>;
  tell(bytes: Buffer): void;
  hold(): () => void;
  /** Of the socket; -1 while there is none. */
  descriptor(): number;
}

interface MemoryAskOptions {
  readonly repeat: boolean;
  readonly signal: AbortSignal | undefined;
}

/** A backend's link, who listens to it, and whether there is something to tell them. */
export class Memory {
  readonly link: MemoryLink;
  readonly #onMemberGone = new Set<(member: number) => void>();
  readonly #onLost = new Set<(error: BgworkerError) => void>();
  /** The connection was lost, and nobody has been told. */
  #isUntold = false;

  constructor(host: MemoryHost) {
    this.link = {
      get directory() {
        return host.greeting().directory;
      },
      get epoch() {
        return host.greeting().epoch;
      },
      ask: (question, read, { signal } = {}) => {
        const readReply: Read<ReturnType<typeof read>> = (reply) => {
          if (reply.type !== ANSWERS[question.type]) throw unexpected(reply);
          return read(reply as Parameters<typeof read>[0]);
        };
        // Over another connection we would be another member, so nothing but joining can be asked again there.
        return host.ask(question, readReply, { repeat: question.type === 'memoryJoin', signal });
      },
      tell: (message) => host.tell(encodeFrame(message)),
      onMemberGone: (listener) => enlist(this.#onMemberGone, listener),
      onLost: (listener) => enlist(this.#onLost, listener),
      hold: () => host.hold(),
      descriptors: () => {
        const descriptor = host.descriptor();
        return descriptor === -1 ? [] : [descriptor];
      },
    };
  }

  memberGone(member: number): void {
    for (const listener of [...this.#onMemberGone]) listener(member);
  }

  /** Why is not known yet. */
  connectionLost(): void {
    this.#isUntold = true;
  }

  /** `error` where it is known why; without it the postmaster lives, or nobody knows. */
  tellLoss(error: BgworkerError = connectionLost()): void {
    if (!this.#isUntold) return;
    this.#isUntold = false;
    for (const listener of [...this.#onLost]) listener(error);
  }
}

function connectionLost(): BgworkerError {
  return new BgworkerError('ERR_MEMORY_LOST', 'the connection to the postmaster broke, and all shared memory with it', {
    hint: 'attach to the segments again: others were told that this process had left them',
  });
}

function enlist<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
