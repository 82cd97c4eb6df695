/**
 * A postmaster of one's own: a child that lives and dies with this process. The only file of the client that spawns.
 *
 * Two descriptors tie it to us. On one the settings go over and the answer comes back; its end means that we are gone
 * or done, and the postmaster goes down, fast. The other says nothing at all: it ends with this process, whatever ends
 * it, and the guardian behind it then ends even a postmaster that is busy or stopped. Neither keeps this process alive.
 *
 * Where this cannot work, and why it never becomes a program that starts itself without end: surroundings.ts.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { assert, BgworkerError } from '../base/index.js';
import type { EmbeddedMessage } from '../protocol/index.js';
import { decodeFailure, encodeSettings, FrameReader, parseEmbeddedMessage } from '../protocol/index.js';
import { Backend } from './backend.js';
import { Client } from './client.js';
import { cleanExecArgv, cleanNodeOptions } from './execArgv.js';
import type { SignalOption } from './handle.js';
import type { Logger, PostmasterSettings } from './settings.js';
import { defineEarlyWorker, resolvePreload } from './settings.js';
import { checkSurroundings, marksOfPostmaster } from './surroundings.js';

/**
 * Starts a postmaster for this process and attaches to it. Disposing the client (or `close()`) takes it down, fast, and
 * waits for that; without it, the end of this process does. It keeps the process alive only while something is awaited.
 *
 * Throws `ERR_INVALID_SETTING`, `ERR_POSTMASTER_RUNNING` when the directory is somebody's, `ERR_CANNOT_START_POSTMASTER`,
 * `ERR_UNSUPPORTED_RUNTIME` (Bun, Deno), `ERR_UNSUPPORTED_PLATFORM` (Windows), `ERR_NO_NODE` (this program is none, and
 * there is no `nodePath`), `ERR_BUNDLED`, `ERR_STARTED_INSIDE_ITSELF`, `ERR_WORKER_LOADING`.
 */
export async function startPostmaster(
  settings: PostmasterSettings = {},
  { signal }: SignalOption = {},
): Promise<Client> {
  const file = await checkSurroundings(settings);
  signal?.throwIfAborted();
  const { logger, workers = [], ...rest } = settings;
  const told = encodeSettings({
    workerExecArgv: cleanExecArgv(process.execArgv),
    ...resolvePreload(rest),
    logToHost: logger !== undefined,
    workers: await Promise.all(workers.map((worker) => defineEarlyWorker(worker))),
  });
  const child = new Child(spawnPostmaster(file, settings), logger);
  try {
    const { directory } = await child.start(told, signal);
    const backend = await Backend.attach({ directory, worker: null, signal });
    child.detach();
    return new Client(backend, () => child.shutDown(backend));
  } catch (error) {
    child.letGo();
    throw error;
  }
}

type Listening = Extract<EmbeddedMessage, { type: 'listening' }>;

/** How the child ended. */
type Exit = { readonly code: number | null; readonly signal: string | null } | { readonly error: Error };

class Child {
  readonly #process: ChildProcess;
  readonly #line: Socket;
  readonly #lifeLine: Socket;
  readonly #reader = new FrameReader();
  readonly #logger: Logger | undefined;
  readonly #exited: Promise<Exit>;
  #answered: (message: EmbeddedMessage) => void = () => {};

