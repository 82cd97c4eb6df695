/**
 * The first thing that went wrong in parallel work. It is what everybody is told, however much goes wrong after it: one
 * worker's death often is the end of others (R-PAR-21).
 */
export class FirstFailure {
  #error: Error | undefined;
  readonly #listeners = new Set<(error: Error) => void>();

  /** Undefined as long as nothing went wrong. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Only the first counts. */
  set(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    for (const listener of [...this.#listeners]) listener(error);
    this.#listeners.clear();
  }

  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** Calls once, while it is being told. Gives back how to stop listening. */
  listen(listener: (error: Error) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
