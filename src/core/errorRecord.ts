/**
 * An error as plain data: what is left of it on its way between processes. `v8.serialize` of an Error written by Node
 * 20 cannot be read by 22 and later, and loses `code`; so errors travel in this form of our own and no postmaster ever
 * makes a live object from what users threw.
 *
 * protocol/errors.ts turns thrown values into records and back; here is only the shape, since stop reasons carry it.
 */
export interface ErrorRecord {
  /** `TypeError`, … */
  readonly name: string;
  /** What it said. */
  readonly message: string;
  /** Where it was thrown, in its own process. */
  readonly stack?: string;
  /** `ENOENT`, … */
  readonly code?: string | number;
  /** The error behind it. */
  readonly cause?: ErrorRecord;
  /** Of an AggregateError. */
  readonly errors?: readonly ErrorRecord[];
  /** The error's other own enumerable fields, as far as JSON can say them. */
  readonly fields?: { readonly [name: string]: unknown };
}
