/**
 * What this worker waits for, told so that a look at it costs next to nothing: when it has lasted a while, and not before.
 * A blocking wait, during which no timer runs, begins here when it has (shm/member.ts) and is told at once. That a wait is
 * over is told if the wait was. So who waits a thousand times a second tells none of them, and who waits for an hour is
 * seen to.
 *
 * Of several waits at once the newest is shown, as far as it has lasted. A name is a worker's own affair; those of this
 * package stand in docs/wait-events.md.
 *
 * Model: pgstat_report_wait_start, which writes a word of shared memory that anybody may read.
 */
import type { WorkerMessage } from '../protocol/index.js';

/** As progress.ts: nobody sees more. */
const TOLD_AFTER_MS = 50;
/** Longer ones break the rule of the message. */
const MAX_NAME_LENGTH = 64;

type WaitEventMessage = Extract<WorkerMessage, { type: 'waitEvent' }>;

interface Wait {
  readonly event: string;
}

export class WaitEvents {
  readonly #tell: (message: WaitEventMessage) => void;
  /** In the order of their beginning. */
  readonly #waits = new Set<Wait>();
  /** What is shown. */
  #told: string | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (message: WaitEventMessage) => void) {
    this.#tell = tell;
  }

  /**
   * Gives what ends it, which may be called twice. `isBlocking`: the event loop stands still until then, and has done so
   * for as long as others wait before they are told.
   */
  begin(event: string, isBlocking = false): () => void {
    const wait: Wait = { event: event.slice(0, MAX_NAME_LENGTH) };
    this.#waits.add(wait);
    if (isBlocking) this.#show();
    else this.#showLater();
    return () => {
      if (!this.#waits.delete(wait)) return;
      // An older one goes on, and is shown when it is looked at again.
      if (this.#waits.size > 0) return this.#showLater();
      this.#show();
    };
  }

  #showLater(): void {
    this.#timer ??= setTimeout(() => this.#show(), TOLD_AFTER_MS).unref();
  }

  /** Tells the newest wait, or that there is none, unless that is what is shown. */
  #show(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const event = [...this.#waits].at(-1)?.event ?? null;
    if (event === this.#told) return;
    this.#told = event;
    this.#tell({ type: 'waitEvent', event });
  }
}
