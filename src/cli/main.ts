#!/usr/bin/env node
/**
 * The command `bgworker`: reads what was asked, runs one command, and turns every error into lines on standard error
 * and an exit code that exitCodes.ts names. Each command is a file of its own; the library does the work.
 */
import { Command, CommanderError, Option } from 'commander';
import { BgworkerError } from '../base/index.js';
import { PACKAGE_VERSION } from '../protocol/index.js';
import { ps } from './commands/ps.js';
import { run } from './commands/run.js';
import { EXIT_SOFTWARE, EXIT_USAGE, exitCodeOf } from './exitCodes.js';

const program = new Command('bgworker')
  .description('Background workers: start one and know whether it was started, and why it stopped.')
  .version(PACKAGE_VERSION)
  .showHelpAfterError('(bgworker --help tells more)')
  .exitOverride();

program
  .command('run')
  .description('run a worker here, and exit as it does')
  .argument('<module>', 'path of the module, and after a # the export to call: ./jobs.js#prune')
  .argument('[args...]', 'with --script: what the script finds in process.argv')
  .option('--arg <json>', 'the argument of the function, as JSON; - reads it from standard input')
  .option('--set <key=value...>', 'an argument of the function that is an object of these fields')
  .option('--script', 'run the module as a program: nothing is called, it ends when its event loop is empty')
  .addOption(
    new Option('--until <phase>', 'what counts as started').choices(['forked', 'running', 'ready']).default('running'),
  )
  .option('--max-run-ms <ms>', 'end it when it has run so long')
  .option('--json', 'print one JSON object as the last line of standard output')
  .action(async (module: string, args: string[], options) => {
    process.exitCode = await run(module, args, options);
  });

program
  .command('ps')
  .description('list the workers of a postmaster')
  .option('--directory <path>', 'the directory of the postmaster; default: BGWORKER_DIR, then the one of this user')
  .option('--json', 'print one JSON object a line')
  .action(async (options) => {
    process.exitCode = await ps(options);
  });

program.parseAsync().catch((error: unknown) => {
  if (error instanceof CommanderError) {
    // Commander has printed what it had to say; help and version are no errors.
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
    return;
  }
  const told = error instanceof BgworkerError ? error.describe() : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`bgworker: ${told}\n`);
  process.exitCode = error instanceof BgworkerError ? exitCodeOf(error) : EXIT_SOFTWARE;
});
