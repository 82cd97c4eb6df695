/**
 * How far a gather is, over all its participants: the sum of what each of them has said last of its own share; and where nobody
 * says anything and there is a scan, how many of its blocks were handed out. Of shares nobody has spoken of nothing is known.
 */
import type { BlockScan } from './blockScan.js';
import type { Progress } from './explain.js';

export class GatherProgress {
  readonly #scan: BlockScan | undefined;
  readonly #listener: ((progress: Progress) => void) | undefined;
  #latest: Progress | null = null;
  /** What each has said last, by its number. */
  readonly #told = new Map<number, Progress>();
  #isOver = false;

  constructor(scan: BlockScan | undefined, listener: ((progress: Progress) => void) | undefined) {
    this.#scan = scan;
    this.#listener = listener;
  }

  /** Null when nothing is known. */
  get latest(): Progress | null {
    return this.#latest;
  }

  /** A worker has said it. Holds on to nothing else, so that a run that is forgotten is garbage, and its context too. */
  readonly hear = (number: number, progress: Progress): void => this.tell(number, progress);

  /** A participant has said it, of its own share. */
  tell(number: number, progress: Progress): void {
    this.#told.set(number, progress);
    this.#set(sumOf(this.#told.values()));
  }

  /** Looks how far the scan is; seldom enough that it costs nothing. */
  look(): void {
    if (this.#scan === undefined || this.#told.size > 0) return;
    const done = this.#scan.allocated;
    if (done !== this.#latest?.done) this.#set({ done, total: this.#scan.blocks });
  }

  /** The run is over: what the leader's plan, which may not have stopped, still says is nobody's. */
  end(): void {
    this.#isOver = true;
  }

  #set(progress: Progress): void {
    if (this.#isOver) return;
    this.#latest = progress;
    this.#listener?.(progress);
  }
}

/** The total is known where everybody knows his. */
function sumOf(all: Iterable<Progress>): Progress {
  let [doneOfAll, totalOfAll]: [number, number | null] = [0, 0];
  for (const { done, total } of all) {
    doneOfAll += done;
    totalOfAll = total === null || totalOfAll === null ? null : totalOfAll + total;
  }
  return { done: doneOfAll, total: totalOfAll };
}
