/**
 * Ctrl-C and its kin, for a command that has something to put in order before it ends. The first one aborts the signal;
 * a second one ends the process as it would have without us, for then nothing is to be waited for any more.
 */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Interruption {
  readonly #controller = new AbortController();
  #by: (typeof SIGNALS)[number] | null = null;
  readonly #interrupted = (signal: NodeJS.Signals): void => {
    this.ignore();
    this.#by = SIGNALS.find((known) => known === signal) ?? null;
    this.#controller.abort(new Error(`interrupted by ${signal}`));
  };

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#interrupted);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** As a shell has it; null while nothing happened. */
  get exitCode(): number | null {
    return this.#by === null ? null : 128 + constants.signals[this.#by];
  }

  /** Safe to call twice. */
  ignore(): void {
    for (const signal of SIGNALS) process.off(signal, this.#interrupted);
  }
}
