/**
 * How far a run is, over all that take part: counted with each answer, and told to whoever asked for it at most twenty
 * times a second. What is held back is told a little later, so that it shows also while everybody waits for one item
 * that takes long; the last of it is told always.
 *
 * The listener is the user's. What it throws is nobody's fault among those who happen to count: it is given to `failed`,
 * and nothing more is told.
 */
import type { LongTimer } from '../base/index.js';
import { startLongTimer } from '../base/index.js';
import type { Progress } from './explain.js';

/** As with a worker's own progress: nobody sees more. */
const INTERVAL_MS = 50;

export class RunProgress {
  readonly #total: () => number | null;
  #listener: ((progress: Progress) => void) | undefined;
  readonly #failed: (error: unknown) => void;
  #done = 0;
  #told = 0;
  #pause: LongTimer | undefined;

  constructor(
    total: () => number | null,
    listener: ((progress: Progress) => void) | undefined,
    failed: (error: unknown) => void,
  ) {
    this.#total = total;
    this.#listener = listener;
    this.#failed = failed;
  }

  get now(): Progress {
    return { done: this.#done, total: this.#total() };
  }

  add(items: number): void {
    this.#done += items;
    if (this.#listener !== undefined && this.#pause === undefined) this.#tell();
  }

  /** Tells what is held back; nothing more comes. Safe to repeat. Throws what the listener throws. */
  end(): void {
    this.#pause?.stop();
    const isDue = this.#told !== this.#done;
    this.#told = this.#done;
    if (isDue) this.#listener?.(this.now);
  }

  #tell(): void {
    this.#told = this.#done;
    this.#pause = startLongTimer(INTERVAL_MS, () => this.#pauseIsOver(), { keepsAlive: false });
    try {
      this.#listener?.(this.now);
    } catch (error) {
      this.#listener = undefined;
      this.#failed(error);
    }
  }

  #pauseIsOver(): void {
    this.#pause = undefined;
    if (this.#told !== this.#done) this.#tell();
  }
}
