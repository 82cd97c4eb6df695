/**
 * A backend's link to shared memory (memoryLink.ts says what that is): its questions go the way of all others, but nothing
 * except joining is asked again over another connection, and whoever listens is told of the loss of a connection once, when
 * it is known what it was.
 */
import { BgworkerError } from '../base/index.js';
import { encodeFrame } from '../protocol/index.js';
import type { Read } from './asking.js';
import { unexpected } from './asking.js';
import type { Greeting } from './connection.js';
import type { MemoryLink, MemoryQuestion } from './memoryLink.js';
import { ANSWERS } from './memoryLink.js';

/** What the link needs of a backend. */
export interface MemoryHost {
  greeting(): Greeting;
  ask<T>(question: MemoryQuestion, read: Read<T>, options: MemoryAskOptions): Promise<T>;
  tell(bytes: Buffer): void;
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
        // What waited for the next connection would be asked there by somebody who is no member yet.
        if (this.#isUntold && !OF_ANYBODY.includes(question.type)) return Promise.reject(connectionLost());
        // Over another connection we would be another member, so nothing but joining can be asked again there.
        return host.ask(question, readReply, { repeat: question.type === 'memoryJoin', signal });
      },
      tell: (message) => host.tell(encodeFrame(message)),
      onMemberGone: (listener) => enlist(this.#onMemberGone, listener),
      onLost: (listener) => enlist(this.#onLost, listener),
      descriptors: () => {
        // Others may have been told that we are gone, and nobody rings for us then: the event loop has to find out.
        if (this.#isUntold) throw interrupted();
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
    hint: 'attach to the segments again, if the postmaster lives: others were told that this process had left them',
  });
}

/** What need not be a member's question. */
const OF_ANYBODY: readonly MemoryQuestion['type'][] = ['memoryJoin', 'segmentList'];

function interrupted(): BgworkerError {
  return new BgworkerError('ERR_WAIT_INTERRUPTED', 'a blocking wait was interrupted', {
    detail: 'the connection to the postmaster broke',
    hint: 'let the event loop run, for example by await setImmediate() of node:timers/promises: it finds out why',
  });
}

function enlist<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
