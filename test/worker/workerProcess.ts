/**
 * Plays the postmaster to one real worker process: starts worker/boot.cjs with the descriptors of the contract, gives it a
 * job, and keeps all that it tells, prints and ends with. A test waits for facts only; the deadline of the test runner
 * is the only clock.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { BackgroundWorker } from '../../src/core/index.js';
import { completeBackgroundWorker } from '../../src/core/index.js';
import type { OrderMessage, WireSaying, WorkerMessage } from '../../src/protocol/index.js';
import {
  encodeFrame,
  encodeJob,
  FrameReader,
  PACKAGE_VERSION,
  PROTOCOL_VERSION,
  parseWorkerMessage,
  serializeValue,
} from '../../src/protocol/index.js';

/** The postmaster that a test plays is of our version. */
const OURS = { protocol: PROTOCOL_VERSION, package: PACKAGE_VERSION };

const main = fileURLToPath(new URL('../../src/worker/boot.cjs', import.meta.url));
const fixtures = new URL('../../../test/fixtures/workers/', import.meta.url);

export interface WorkerOptions {
  /** The module, among `files` if that is given, else below test/fixtures/workers. Default: the first of `files`. */
  readonly module?: string;
  /** Modules made for this worker alone: what must not lie about, since other tools would find the error in it. */
  readonly files?: { readonly [name: string]: string };
  readonly functionName?: string | null;
  readonly arg?: unknown;
  readonly worker?: Partial<BackgroundWorker>;
  readonly execArgv?: readonly string[];
  /** False: it is given no job. */
  readonly job?: boolean;
  /** It is a spare that preloads these, paths or among `files`, and is given no job before `giveJob`. */
  readonly preload?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
}

interface Told {
  readonly message: WorkerMessage;
  readonly attachments: readonly Uint8Array[];
}

export class WorkerProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly directory: string;
  readonly told: Told[] = [];
  stdout = '';
  stderr = '';
  /** When the process is gone and all that it said and printed was read. */
  readonly ended: Promise<Ending>;
  readonly #options: WorkerOptions;
  readonly #events = new EventEmitter();

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.directory = mkdtempSync(join(tmpdir(), 'bgworker-worker-'));
    mkdirSync(join(this.directory, 'reports'));
    for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(this.directory, name), text);
    this.child = spawn(process.execPath, [...(options.execArgv ?? []), main], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env, BGWORKER_ROLE: 'worker' },
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#events.emit('news');
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    const reader = new FrameReader();
    (this.child.stdio[3] as Readable).on('data', (chunk: Buffer) => {
      reader.push(chunk);
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        // Every message of every test is held to the schema.
        this.told.push(parseWorkerMessage(frame));
      }
      this.#events.emit('news');
    });
    (this.child.stdio[4] as Writable).on('error', () => {});
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        resolve({ code, signal });
        this.#events.emit('news');
      });
    });
    const { preload } = options;
    if (preload !== undefined)
      this.order({ type: 'spare', preload: preload.map((name) => this.#urlOf(name)), postmaster: OURS });
    else if (options.job !== false) this.giveJob();
  }

  giveJob(): void {
    const { functionName = 'default', arg, worker } = this.#options;
    (this.child.stdio[4] as Writable).write(
      encodeJob({
        type: 'job',
        handle: { epoch: 'e1', slot: 3, generation: 7 },
        attempt: 1,
        directory: this.directory,
        postmaster: OURS,
        worker: completeBackgroundWorker({
          name: 'tested',
          module: this.module,
          cwd: process.cwd(),
          functionName,
          mainArg: arg === undefined ? { kind: 'none' } : { kind: 'bytes', bytes: serializeValue(arg, 'arg') },
          ...worker,
        }),
      }),
    );
  }

  /** The URL of its module. */
  get module(): string {
    const { files, module = Object.keys(files ?? {})[0] ?? '' } = this.#options;
    return files === undefined ? new URL(module, fixtures).href : this.#urlOf(module);
  }

  #urlOf(name: string): string {
    return pathToFileURL(resolve(this.directory, name)).href;
  }

  order(message: OrderMessage, attachments: readonly Uint8Array[] = []): void {
    (this.child.stdio[4] as Writable).write(encodeFrame(message, attachments));
  }

  /** As the postmaster asks: the order first, then the signal. */
  terminate(): void {
    this.order({ type: 'terminate', order: 'terminate' });
    this.child.kill('SIGTERM');
  }

  /** Ends the descriptor to the worker, as the postmaster's death does. */
  dieAsPostmaster(): void {
    (this.child.stdio[4] as Writable).destroy();
  }

  /** Resolves when the worker has told this, or printed that; fails when it ends without. */
  async hears(what: WorkerMessage['type'] | RegExp): Promise<void> {
    const isThere = (): boolean =>
      typeof what === 'string' ? this.told.some(({ message }) => message.type === what) : what.test(this.stdout);
    let isOver = false;
    void this.ended.then(() => {
      isOver = true;
    });
    while (!isThere()) {
      if (isOver)
        throw new Error(`it ended without ${String(what)}; it told ${this.types}, and printed ${this.stderr}`);
      await once(this.#events, 'news');
    }
  }

  /** What it told of its end, once it has ended. */
  async said(): Promise<WireSaying | undefined> {
    await this.ended;
    const sayings = this.told.flatMap(({ message }) => (message.type === 'said' ? [message.saying] : []));
    if (sayings.length > 1) throw new Error('it spoke twice');
    return sayings[0];
  }

  of<Type extends WorkerMessage['type']>(type: Type): Extract<WorkerMessage, { type: Type }>[] {
    return this.told.map(({ message }) => message).filter((message) => message.type === type) as never;
  }

  get types(): string {
    return this.told.map(({ message }) => message.type).join(' ');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Runs the test with a worker, and leaves nothing of it behind. */
export async function withWorker<T>(options: WorkerOptions, test: (worker: WorkerProcess) => Promise<T>): Promise<T> {
  const worker = new WorkerProcess(options);
  try {
    return await test(worker);
  } finally {
    await worker[Symbol.asyncDispose]();
  }
}
