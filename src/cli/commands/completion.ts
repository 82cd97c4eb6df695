/**
 * `bgworker completion`: prints what a shell needs to complete the command line. It changes nothing by itself; the
 * shell's own start file is where it is read.
 */
import { Argument, Command } from 'commander';
import { bashCompletion } from '../bashCompletion.js';

export function completionCommand(): Command {
  const command = new Command('completion')
    .description('print the completion for a shell')
    .addArgument(new Argument('<shell>', 'which one').choices(['bash']));
  return command.action(() => {
    process.stdout.write(bashCompletion(command.parent ?? command));
  });
}
