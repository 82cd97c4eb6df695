/**
 * The lines of a log, as a test finds them: those of the postmaster from its `logLevel` on, and what workers say through
 * `ctx.log`, as a real postmaster would hand them to a logger. All of them are kept.
 */
import type { Logger } from '../client/index.js';
import type { Settings } from '../postmaster/index.js';
import { Log } from '../postmaster/index.js';
import type { LogLevel } from '../protocol/index.js';

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: { readonly [name: string]: unknown };
}

/** A log that writes to `lines`, and to a logger of the test's own. */
export function recordingLog(lines: LogLine[], logger: Logger | undefined, level: Settings['logLevel']): Log {
  return new Log((level, message, fields) => {
    lines.push({ level, message, fields });
    logger?.[level](fields, message);
  }, level);
}
