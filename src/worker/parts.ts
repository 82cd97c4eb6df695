/**
 * The parts of the runtime that many workers never use, loaded when they are first needed. A worker has its function
 * entered after seven files of ours; all of them would make a cold start half as long again.
 *
 * What may wait is imported (`import()`) where it is used. Here is what must answer at once: it is loaded by
 * `require()`, which reads ES modules too. Two things follow:
 *
 * - A Node that cannot do that (22.0 to 22.11) loads them before the worker's function is entered: `prepareParts`.
 * - A module that somebody is importing at this moment cannot be required. Nobody but us imports the parts
 *   listed here; protocol is shared with the client, so `tryProtocol` may say no, and who asks for it has another way.
 */
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Parts {
  readonly log: typeof import('./log.js');
  readonly progress: typeof import('./progress.js');
  readonly waitEvents: typeof import('./waitEvents.js');
  readonly workerLatch: typeof import('./workerLatch.js');
  readonly peerChannel: typeof import('./peerChannel.js');
}

const parts: { -readonly [Name in keyof Parts]?: Parts[Name] } = {};
let areKept = false;
/** What the file that we have booted from was, when everything else was loaded. */
let print: string | undefined;
let protocol: typeof import('../protocol/index.js') | undefined;

/** Undefined where there is nothing to wait for. */
export function prepareParts(): Promise<void> | undefined {
  if (areKept || (process.features as { readonly require_module?: boolean }).require_module === true) return undefined;
  return importParts();
}

async function importParts(): Promise<void> {
  parts.log = await import('./log.js');
  parts.progress = await import('./progress.js');
  parts.waitEvents = await import('./waitEvents.js');
  parts.workerLatch = await import('./workerLatch.js');
  parts.peerChannel = await import('./peerChannel.js');
  protocol = await import('../protocol/index.js');
}

/** Whoever runs so long has the time. */
const KEEP_AFTER_MS = 1_000;

/**
 * Loads all of it after a while: a worker that runs for days must not find the files of another version, or none, or
 * no descriptor to open them with, when it first logs a line or has to say why it ends.
 */
export function keepParts(): void {
  if (areKept) return;
  setTimeout(() => void keepAll(), KEEP_AFTER_MS).unref();
}

/** All of it now: a spare has the time, and its worker shall find everything there. */
export async function keepAll(): Promise<void> {
  print ??= printOf(bootFile());
  // One after the other and not at once, so that the worker's own business goes on in between.
  protocol = await import('../protocol/index.js');
  await prepareParts();
  for (const name of ['log', 'progress', 'waitEvents', 'workerLatch', 'peerChannel'] as const) part(name);
  await import('./pause.js');
  await import('./stopped.js');
  await import('./argument.js');
  await import('./returned.js');
  await import('./resultGate.js');
  areKept = true;
}

/**
 * What is not kept, being large, is the client (`ctx.client`). Whoever loads it later asks here first: the file that this
 * process has booted from, if it is gone or another one by now. A process runs one version, and not halves of two.
 */
export function replacedFile(): string | undefined {
  const file = bootFile();
  return print === undefined || print === printOf(file) ? undefined : file;
}

function bootFile(): string {
  return fileURLToPath(import.meta.url);
}

function printOf(file: string): string {
  const { ino, size, mtimeMs, ctimeMs } = statSync(file, { throwIfNoEntry: false }) ?? {};
  return [ino, size, mtimeMs, ctimeMs].join();
}

export function part<Name extends keyof Parts>(name: Name): Parts[Name] {
  const known: Parts[Name] | undefined = parts[name];
  if (known !== undefined) return known;
  const part = load(`./${name}.js`) as Parts[Name];
  parts[name] = part;
  return part;
}

/** Undefined while somebody imports it. */
export function tryProtocol(): typeof protocol {
  try {
    protocol ??= load('../protocol/index.js') as NonNullable<typeof protocol>;
  } catch {
    // It is loaded all the same, by the one who imports it; waiting for that is `import()`.
  }
  return protocol;
}

function load(path: string): unknown {
  // Not imported at the top: that alone would take longer than one of our files.
  return process.getBuiltinModule('node:module').createRequire(import.meta.url)(path);
}
