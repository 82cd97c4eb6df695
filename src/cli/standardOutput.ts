/**
 * Standard output, as a program among others has it. Whoever reads it may be slow: then the next line is made when the
 * last one has been taken, and nothing grows here. He may be gone, as `head` is when it has its lines: any other
 * program is ended by SIGPIPE then, which Node ignores, so we end by ourselves, without a word, and with its code.
 */
import { once } from 'node:events';
import { EXIT_BROKEN_PIPE, EXIT_NO_OUTPUT } from './exitCodes.js';

export async function printLine(text: string): Promise<void> {
  if (!process.stdout.write(`${text}\n`)) await once(process.stdout, 'drain');
}

export class Output {
  #exitCode: number | null = null;
  #putInOrder: (() => void) | null = null;
  #isNeeded = true;

  constructor() {
    for (const stream of [process.stdout, process.stderr]) stream.on('error', (error) => this.#failed(error));
  }

  /** Once something is wrong with it; it outweighs every other. */
  get exitCode(): number | null {
    return this.#exitCode;
  }

  /** For one that goes on without. */
  ignoreLoss(): void {
    this.#isNeeded = false;
  }

  /** A command that has something to put in order does so when the output is lost, and ends by itself. */
  onLoss(putInOrder: () => void): void {
    this.#putInOrder = putInOrder;
  }

  #failed({ code, message }: NodeJS.ErrnoException): void {
    // Of everything that is written from now on, the same is told again.
    if (this.#exitCode !== null || !this.#isNeeded) return;
    this.#exitCode = code === 'EPIPE' ? EXIT_BROKEN_PIPE : EXIT_NO_OUTPUT;
    if (code !== 'EPIPE') process.stderr.write(`bgworker: the output cannot be written: ${message}\n`);
    if (this.#putInOrder === null) process.exit(this.#exitCode);
    this.#putInOrder();
  }
}

/** There is one. */
export const output = new Output();
