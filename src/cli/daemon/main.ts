/**
 * A daemon's process. It is born with its log as standard output and error and a line to the command that made it on
 * descriptor 3, reads there what it is to be, answers that it listens or why not, and is on its own from then on.
 */
import { Socket } from 'node:net';
import { encodeFailure, encodeFrame, FrameReader, parseEmbeddedMessage } from '../../protocol/index.js';
import type { DaemonOptions } from './daemon.js';
import { startDaemon } from './daemon.js';
import { LogFile } from './logFile.js';

/** What the command tells. */
export interface DaemonJob extends Omit<DaemonOptions, 'log'> {
  readonly logFile: string;
}

const COMMAND_DESCRIPTOR = 3;
const LOG_DESCRIPTOR = 1;

process.title = 'bgworker: postmaster';
// A disk that is full must not end us: what a configuration printed, and cannot be passed on, is lost.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
const command = new Socket({ fd: COMMAND_DESCRIPTOR, readable: true, writable: true });
// It may be gone before it is answered; the daemon is wanted all the same.
command.on('error', () => {});
const reader = new FrameReader();
command.on('data', (chunk: Buffer) => {
  reader.push(chunk);
  const frame = reader.next();
  if (frame === undefined) return;
  const { message } = parseEmbeddedMessage(frame);
  // It was written by the command of the same version, a moment ago.
  if (message.type === 'settings') void start(message.settings as DaemonJob);
});

async function start({ logFile, ...options }: DaemonJob): Promise<void> {
  try {
    const log = { path: logFile, file: new LogFile(logFile, LOG_DESCRIPTOR) };
    const { postmaster, ended } = await startDaemon({ ...options, log });
    const { directory, epoch } = postmaster;
    command.end(encodeFrame({ type: 'listening', directory, epoch, pid: process.pid }));
    process.exit(await ended);
  } catch (error) {
    command.end(encodeFailure(error), () => process.exit(1));
  }
}
