/**
 * Has a configuration evaluated, in a process of its own (child.ts), and gives the settings that it says: checked, on
 * top of a daemon's defaults and below what the command line said. Nothing of the file's code runs here.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { BgworkerError, startLongTimer } from '../../base/index.js';
import { cleanExecArgv } from '../../client/index.js';
import type { Settings } from '../../postmaster/index.js';
import { readSettings, readToQuiet } from '../../postmaster/index.js';
import {
  decodeFailure,
  decodeSettings,
  FrameReader,
  introduce,
  PACKAGE_PATH,
  parseEmbeddedMessage,
  whyNothingStarts,
} from '../../protocol/index.js';
import { withoutForeignFrames } from '../failure/stack.js';

export type Overrides = { readonly [setting: string]: unknown };

/**
 * Throws `ERR_INVALID_CONFIG`, which names the file, the place in it and what to change, and `ERR_INVALID_SETTING` for what
 * the command line said. An abort of the signal ends the process, and is such an error too.
 */
export async function evaluateConfig(
  file: string,
  defaults: Overrides,
  overrides: Overrides,
  signal?: AbortSignal,
): Promise<Settings> {
  const said = await evaluate(file, String(overrides['directory'] ?? ''), signal);
  try {
    return readSettings({ ...defaults, ...(said as Overrides), ...overrides });
  } catch (error) {
    if (!(error instanceof BgworkerError) || error.code !== 'ERR_INVALID_SETTING') throw error;
    // What is wrong by itself on the command line is not the file's fault.
    readSettings({ ...defaults, ...overrides });
    throw new BgworkerError('ERR_INVALID_CONFIG', 'the configuration is not valid', {
      detail: `${file}: ${error.detail ?? error.message}`,
      hint: error.hint ?? error.message,
      cause: error,
    });
  }
}

/** This folder's child.ts and all it needs, joined by the build. */
const CHILD = join(PACKAGE_PATH, 'dist/src/postmaster/configuration.cjs');

/** A configuration is read in well under a second; one that is still not there by now waits for something for ever. */
const MAX_EVALUATION_MS = 60_000;

/** As much of what it printed as a message may carry. */
const MAX_PRINTED = 4_000;

async function evaluate(file: string, directory: string, signal: AbortSignal | undefined): Promise<unknown> {
  const args = [CHILD, file, JSON.stringify(introduce()), directory];
  const child = spawn(process.execPath, [...cleanExecArgv(process.execArgv), ...args], {
    // What it prints is for people, and no answer to the command that needed it. The last is its life line.
    stdio: ['ignore', 2, 'pipe', 'pipe', 'pipe'],
    ...(signal !== undefined && { signal }),
  });
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, killedBy) => resolve(killedBy ?? `exit ${code}`));
    // It may come more than once: a signal that is aborted is one too.
    child.on('error', (error) => resolve(error.message));
  });
  // Without a process there may not even be streams (EMFILE).
  if (child.pid === undefined) throw noProcess(file, await ended);
  // Not by spawn's own timeout, whose timer stays where there is no process.
  const limit = startLongTimer(MAX_EVALUATION_MS, () => child.kill('SIGKILL'));
  const [, , stderr, answer] = child.stdio;
  const [printed, answered] = await Promise.all([
    bytesUntil(ended, stderr as Readable),
    bytesUntil(ended, answer as Readable),
  ]);
  limit.stop();
  const reader = new FrameReader();
  reader.push(answered);
  const frame = reader.next();
  if (frame === undefined) {
    // A daemon may have been started from a package that is no longer there.
    if (!existsSync(CHILD)) {
      const why = whyNothingStarts(introduce(), CHILD, directory);
      throw new BgworkerError(why.code, why.message, why);
    }
    throw noAnswer(file, printed.toString(), await ended);
  }
  process.stderr.write(printed);
  const { message, attachments } = parseEmbeddedMessage(frame);
  if (message.type === 'settings') return decodeSettings(message.settings, attachments);
  if (message.type !== 'failed') throw noAnswer(file, message.type, await ended);
  throw decodeFailure(message, 'ERR_INVALID_CONFIG');
}

function noProcess(file: string, why: string): BgworkerError {
  return new BgworkerError('ERR_INVALID_CONFIG', 'the configuration could not be evaluated', {
    detail: `${file} (${why})`,
    hint: 'are there processes and descriptors left?',
  });
}

function noAnswer(file: string, printed: string, end: string): BgworkerError {
  const shown = withoutForeignFrames(printed).trimEnd().slice(-MAX_PRINTED);
  return new BgworkerError('ERR_INVALID_CONFIG', 'the configuration could not be evaluated', {
    detail: [`${file} (${end})`, shown].filter((line) => line !== '').join('\n'),
    hint: adviseOnEnd(end, shown),
  });
}

function adviseOnEnd(end: string, shown: string): string {
  if (end === 'SIGKILL') {
    return `was it killed, or did it not come to its end in ${MAX_EVALUATION_MS / 1_000} s? A configuration waits for nothing`;
  }
  if (end === 'exit 13') return 'it waits for a promise that is never settled';
  return shown === ''
    ? 'does something in it call process.exit()?'
    : 'what it threw, or printed before it ended, is above';
}

/** What it wrote until its end. Not until that of the stream: whom it has started may hold that open for days. */
async function bytesUntil(ended: Promise<unknown>, stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('error', () => {}).on('data', (chunk: Buffer) => chunks.push(chunk));
  await ended;
  await readToQuiet(stream);
  stream.destroy();
  return Buffer.concat(chunks);
}
