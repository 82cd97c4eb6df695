/**
 * A line of the postmaster's log for people. It is one of three things: a line of the postmaster or of `ctx.log`, as
 * JSON with pino's fields; what a worker printed, in such a line; or what a worker printed, as it is. None of them
 * may move the cursor of whoever reads it.
 */
import { stripVTControlCharacters } from 'node:util';
import type { ErrorRecord } from '../../core/index.js';
import { describeError, titleOf } from '../failure/stack.js';
import { day, timeOfDay } from '../moment.js';
import type { Paint } from '../paint.js';
import { clean } from '../table.js';

/** Pino's levels, and how loud each is. */
const LEVELS: { readonly [level: number]: readonly [word: string, paint: Paint] } = {
  10: ['TRACE', 'plain'],
  20: ['DEBUG', 'plain'],
  30: ['INFO', 'plain'],
  40: ['WARN', 'warning'],
  50: ['ERROR', 'failure'],
  60: ['FATAL', 'failure'],
};

/** Said elsewhere in the line, or the same in all of them. */
const UNSHOWN: readonly string[] = ['level', 'time', 'pid', 'name', 'msg', 'worker', 'handle', 'workerPid', 'stream'];

interface Entry {
  readonly level: number;
  readonly time: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Undefined for what is no line of a log. */
export function parseLogLine(line: string): Entry | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value: Record<string, unknown> = JSON.parse(line);
    const { level, time, msg } = value;
    if (typeof level !== 'number' || typeof time !== 'number' || typeof msg !== 'string') return undefined;
    return { ...value, level, time, msg };
  } catch {
    return undefined;
  }
}

/** One line, and below it what is longer than a line. */
export function readableLines(line: string, paint: (how: Paint, text: string) => string): string[] {
  const entry = parseLogLine(line);
  if (entry === undefined) return [plain(line)];
  const at = new Date(entry.time);
  const [word, how] = LEVELS[entry.level] ?? [String(entry.level), 'plain'];
  const [message = '', ...more] = entry.msg.split('\n');
  const head = `${day(at)} ${timeOfDay(at)} ${paint(how, word.padEnd(5))} ${plain(`${speaker(entry)}${message}${fields(entry)}`)}`;
  return [head, ...[...more, ...errorLines(entry), ...outputLines(entry)].map((text) => `    ${plain(text)}`)];
}

/** What the postmaster says of a worker names it already. */
function speaker({ worker, workerPid, stream }: Entry): string {
  return typeof worker === 'string' && (workerPid !== undefined || stream !== undefined) ? `${worker}: ` : '';
}

function fields(entry: Entry): string {
  const shown = Object.entries(entry).filter(([name, value]) => {
    const isBelow = errorIn(value) !== undefined || (name === 'output' && typeof value === 'string');
    return !UNSHOWN.includes(name) && !isBelow && name !== 'reason';
  });
  return shown
    .map(([name, value]) => ` ${name}=${typeof value === 'string' ? word(value) : JSON.stringify(value)}`)
    .join('');
}

function word(text: string): string {
  return /^[\w./:@+-]+$/.test(text) ? text : JSON.stringify(text);
}

function errorLines(entry: Entry): string[] {
  const errors = Object.values(entry).flatMap((value) => errorIn(value) ?? []);
  return errors.flatMap((error) => [titleOf(error), ...describeError(error)]);
}

function outputLines({ output }: Entry): string[] {
  if (typeof output !== 'string' || output.trim() === '') return [];
  return [
    'it printed:',
    ...output
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`),
  ];
}

/** An error as `ctx.log` and the postmaster write it, in a field of its own or in a reason. */
function errorIn(value: unknown): ErrorRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { error, name, message, stack, cause } = value as Record<string, unknown>;
  if (error !== undefined) return errorIn(error);
  if (typeof name !== 'string' || typeof message !== 'string') return undefined;
  if (typeof stack !== 'string' && stack !== undefined) return undefined;
  const inner = errorIn(cause);
  return { name, message, ...(stack !== undefined && { stack }), ...(inner !== undefined && { cause: inner }) };
}

function plain(text: string): string {
  return clean(stripVTControlCharacters(text));
}
