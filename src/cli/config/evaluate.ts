/**
 * Has a configuration evaluated, in a process of its own (child.ts), and gives the settings that it says: checked, on
 * top of a daemon's defaults and below what the command line said. Nothing of the file's code runs here.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { BgworkerError } from '../../base/index.js';
import { cleanExecArgv } from '../../client/index.js';
import type { Settings } from '../../postmaster/index.js';
import { readSettings } from '../../postmaster/index.js';
import type { GoodbyeDetail } from '../../protocol/index.js';
import {
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
 * the command line said.
 */
export async function evaluateConfig(file: string, defaults: Overrides, overrides: Overrides): Promise<Settings> {
  // What is wrong with these is not the file's fault.
  readSettings({ ...defaults, ...overrides });
  const said = await evaluate(file, String(overrides['directory'] ?? ''));
  try {
    return readSettings({ ...defaults, ...(said as Overrides), ...overrides });
  } catch (error) {
    if (!(error instanceof BgworkerError) || error.code !== 'ERR_INVALID_SETTING') throw error;
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

async function evaluate(file: string, directory: string): Promise<unknown> {
  const args = [CHILD, file, JSON.stringify(introduce()), directory];
  const child = spawn(process.execPath, [...cleanExecArgv(process.execArgv), ...args], {
    // What it prints is for people, and no answer to the command that needed it.
    stdio: ['ignore', 2, 'pipe', 'pipe'],
    timeout: MAX_EVALUATION_MS,
    killSignal: 'SIGKILL',
  });
  const [, , stderr, answer] = child.stdio;
  const [printed, answered, end] = await Promise.all([
    textOf(stderr as Readable),
    bytesOf(answer as Readable),
    new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, signal) => resolve(signal ?? `exit ${code}`));
    }),
  ]);
  const reader = new FrameReader();
  reader.push(answered);
  const frame = reader.next();
  if (frame === undefined) {
    // A daemon may have been started from a package that is no longer there.
    if (!existsSync(CHILD)) throw errorOf(whyNothingStarts(introduce(), CHILD, directory));
    throw noAnswer(file, printed, end);
  }
  process.stderr.write(printed);
  const { message, attachments } = parseEmbeddedMessage(frame);
  if (message.type === 'settings') return decodeSettings(message.settings, attachments);
  if (message.type !== 'failed') throw noAnswer(file, message.type, end);
  const { code, ...told } = message.error;
  throw errorOf({ ...told, code: String(code ?? 'ERR_INVALID_CONFIG') });
}

function errorOf({ code, message, detail, hint }: GoodbyeDetail): BgworkerError {
  return new BgworkerError(code, message, {
    ...(detail !== undefined && { detail }),
    ...(hint !== undefined && { hint }),
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

async function bytesOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function textOf(stream: Readable): Promise<string> {
  return (await bytesOf(stream)).toString('utf8');
}
