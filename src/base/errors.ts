/**
 * The one error class of the package. Whoever catches a `BgworkerError` may rely on `code`; the message is for people:
 * short, lower case, without numbers. What was counted or named stands in `detail`, what to change in `hint`.
 *
 * Programming mistakes of our own are not errors of this kind: see assert.ts.
 */

export interface ErrorOptions {
  /** Numbers, names, paths: what a reader needs to see what happened. */
  readonly detail?: string;
  /** What to change so that it does not happen again. */
  readonly hint?: string;
  readonly cause?: unknown;
}

export class BgworkerError extends Error {
  override readonly name: string = 'BgworkerError';
  readonly code: string;
  readonly detail: string | undefined;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
    this.hint = options.hint;
  }

  /** The whole of it on a few lines, as the CLI and the log print it. */
  describe(): string {
    const lines = [`${this.message} (${this.code})`];
    if (this.detail !== undefined) lines.push(`detail: ${this.detail}`);
    if (this.hint !== undefined) lines.push(`hint: ${this.hint}`);
    return lines.join('\n');
  }
}
