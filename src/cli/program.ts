/**
 * The command `bgworker` with all its subcommands, each of which is a file of its own that says its words and does its
 * work. Whatever is heavy is imported when a command needs it.
 */
import { Command } from 'commander';
import { checkPlatform } from '../client/index.js';
import { PACKAGE_VERSION } from '../protocol/index.js';
import { doctorCommand } from './commands/doctor.js';
import { psCommand } from './commands/ps.js';
import { reloadCommand } from './commands/reload.js';
import { runCommand } from './commands/run.js';
import { startCommand } from './commands/start.js';
import { statusCommand } from './commands/status.js';
import { stopCommand } from './commands/stop.js';

/** In the order in which help lists them. */
const COMMANDS = [runCommand, startCommand, stopCommand, reloadCommand, statusCommand, psCommand, doctorCommand];

export function makeProgram(): Command {
  const program = new Command('bgworker')
    .description('Background workers: start one and know whether it was started, and why it stopped.')
    .version(PACKAGE_VERSION)
    // Help and version are for everybody.
    .hook('preAction', checkPlatform);
  for (const make of COMMANDS) program.addCommand(make());
  for (const command of [program, ...program.commands]) {
    command.showHelpAfterError('(bgworker --help tells more)').exitOverride();
  }
  return program;
}
