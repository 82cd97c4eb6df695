/**
 * When a fake postmaster has come to rest: a whole turn of the event loop in which nothing of it moved. What follows
 * from promises alone has followed by then; what waits for the world outside (a file, a network, a timer of the
 * process) has not, and nobody here waits for that, but for a worker's module that is being loaded.
 *
 * The turn is one of the event loop itself, whatever a test runner puts in the place of the timers meanwhile.
 */
import { clearImmediate, setImmediate } from 'node:timers';
import { BgworkerError } from '../base/index.js';

/** Whoever is not at rest by then starts or sleeps for no time at all, again and again. */
const MAX_TURNS = 10_000;

/** Those of this moment: a runner that fakes timers replaces what `node:timers` has, too. */
const [takeTurn, dropTurn] = [setImmediate, clearImmediate];

export class Quiet {
  #moves = 0;
  readonly #loading = new Set<Promise<unknown>>();

  /** Something has moved: bytes, a fact, a timer. */
  moved(): void {
    this.#moves += 1;
  }

  /** Nothing is at rest before this is settled. */
  during(loading: Promise<unknown>): void {
    const over: Promise<unknown> = loading.catch(() => {}).finally(() => this.#loading.delete(over));
    this.#loading.add(over);
  }

  /** In the next turn of the event loop, behind all that is to be done in this one. */
  soon(act: () => void): () => void {
    const turn = takeTurn(() => {
      this.moved();
      act();
    });
    return () => dropTurn(turn);
  }

  /** Throws `ERR_NOT_AT_REST`. */
  async whenQuiet(): Promise<void> {
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const moves = this.#moves;
      await new Promise<void>((resolve) => takeTurn(() => resolve()));
      if (this.#loading.size > 0) await Promise.all(this.#loading);
      else if (this.#moves === moves) return;
    }
    throw new BgworkerError('ERR_NOT_AT_REST', 'the workers do not come to rest', {
      detail: `something has happened in each of ${MAX_TURNS} turns of the event loop, without the clock moving`,
      hint: 'give the worker a restartTimeMs, or let what it does again and again wait for ctx.sleep(ms)',
    });
  }
}
