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

/**
 * Everything that this package throws on purpose. The message is for people; programs look at `code`, and all codes
 * stand in docs/errors.md.
 */
export class BgworkerError extends Error {
  /** The name of the class. */
  override readonly name: string = 'BgworkerError';
  /** What happened, for programs: `ERR_…`. It stays what it is, whatever becomes of the message. */
  readonly code: string;
  /** The numbers, names and paths of it. */
  readonly detail: string | undefined;
  /** What to change so that it does not happen again. */
  readonly hint: string | undefined;

  /** @internal */
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
