/**
 * `bgworker ps`: the workers that hold a slot, as a table for people or a line of JSON each for programs.
 * It asks once and shows what it is told. On a narrow terminal the columns that can be done without give way, and STATE
 * says what matters in words; where there is no terminal, nothing is left out and nothing is cut.
 */
import { Command } from 'commander';
import type { Activity, Spares } from '../../client/index.js';
import type { AttachOptions } from '../attached.js';
import { directoryOption, jsonLinesOption, withClient } from '../attached.js';
import { shortDuration } from '../moment.js';
import { paintFor } from '../paint.js';
import { clean, table, widthBefore } from '../table.js';
import { cut, widthOf } from '../width.js';

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
    const { columns = 0 } = process.stdout;
    const text = rows.length === 0 ? 'no background workers' : tableOf(rows, columns);
    process.stdout.write(`${text}\n${sparesText(await client.spares())}`);
    return 0;
  });
}

interface Column {
  readonly head: string;
  readonly cell: (row: Activity) => string;
  /** What most workers have: a column of nothing else tells nothing. */
  readonly usual?: string;
}

const COLUMNS: readonly Column[] = [
  { head: 'HANDLE', cell: ({ handle }) => handle },
  { head: 'NAME', cell: ({ name }) => clean(name) },
  { head: 'CLASS', cell: (row) => row.class, usual: 'default' },
  { head: 'STATUS', cell: ({ status }) => status },
  { head: 'PID', cell: ({ pid }) => (pid === null ? '-' : String(pid)) },
  { head: 'UP', cell: ({ forkedAt }) => (forkedAt === null ? '-' : shortDuration(Date.now() - forkedAt.getTime())) },
  { head: 'STARTS', cell: ({ attempts }) => String(attempts) },
  { head: 'PROGRESS', cell: ({ progress }) => (progress === null ? '-' : progressText(progress)), usual: '-' },
  { head: 'WAIT', cell: ({ waitEvent }) => (waitEvent === null ? '-' : clean(waitEvent)), usual: '-' },
  { head: 'STATE', cell: stateText },
];

/** Which give way on a narrow terminal, in this order, and up to which width of STATE they do. */
const DISPENSABLE: readonly (readonly [head: string, stateWidth: number])[] = [
  ['STATUS', 40],
  ['CLASS', 40],
  ['STARTS', 40],
  ['WAIT', 40],
  ['PROGRESS', 32],
  ['UP', 32],
  ['PID', 16],
];

export function tableOf(rows: readonly Activity[], columns: number): string {
  let shown = COLUMNS.filter(({ cell, usual }) => columns === 0 || rows.some((row) => cell(row) !== usual));
  const heads = (): string[] => shown.map(({ head }) => head);
  const cells = (): string[][] => rows.map((row) => shown.map(({ head, cell }) => fit(head, cell(row), columns)));
  const widestState = Math.max(...rows.map((row) => widthOf(clean(stateText(row)))));
  for (const [head, stateWidth] of columns === 0 ? [] : DISPENSABLE) {
    const room = columns - widthBefore(shown.length - 1, heads(), cells());
    if (room < Math.min(widestState, stateWidth)) shown = shown.filter((column) => column.head !== head);
  }
  const [first = '', ...rest] = table(heads(), cells(), columns).split('\n');
  return [paintFor(process.stdout)('head', first), ...rest].join('\n');
}

/** A name of 255 characters would leave no room for anything else. */
function fit(head: string, text: string, columns: number): string {
  return head === 'NAME' && columns > 0 ? cut(text, Math.max(16, Math.floor(columns / 4))) : text;
}

/** One that rests is asked about most: why? */
function stateText({ state, reason, phase, status }: Activity): string {
  if (reason === null || phase !== null || status !== 'stopped') return state;
  const { kind, signal, code } = reason;
  if (kind !== 'exited' && kind !== 'signaled') return `${kind}, ${state}`;
  return `${kind} ${signal ?? code ?? ''}, ${state}`;
}

function sparesText({ wanted, idle, booting, deaths, retryAt }: Spares): string {
  if (wanted + idle + booting + deaths === 0) return '';
  const trouble = retryAt === null ? '' : `; ${deaths} died by themselves, the log says why`;
  return `\nspares: ${idle} idle, ${booting} booting, ${wanted} wanted${trouble}\n`;
}

function progressText({ done, total }: { readonly done: number; readonly total: number | null }): string {
  return total === null || total === 0 ? String(done) : `${done}/${total} (${Math.floor((100 * done) / total)}%)`;
}
