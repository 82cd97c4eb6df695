/**
 * The command `bgworker` with all its subcommands, each of which is a file of its own that says its words and does its
 * work. Whatever is heavy is imported when a command needs it.
 */
import { Command } from 'commander';
import { checkPlatform } from '../client/index.js';
import { PACKAGE_VERSION } from '../protocol/index.js';
import { completionCommand } from './commands/completion.js';
import { doctorCommand } from './commands/doctor.js';
import { eventsCommand } from './commands/events.js';
import { launchCommand } from './commands/launch.js';
import { logsCommand } from './commands/logs.js';
import { psCommand } from './commands/ps.js';
import { reloadCommand } from './commands/reload.js';
import { restartCommand } from './commands/restart.js';
import { runCommand } from './commands/run.js';
import { startCommand } from './commands/start.js';
import { statusCommand } from './commands/status.js';
import { stopCommand } from './commands/stop.js';
import { terminateCommand } from './commands/terminate.js';
import { waitCommand } from './commands/wait.js';

/** In the order of the help. */
const COMMANDS: readonly (() => Command)[] = [
  runCommand,
  startCommand,
  stopCommand,
  reloadCommand,
  statusCommand,
  logsCommand,
  doctorCommand,
  launchCommand,
  waitCommand,
  terminateCommand,
  restartCommand,
  psCommand,
  eventsCommand,
  completionCommand,
];

export function makeProgram(): Command {
  const program = new Command('bgworker')
    .usage('<command> …')
    .description('Background workers: start one and know whether it was started, and why it stopped.')
    .version(PACKAGE_VERSION)
    // Help and version are for everybody.
    .hook('preAction', checkPlatform)
    .configureHelp({
      // One line for each, so that all of them are on one screen; the help of a command has its options.
      subcommandTerm: (command) => command.name(),
      visibleCommands: ({ commands }) => [...commands],
    })
    .showHelpAfterError('(bgworker --help tells more)')
    .addHelpText('after', '\nFor a start: bgworker run ./jobs.js#prune --set days=30')
    .exitOverride();
  for (const make of COMMANDS) {
    const command = make();
    const name = `bgworker ${command.name()}`;
    command.showHelpAfterError(`usage: ${name} ${command.usage()}\n(${name} --help tells more)`).exitOverride();
    program.addCommand(command);
  }
  return program;
}
