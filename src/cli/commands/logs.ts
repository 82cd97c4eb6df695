/**
 * `bgworker logs`: what the postmaster and its workers wrote, from the file alone, so that it works when nobody is left
 * to be asked. A postmaster that was not started as a daemon writes no file; it is said then where to look.
 */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { BgworkerError } from '../../base/index.js';
import { connect, findDirectory } from '../../client/index.js';
import { SOCKET_NAME } from '../../protocol/index.js';
import type { AttachOptions } from '../attached.js';
import { directoryOption, jsonLinesOption } from '../attached.js';
import { LOG_FILE_NAME } from '../daemon/logFile.js';
import { EXIT_UNAVAILABLE } from '../exitCodes.js';
import { follow } from '../log/follow.js';
import { parseLogLine, readableLines } from '../log/logLine.js';
import { LogReader } from '../log/logReader.js';
import { paintFor } from '../paint.js';
import { printLine } from '../standardOutput.js';
import { usage } from '../words.js';

const DEFAULT_LINES = '20';
/** A postmaster that does not answer keeps nobody from reading its log. */
const MAX_QUESTION_MS = 1_000;
const ELSEWHERE =
  'it was started with --foreground, or by a program: its lines are where its output goes, such as journalctl or the log of the container';

export function logsCommand(): Command {
  return new Command('logs')
    .description('show the log of a postmaster, dead or alive')
    .option('-f, --follow', 'go on with what is written')
    .option('-n, --lines <number>', 'how many of the last lines, or all', DEFAULT_LINES)
    .addOption(directoryOption())
    .addOption(jsonLinesOption())
    .action(async (options: LogsOptions) => {
      process.exitCode = await logs(options);
    });
}

interface LogsOptions extends AttachOptions {
  readonly follow?: boolean;
  readonly lines: string;
}

async function logs(options: LogsOptions): Promise<number> {
  const directory = options.directory === undefined ? findDirectory() : resolve(options.directory);
  const count = readCount(options.lines);
  const log = new LogReader(directory);
  const lines = log.last(count);
  if (lines === undefined) throw await noLog(directory);
  const print = options.json === true ? printJson : linesForPeople();
  for (const line of lines) await print(line);
  if (options.follow !== true) {
    if (count > 0 && log.unfinished() !== '') await print(log.unfinished());
    await warnOfSilence(directory);
    return 0;
  }
  await warnOfSilence(directory);
  for await (const { lines: more, isTorn } of follow(directory, log)) {
    if (isTorn) process.stderr.write('bgworker: the log was begun anew; some lines may be missing here\n');
    for (const line of more) await print(line);
  }
  process.stderr.write(`bgworker: ${directory} is gone\n`);
  return EXIT_UNAVAILABLE;
}

function readCount(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY;
  const count = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(count) && count >= 0) return count;
  throw usage('--lines is not a number of lines', text, 'give a whole number, or all');
}

/** Every line is an object: what a worker printed as it is becomes the field `raw`. */
function printJson(line: string): Promise<void> {
  return printLine(parseLogLine(line) === undefined ? JSON.stringify({ raw: line }) : line);
}

function linesForPeople(): (line: string) => Promise<void> {
  const paint = paintFor(process.stdout);
  return async (line) => {
    for (const text of readableLines(line, paint)) await printLine(text);
  };
}

async function noLog(directory: string): Promise<BgworkerError> {
  const isNobodyThere = (await whereItWrites(directory)) === 'nobody';
  return new BgworkerError('ERR_NO_LOG', 'there is no log', {
    detail: `${join(directory, LOG_FILE_NAME)}${isNobodyThere ? '; no postmaster is running there either' : ''}`,
    hint: isNobodyThere ? 'start one: bgworker start; or name its directory' : ELSEWHERE,
  });
}

/**
 * The log may be that of an earlier postmaster, if nothing was written since the last one began to listen. Only then is
 * it asked whether it writes there.
 */
async function warnOfSilence(directory: string): Promise<void> {
  const log = statSync(join(directory, LOG_FILE_NAME), { throwIfNoEntry: false });
  const socket = statSync(join(directory, SOCKET_NAME), { throwIfNoEntry: false });
  if (log === undefined || socket === undefined || log.mtimeMs >= socket.mtimeMs) return;
  if ((await whereItWrites(directory)) === 'elsewhere') {
    process.stderr.write(
      `bgworker: this is an earlier postmaster's log. The one that is running writes none: ${ELSEWHERE}\n`,
    );
  }
}

/** Of the postmaster that is running there. */
async function whereItWrites(directory: string): Promise<'here' | 'elsewhere' | 'nobody' | 'unknown'> {
  const signal = AbortSignal.timeout(MAX_QUESTION_MS);
  try {
    const client = await connect({ directory, signal });
    const { logFile } = await client.postmasterStatus({ signal }).finally(() => client.close());
    return logFile === null ? 'elsewhere' : 'here';
  } catch (error) {
    return error instanceof BgworkerError && error.code === 'ERR_NO_POSTMASTER' ? 'nobody' : 'unknown';
  }
}
