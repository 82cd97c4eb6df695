/**
 * `ctx.progress`: how far a worker is, told at most so many times a second. The first is told at once, the newest of
 * those that follow when the interval is over, and the last one before the worker's last word (`flush`). A busy loop
 * that never lets a timer fire tells its progress too, since every call looks at the clock.
 */
import type { WorkerMessage } from '../protocol/index.js';

/** Twenty times a second: nobody sees more. */
const INTERVAL_MS = 50;

type ProgressMessage = Extract<WorkerMessage, { type: 'progress' }>;

export class Progress {
  readonly #tell: (message: ProgressMessage) => void;
  #toldAt = -INTERVAL_MS;
  #pending: ProgressMessage | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (message: ProgressMessage) => void) {
    this.#tell = tell;
  }

  report(done: number, total: number | null): void {
    if (!Number.isFinite(done) || !(total === null || Number.isFinite(total))) {
      throw new TypeError(`progress is a finite number, or two: got ${String(done)} of ${String(total)}`);
    }
    this.#pending = { type: 'progress', done, total };
    const waitMs = this.#toldAt + INTERVAL_MS - performance.now();
    if (waitMs <= 0) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), waitMs).unref();
  }

  /** Tells what is held back. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending === null) return;
    const message = this.#pending;
    this.#pending = null;
    this.#toldAt = performance.now();
    this.#tell(message);
  }
}
