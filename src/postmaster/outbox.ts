/**
 * Who has something to be written, and when that is done: at once, or at the end of the batch under way, so that many
 * messages for one reader are one write. Batches may lie in each other; the outermost counts.
 */
export interface Writer {
  flush(): void;
}

export class Outbox {
  readonly #waiting = new Set<Writer>();
  #depth = 0;

  add(writer: Writer): void {
    if (this.#depth === 0) writer.flush();
    else this.#waiting.add(writer);
  }

  batch<Result>(act: () => Result): Result {
    this.#depth += 1;
    try {
      return act();
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0) this.flush();
    }
  }

  flush(): void {
    for (const writer of this.#waiting) {
      this.#waiting.delete(writer);
      writer.flush();
    }
  }
}
