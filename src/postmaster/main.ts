/**
 * The postmaster as a process of its own, embedded: started by an application, which gives the settings on descriptor
 * 3 and is told there that it listens, or why not. When that descriptor ends the application is gone, and the
 * postmaster goes down fast, with all its workers, within the grace.
 *
 * Descriptor 4 is a life line as well, for the guardian: this process never opens it, only passes it on, so that the
 * guardian notices the application's death even while this process is busy or stopped.
 */
import { Socket } from 'node:net';
import { decodeSettings, encodeFailure, encodeFrame, FrameReader, parseEmbeddedMessage } from '../protocol/index.js';
import { jsonLines, Log } from './log.js';
import { Postmaster } from './postmaster.js';
import type { Settings } from './settings.js';
import { readSettings } from './settings.js';
import { listenToSignals } from './signals.js';

const HOST_DESCRIPTOR = 3;
const LIFE_LINE_DESCRIPTOR = 4;

delete process.env['BGWORKER_ROLE'];
process.title = 'bgworker: postmaster';
// A reader of our output that is gone must not end us; whoever waits for workers is served all the same.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

const host = new Socket({ fd: HOST_DESCRIPTOR, readable: true, writable: true });
host.on('error', () => {});
const reader = new FrameReader();
let postmaster: Postmaster | undefined;
let isStarting = false;
let hostIsGone = false;

host.on('data', (chunk: Buffer) => {
  reader.push(chunk);
  const frame = reader.next();
  if (frame === undefined) return;
  const { message, attachments } = parseEmbeddedMessage(frame);
  if (message.type === 'settings') void start(decodeSettings(message.settings, attachments));
});
host.on('end', () => {
  hostIsGone = true;
  // One that is being started is taken down when it is up, so that its directory goes too.
  if (!isStarting) process.exit(0);
  postmaster?.shutdown('fast', graceMs);
});

let graceMs = 1_000;

async function start(input: unknown): Promise<void> {
  isStarting = true;
  let settings: Settings;
  try {
    settings = readSettings(input);
    graceMs = settings.limits.postmasterDeathGraceMs;
    const write = settings.logToHost
      ? (level: Parameters<Log['say']>[0], text: string, fields: object) =>
          void host.write(encodeFrame({ type: 'log', level, message: text, fields: { ...fields } }))
      : jsonLines(process.stderr);
    postmaster = await Postmaster.start({
      settings,
      log: new Log(write, settings.logLevel),
      applicationLifeLine: LIFE_LINE_DESCRIPTOR,
    });
  } catch (error) {
    return fail(error);
  }
  listenToSignals(postmaster);
  const { directory, epoch } = postmaster;
  host.write(encodeFrame({ type: 'listening', directory, epoch, pid: process.pid }));
  if (hostIsGone) postmaster.shutdown('fast', graceMs);
  await postmaster.ended;
  process.exit(0);
}

function fail(error: unknown): void {
  host.end(encodeFailure(error), () => process.exit(1));
}
