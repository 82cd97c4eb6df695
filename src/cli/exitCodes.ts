/**
 * What the exit codes of `bgworker` mean. A worker that ran gives its own: its exit code, or 128 + n when signal n
 * ended it, as a shell has it. The others stand among the numbers of
 * sysexits.h, which no worker gives by accident.
 */
import { constants } from 'node:os';
import type { BgworkerError } from '../base/index.js';

/** The command line is wrong. */
export const EXIT_USAGE = 64;
/** Nobody there: no postmaster, or one of a version that does not fit, or it knows no such worker. */
export const EXIT_UNAVAILABLE = 69;
/** The worker could not be started. */
export const EXIT_NOT_STARTED = 70;
/** Our own fault. */
export const EXIT_SOFTWARE = 75;

export function exitCodeOf(error: BgworkerError): number {
  switch (error.code) {
    case 'ERR_POSTMASTER_DIED':
    case 'ERR_NO_POSTMASTER':
    case 'ERR_UNKNOWN_WORKER':
    case 'ERR_PROTOCOL_MISMATCH':
    case 'ERR_UNSUPPORTED_PLATFORM':
    case 'ERR_UNSUPPORTED_RUNTIME':
      return EXIT_UNAVAILABLE;
    case 'ERR_CANNOT_MAKE_DIRECTORY':
    case 'ERR_DIRECTORY_UNSAFE':
    case 'ERR_SOCKET_PATH_TOO_LONG':
      return EXIT_NOT_STARTED;
    default:
      return EXIT_USAGE;
  }
}

/** As a shell tells how a process ended. A failure is never 0, whatever code the process ended with. */
export function exitCodeOfEnd(code: number | null, signal: string | null, failed: boolean): number {
  if (signal !== null) return 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
  if (code === null || code === 0) return failed ? 1 : 0;
  return code;
}
