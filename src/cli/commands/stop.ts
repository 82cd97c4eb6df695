/**
 * `bgworker stop`: shuts the postmaster down and waits until it is gone and its directory free, so that the next one can
 * be started at once. This command's own connection does not hold up a smart shutdown, and a postmaster of any version
 * obeys it: with others than its neighbours it is what an update needs.
 */
import { Command, Option } from 'commander';
import type { ShutdownMode } from '../../core/index.js';
import type { AttachOptions } from '../attached.js';
import { directoryOption, jsonOption, withClient } from '../attached.js';

interface StopOptions extends AttachOptions {
  readonly mode: ShutdownMode;
}

export function stopCommand(): Command {
  return new Command('stop')
    .description('shut the postmaster down, and wait until it is gone')
    .addOption(
      new Option(
        '-m, --mode <mode>',
        'smart: when the last client has left; fast: asks the workers to stop; immediate: kills them',
      )
        .choices(['smart', 'fast', 'immediate'])
        .default('fast'),
    )
    .addOption(directoryOption())
    .addOption(jsonOption())
    .action(stop);
}

function stop(options: StopOptions): Promise<void> {
  return withClient({ ...options, purpose: 'shutdown' }, async (client) => {
    const { postmasterPid: pid, epoch, directory } = client;
    await client.shutdown(options.mode, { until: 'gone' });
    const stopped = { pid, epoch, directory, mode: options.mode };
    const text =
      options.json === true ? JSON.stringify(stopped) : `postmaster stopped: process ${pid}, in ${directory}`;
    process.stdout.write(`${text}\n`);
    return 0;
  });
}
