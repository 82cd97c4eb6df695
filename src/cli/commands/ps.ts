/**
 * `bgworker ps`: the workers that hold a slot, as a table for people or a line of JSON each for programs.
 * It asks once and shows what it is told; what workers themselves said of their names is cleaned before it is shown.
 */
import { Command } from 'commander';
import type { Spares } from '../../client/index.js';
import type { AttachOptions } from '../attached.js';
import { directoryOption, jsonLinesOption, withClient } from '../attached.js';
import { clean, table } from '../table.js';

export function psCommand(): Command {
  return new Command('ps')
    .description('list the workers of a postmaster')
    .addOption(directoryOption())
    .addOption(jsonLinesOption())
    .action(ps);
}

function ps(options: AttachOptions): Promise<void> {
  return withClient(options, async (client) => {
    const rows = await client.activity();
    if (options.json === true) {
      for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
      return 0;
    }
    const heads = ['HANDLE', 'NAME', 'CLASS', 'STATUS', 'PID', 'STARTS', 'PROGRESS', 'STATE'];
    const cells = rows.map((row) => [
      row.handle,
      clean(row.name),
      row.class,
      row.status,
      row.pid === null ? '-' : String(row.pid),
      String(row.attempts),
      row.progress === null ? '-' : progressText(row.progress),
      row.state,
    ]);
    const text = rows.length === 0 ? 'no background workers' : table(heads, cells, process.stdout.columns ?? 0);
    process.stdout.write(`${text}\n${sparesText(await client.spares())}`);
    return 0;
  });
}

function sparesText({ wanted, idle, booting, deaths, retryAt }: Spares): string {
  if (wanted + idle + booting + deaths === 0) return '';
  const trouble = retryAt === null ? '' : `; ${deaths} died by themselves, the log says why`;
  return `\nspares: ${idle} idle, ${booting} booting, ${wanted} wanted${trouble}\n`;
}

function progressText({ done, total }: { readonly done: number; readonly total: number | null }): string {
  return total === null || total === 0 ? String(done) : `${done}/${total} (${Math.floor((100 * done) / total)}%)`;
}
