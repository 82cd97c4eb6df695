/**
 * The lines of a log, as a test finds them: those of the postmaster from its `logLevel` on, and what workers say through
 * `ctx.log`, as a real postmaster would hand them to a logger. All of them are kept.
 */
import type { Logger } from '../client/index.js';
import type { Settings } from '../postmaster/index.js';
import { Log } from '../postmaster/index.js';
import type { LogLevel } from '../protocol/index.js';

/** One line of the postmaster's log, or of `ctx.log`. */
export interface LogLine {
  /** As pino names it. */
  readonly level: LogLevel;
  /** Its text. */
  readonly message: string;
  /** What stands beside it. */
  readonly fields: { readonly [name: string]: unknown };
}

/** A log that writes to `lines`, and to a logger of the test's own. */
export function recordingLog(lines: LogLine[], logger: Logger | undefined, level: Settings['logLevel']): Log {
  return new Log((level, message, fields) => {
    lines.push({ level, message, fields });
    logger?.[level](fields, message);
  }, level);
}
