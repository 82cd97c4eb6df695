#!/usr/bin/env node
/**
 * The command `bgworker`: reads what was asked, runs one command, and turns every error into lines on standard error
 * and an exit code that exitCodes.ts names. The commands are in program.ts; the library does the work.
 */
import { CommanderError } from 'commander';
import { BgworkerError } from '../base/index.js';
import { EXIT_SOFTWARE, EXIT_USAGE, exitCodeOf } from './exitCodes.js';
import { makeProgram } from './program.js';
import { output } from './standardOutput.js';
import { clean } from './table.js';

/** Every relative path is meant from there, and the search for a configuration begins there. */
const CWD_GONE = new BgworkerError('ERR_USAGE', 'the working directory is no longer there', {
  hint: 'it was removed, or replaced by a new one of its name: cd into one that is there',
});

makeProgram()
  .parseAsync()
  .catch((error: unknown) => {
    if (error instanceof CommanderError) {
      // Commander has printed what it had to say; help and version are no errors.
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
      return;
    }
    const known = isCwdGone(error) ? CWD_GONE : error;
    const told =
      known instanceof BgworkerError ? known.describe() : known instanceof Error ? known.stack : String(known);
    // The name of a worker may stand in it, and must not move the cursor.
    process.stderr.write(`bgworker: ${String(told).split('\n').map(clean).join('\n')}\n`);
    process.exitCode = known instanceof BgworkerError ? exitCodeOf(known) : EXIT_SOFTWARE;
  })
  .finally(() => {
    process.exitCode = output.exitCode ?? process.exitCode;
  });

function isCwdGone(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && error.syscall === 'uv_cwd';
}
