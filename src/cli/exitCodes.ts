/**
 * What the exit codes of `bgworker` mean. A worker that ran gives its own: its exit code, or 128 + n when signal n
 * ended it, as a shell has it (ending.ts). The others stand among the numbers of sysexits.h, which no worker gives by
 * accident, and 124 is what timeout(1) gives.
 */
import type { BgworkerError } from '../base/index.js';

/** The command line is wrong. */
export const EXIT_USAGE = 64;
/** Nobody there: no postmaster, or it knows no such worker. */
export const EXIT_UNAVAILABLE = 69;
/** The worker, or the postmaster, could not be started. */
export const EXIT_NOT_STARTED = 70;
/** Our output could not be written. */
export const EXIT_NO_OUTPUT = 74;
/** Our own fault. */
export const EXIT_SOFTWARE = 75;
/** `wait --timeout`: the time was over first. */
export const EXIT_TIMED_OUT = 124;
/** Whoever read our output is gone: 128 and the number of SIGPIPE, as of any program in a pipe. */
export const EXIT_BROKEN_PIPE = 141;

/** Every other error says that something about the request is wrong. */
const EXIT_CODES: { readonly [code: string]: number } = {
  ERR_POSTMASTER_DIED: EXIT_UNAVAILABLE,
  ERR_NO_POSTMASTER: EXIT_UNAVAILABLE,
  ERR_CANNOT_CONNECT: EXIT_UNAVAILABLE,
  ERR_NO_WELCOME: EXIT_UNAVAILABLE,
  ERR_PROTOCOL_MISMATCH: EXIT_UNAVAILABLE,
  ERR_SHUTTING_DOWN: EXIT_UNAVAILABLE,
  ERR_UNKNOWN_WORKER: EXIT_UNAVAILABLE,
  ERR_FOREIGN_HANDLE: EXIT_UNAVAILABLE,
  ERR_WORKER_ENDED: EXIT_UNAVAILABLE,
  ERR_NO_LOG: EXIT_UNAVAILABLE,
  ERR_UNSUPPORTED_PLATFORM: EXIT_UNAVAILABLE,
  ERR_UNSUPPORTED_RUNTIME: EXIT_UNAVAILABLE,
  ERR_CANNOT_FOLLOW: EXIT_UNAVAILABLE,
  ERR_NAME_TAKEN: EXIT_NOT_STARTED,
  ERR_TOO_MANY_WORKERS: EXIT_NOT_STARTED,
  ERR_TOO_MANY_WAITING: EXIT_NOT_STARTED,
  ERR_CANNOT_MAKE_DIRECTORY: EXIT_NOT_STARTED,
  ERR_DIRECTORY_UNSAFE: EXIT_NOT_STARTED,
  ERR_SOCKET_PATH_TOO_LONG: EXIT_NOT_STARTED,
  ERR_POSTMASTER_RUNNING: EXIT_NOT_STARTED,
  ERR_CANNOT_START_POSTMASTER: EXIT_NOT_STARTED,
  ERR_STRAYS_REMAIN: EXIT_NOT_STARTED,
  ERR_GUARDIAN_FAILED: EXIT_NOT_STARTED,
  ERR_BAD_FRAME: EXIT_SOFTWARE,
  ERR_BAD_MESSAGE: EXIT_SOFTWARE,
  ERR_FRAME_TOO_LONG: EXIT_SOFTWARE,
};

export function exitCodeOf({ code }: BgworkerError): number {
  return EXIT_CODES[code] ?? EXIT_USAGE;
}
