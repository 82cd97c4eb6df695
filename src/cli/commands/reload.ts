/**
 * `bgworker reload`: the configuration is read again, every worker is told, and what changed is said. What is wrong with
 * the configuration is an error, and then nothing has changed.
 */
import { Command } from 'commander';
import type { ReloadReport, SettingChange } from '../../protocol/index.js';
import type { AttachOptions } from '../attached.js';
import { directoryOption, jsonOption, withClient } from '../attached.js';
import { clean } from '../table.js';

export function reloadCommand(): Command {
  return new Command('reload')
    .description('read the configuration again, and say what changed')
    .addOption(directoryOption())
    .addOption(jsonOption())
    .action(reload);
}

function reload(options: AttachOptions): Promise<void> {
  return withClient(options, async (client) => {
    const report = await client.reload();
    if (options.json === true) process.stdout.write(`${JSON.stringify(report)}\n`);
    else process.stdout.write(`${[...linesOf(report), 'every worker was told to reload'].join('\n')}\n`);
    return 0;
  });
}

type Change = ReloadReport['workers'][number];

const IN_WORDS: { readonly [change in Change['change']]: string | null } = {
  started: 'started',
  startedAgain: 'started again',
  replaced: 'replaced, since its definition changed',
  stopped: 'stopped, since it is no longer listed',
  leftEnded: 'left as it is: it has ended',
  waitsForSlot: 'starts when there is a slot for it',
  unchanged: null,
};

function linesOf({ changed, needRestart, workers }: ReloadReport): readonly string[] {
  const settings = changed.map((change) => `${change.name}: ${inWords(change)}`);
  const later = needRestart.map((change) => `${change.name}: ${inWords(change)}, only after bgworker stop and start`);
  const told = workers.flatMap(({ name, change, ended }) => {
    // A newer postmaster may have more words: they are shown as they came.
    const words = Object.hasOwn(IN_WORDS, change) ? IN_WORDS[change] : change;
    return words === null ? [] : [`worker ${clean(name)}: ${words}${ended === null ? '' : ` (${ended})`}`];
  });
  const lines = [...settings, ...later, ...told];
  return lines.length === 0 ? ['nothing changed'] : lines;
}

function inWords({ from, to }: SettingChange): string {
  return `${JSON.stringify(from)} → ${JSON.stringify(to)}`;
}