  constructor(process: ChildProcess, logger: Logger | undefined) {
    const [, , , line, lifeLine] = process.stdio;
    assert(line instanceof Socket && lifeLine instanceof Socket, 'descriptors 3 and 4 are pipes');
    this.#process = process;
    this.#line = line;
    this.#lifeLine = lifeLine;
    this.#logger = logger;
    this.#exited = new Promise((resolve) => {
      process.once('error', (error) => resolve({ error }));
      process.once('exit', (code, signal) => resolve({ code, signal }));
    });
    // What their ends mean is told by the child's exit.
    line.on('error', () => {});
    lifeLine.on('error', () => {});
    line.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  /** Sends the settings and waits for the word that it listens. */
  async start(settings: Buffer, signal: AbortSignal | undefined): Promise<Listening> {
    let aborted = (): void => {};
    const answer = new Promise<EmbeddedMessage | 'aborted' | Exit>((resolve) => {
      this.#answered = resolve;
      aborted = () => resolve('aborted');
      // Whatever it still said has been read when its descriptor has ended.
      const ended = new Promise((closed) => this.#line.once('close', closed));
      void Promise.all([this.#exited, ended]).then(([exit]) => resolve(exit));
    });
    signal?.addEventListener('abort', aborted, { once: true });
    this.#line.write(settings);
    const message = await answer;
    signal?.removeEventListener('abort', aborted);
    if (message === 'aborted') throw signal?.reason;
    if (!('type' in message)) throw exitError(message);
    if (message.type === 'listening') return message;
    if (message.type === 'failed') throw decodeFailure(message, 'ERR_CANNOT_START_POSTMASTER');
    throw new BgworkerError('ERR_CANNOT_START_POSTMASTER', 'the postmaster gave no answer', { detail: message.type });
  }

  /** From here on nothing of it keeps this process alive. */
  detach(): void {
    this.#process.unref();
    this.#line.unref();
    this.#lifeLine.unref();
  }

  /** Takes it down, fast, and waits until it is gone. */
  async shutDown(backend: Backend): Promise<void> {
    this.#process.ref();
    try {
      await backend.ask({ type: 'shutdown', mode: 'fast', waits: true }, () => {});
    } catch {
      // It is gone, or does not talk to us any more. Then the end of its line says the same.
      this.#line.end();
    }
    await this.#exited;
    this.letGo();
  }

  /** Without a word: the end of the descriptors is one. */
  letGo(): void {
    this.detach();
    this.#line.destroy();
    this.#lifeLine.destroy();
  }

  #read(chunk: Buffer): void {
    this.#reader.push(chunk);
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
      const { message } = parseEmbeddedMessage(frame);
      if (message.type === 'log') this.#logger?.[message.level](message.fields, message.message);
      else this.#answered(message);
    }
  }
}

/**
 * How V8 keeps house in a postmaster.
 * - What it makes is garbage at once: hardly anything of a message outlives its answer. By default V8 lets the space for
 *   such objects grow to three times 16 MiB under load, and keeps it.
 * - Most of its code runs seldom, in a process that has just woken up: compiled at once, by the simplest compiler, it
 *   starts a worker a tenth sooner, for a megabyte.
 * - It need not tidy up while it is idle: on Node 24 and later that wakes it every eight seconds.
 */
export const POSTMASTER_FLAGS = ['--max-semi-space-size=2', '--always-sparkplug', '--no-memory-reducer'];

function spawnPostmaster(file: string, { nodePath, workerStdin }: PostmasterSettings): ChildProcess {
  const options = process.env['NODE_OPTIONS'];
  return spawn(nodePath ?? process.execPath, [...POSTMASTER_FLAGS, file], {
    detached: true,
    stdio: [workerStdin === 'inherit' ? 'inherit' : 'ignore', 'inherit', 'inherit', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...(options !== undefined && { NODE_OPTIONS: cleanNodeOptions(options) }),
      ...marksOfPostmaster(),
    },
  });
}

function exitError(exit: Exit): BgworkerError {
  if ('error' in exit) {
    return new BgworkerError('ERR_CANNOT_START_POSTMASTER', 'the postmaster could not be started', {
      detail: exit.error.message,
      hint: 'is nodePath a node, and are there processes and descriptors left?',
      cause: exit.error,
    });
  }
  return new BgworkerError('ERR_CANNOT_START_POSTMASTER', 'the postmaster ended before it listened', {
    detail: exit.signal === null ? `code ${exit.code}` : `signal ${exit.signal}`,
    hint: 'what it said is on stderr',
  });
}
