/**
 * Makes a daemon and waits until it listens. It has a session of its own and nothing of the terminal, so neither its end
 * nor Ctrl-C reaches it; its output goes to its log.
 *
 * It is nobody's descendant: the mark by which a worker's stray children are found is not passed on, so a daemon that
 * was started inside a worker outlives that worker's postmaster.
 */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { BgworkerError } from '../../base/index.js';
import { cleanNodeOptions, POSTMASTER_FLAGS } from '../../client/index.js';
import { prepareDirectory } from '../../postmaster/index.js';
import type { EmbeddedMessage } from '../../protocol/index.js';
import { decodeFailure, encodeFrame, FrameReader, PACKAGE_PATH, parseEmbeddedMessage } from '../../protocol/index.js';
import type { DaemonOptions } from './daemon.js';
import { LOG_FILE_NAME } from './logFile.js';
import type { DaemonJob } from './main.js';

/** This folder's main.ts and all it needs, joined by the build. */
const MAIN = join(PACKAGE_PATH, 'dist/src/postmaster/daemon.cjs');

export interface LaunchedDaemon {
  readonly pid: number;
  readonly epoch: string;
  readonly directory: string;
  readonly logFile: string;
}

/** Throws what `startDaemon` does, and `ERR_CANNOT_START_POSTMASTER`. */
export async function launchDaemon(options: Omit<DaemonOptions, 'log'>): Promise<LaunchedDaemon> {
  prepareDirectory(options.directory);
  const logFile = join(options.directory, LOG_FILE_NAME);
  const log = openLog(logFile);
  const child = spawn(process.execPath, [...POSTMASTER_FLAGS, MAIN], {
    detached: true,
    stdio: ['ignore', log, log, 'pipe'],
    env: daemonEnvironment(),
  });
  const job: DaemonJob = { ...options, logFile };
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
  });
  if (child.pid === undefined) {
    throw new BgworkerError('ERR_CANNOT_START_POSTMASTER', 'the postmaster could not be started', {
      detail: await exited,
      hint: 'are there processes and descriptors left?',
    });
  }
  const line = child.stdio[3] as Socket;
  line.on('error', () => {});
  line.write(encodeFrame({ type: 'settings', settings: job }));
  const answer = await answerOn(line);
  if (answer?.type === 'listening') {
    child.unref();
    const { pid, epoch, directory } = answer;
    return { pid, epoch, directory, logFile };
  }
  if (answer?.type === 'failed') {
    throw decodeFailure(answer, 'ERR_CANNOT_START_POSTMASTER');
  }
  throw new BgworkerError('ERR_CANNOT_START_POSTMASTER', 'the postmaster ended before it listened', {
    detail: await exited,
    hint: `what it said is in ${logFile}`,
  });
}

function openLog(file: string): number {
  try {
    return openSync(file, 'a', 0o600);
  } catch (error) {
    throw new BgworkerError('ERR_CANNOT_START_POSTMASTER', 'the log of the postmaster cannot be written', {
      detail: (error as Error).message,
      hint: 'what is in its place, and is there room on the disk?',
      cause: error,
    });
  }
}

/** Undefined when the line ended without one. */
async function answerOn(line: Socket): Promise<EmbeddedMessage | undefined> {
  const reader = new FrameReader();
  for await (const chunk of line) {
    reader.push(chunk as Buffer);
    const frame = reader.next();
    if (frame !== undefined) return parseEmbeddedMessage(frame).message;
  }
  return undefined;
}

function daemonEnvironment(): NodeJS.ProcessEnv {
  const {
    BGWORKER_EPOCH: _epoch,
    BGWORKER_DIR: _directory,
    BGWORKER_ROLE: _role,
    BGWORKER_DEPTH: _depth,
    ...env
  } = process.env;
  const options = env['NODE_OPTIONS'];
  return { ...env, ...(options !== undefined && { NODE_OPTIONS: cleanNodeOptions(options) }) };
}
