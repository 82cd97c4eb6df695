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

makeProgram()
  .parseAsync()
  .catch((error: unknown) => {
    if (error instanceof CommanderError) {
      // Commander has printed what it had to say; help and version are no errors.
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
      return;
    }
    const told =
      error instanceof BgworkerError ? error.describe() : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`bgworker: ${told}\n`);
    process.exitCode = error instanceof BgworkerError ? exitCodeOf(error) : EXIT_SOFTWARE;
  })
  .finally(() => {
    process.exitCode = output.exitCode ?? process.exitCode;
  });
