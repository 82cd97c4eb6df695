/**
 * One process: made, told what to do, listened to, and buried. It is born for an attempt, or as a spare that is given
 * to one later (`become`); it never serves a second. It turns what the operating system and the worker say into facts
 * for the core, and decides nothing.
 *
 * - The guardian is told of the process group before the job is written, so no worker ever does anything that would
 *   survive us.
 * - A process is over when its death was reported and then its channel and its output were read until the kernel holds
 *   no more; a grandchild that keeps the pipes open does not delay that. What is left of its process group is killed.
 * - The files of the package may have been replaced or removed since the postmaster was started from them. Its first word
 *   says of which version the process is: one that does not fit is killed, and a neighbour's unknown words are left out.
 * - A channel that ends while the process lives is a fact of its own. While the process is dying the kernel closes its
 *   descriptors before it reports the death, so its flags are looked at first.
 *
 * Model: do_start_bgworker, StartBackgroundWorker and CleanupBackgroundWorker in postmaster.c.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { BgworkerError } from '../base/index.js';
import type { AttemptKey, BackgroundWorker, ErrorRecord, ExitFacts, Saying } from '../core/index.js';
import type { Frame, GoodbyeDetail, Introduction, OrderMessage, Version, WorkerMessage } from '../protocol/index.js';
import {
  decodeSaying,
  encodeFrame,
  encodeJob,
  FrameReader,
  MessageError,
  parseWorkerMessage,
  whyNothingStarts,
  whyNotStarted,
} from '../protocol/index.js';
import type { Forwarding } from './output.js';
import { readToQuiet, WorkerOutput } from './output.js';

export interface ProcessPlace {
  readonly epoch: string;
  readonly directory: string;
  /** Our own copy of the package, as it was when we were started. */
  readonly introduction: Introduction;
  /** The worker's main file. */
  readonly mainPath: string;
  readonly nodePath: string;
  readonly execArgv: readonly string[];
  readonly stdin: 'ignore' | 'inherit';
}

export interface WorkerListener {
  forked(pid: number): void;
  spawnFailed(errno: string, what: string): void;
  /** Everything it says but the words of its end. */
  heard(message: Exclude<WorkerMessage, { type: 'said' }>, attachments: readonly Uint8Array[]): void;
  said(saying: Saying): void;
  /** It said something that is no message: it cannot be understood any more. */
  babbled(error: Error): void;
  channelLost(): void;
  exited(facts: ExitFacts): void;
  /** It is another version, and said what we do not know: that is left out. */
  misheard(error: MessageError): void;
}

export class WorkerProcess {
  readonly #place: ProcessPlace;
  #listener: WorkerListener;
  /** Null while it is a spare. */
  #attempt: AttemptKey | null = null;
  readonly #reader = new FrameReader();
  #child: ChildProcess | undefined;
  #output: WorkerOutput | undefined;
  #orders: Socket | undefined;
  #state: 'alive' | 'dying' | 'gone' = 'alive';
  #isUnderstood = true;
  /** What it said at first. */
  #hello: Introduction | undefined;
  /** Why it cannot be one of ours. */
  #packageError: ErrorRecord | undefined;

  constructor(place: ProcessPlace, listener: WorkerListener) {
    this.#place = place;
    this.#listener = listener;
  }

  /** For this worker, or as a spare (null). */
  start(worker: BackgroundWorker | null, forwarding: Forwarding): void {
    const failed = (error: unknown): void => {
      this.#listener.spawnFailed(errnoOf(error), whatFailed(worker, this.#place.nodePath, error));
    };
    let child: ChildProcess;
    try {
      child = this.#spawn(worker);
    } catch (error) {
      // Node throws what it does not expect of the system (E2BIG, ENOMEM) and emits the rest.
      return failed(error);
    }
    child.once('error', (error) => {
      if (child.pid === undefined) failed(error);
    });
    const { pid, stdout, stderr } = child;
    // Without a process there may not even be streams (EMFILE).
    if (pid === undefined || stdout === null || stderr === null) return;
    const [, , , words, orders] = child.stdio;
    if (!(words instanceof Socket) || !(orders instanceof Socket)) return;
    this.#child = child;
    this.#orders = orders;
    this.#output = new WorkerOutput({ stdout, stderr, forwarding });
    child.once('exit', (code, signal) => void this.#bury(pid, words, code, signal));
    // EPIPE when it is dead: 'exit' is about to say so.
    orders.on('error', () => {});
    words.on('error', () => {});
    words.on('data', (chunk: Buffer) => this.#hear(chunk));
    words.once('end', () => this.#wordsEnded(pid));
    this.#listener.forked(pid);
  }

  giveJob(attempt: AttemptKey, worker: BackgroundWorker): void {
    this.#attempt = attempt;
    const { epoch, directory, introduction } = this.#place;
    const postmaster = versionOf(introduction);
    const handle = { epoch, slot: attempt.slot, generation: attempt.generation };
    const job = { type: 'job', handle, attempt: attempt.attempt, worker, directory, postmaster } as const;
    this.#orders?.write(encodeJob(job));
  }

  beSpare(preload: readonly string[]): void {
    const postmaster = versionOf(this.#place.introduction);
    this.#orders?.write(encodeFrame({ type: 'spare', preload, postmaster }));
  }

  /** Null while it is a spare, or was not given its job yet. */
  get attempt(): number | null {
    return this.#attempt?.attempt ?? null;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** From now on what it does and prints is somebody else's. */
  become(listener: WorkerListener, forwarding: Forwarding): void {
    this.#listener = listener;
    this.#output?.beginAnew(forwarding);
  }

  order(message: OrderMessage, attachments: readonly Uint8Array[] = []): void {
    if (this.#state !== 'gone') this.#orders?.write(encodeFrame(message, attachments));
  }

  signal(signal: 'SIGTERM' | 'SIGHUP'): void {
    if (this.#state === 'alive') this.#child?.kill(signal);
  }

  /** The whole process group. */
  kill(): void {
    if (this.#state === 'alive' && this.#child?.pid !== undefined) killGroup(this.#child.pid);
  }

  /** A spare takes on directory, variables and the rest when it has its job (worker/spare.ts). */
  #spawn(worker: BackgroundWorker | null): ChildProcess {
    const { nodePath, execArgv, mainPath, epoch, directory, stdin } = this.#place;
    const { BGWORKER_ROLE: _role, BGWORKER_DIR: _directory, ...inherited } = process.env;
    const heap = worker?.resourceLimits.maxOldSpaceMb ?? null;
    const flags = [...execArgv, ...(worker?.execArgv ?? [])];
    if (heap !== null) flags.push(`--max-old-space-size=${heap}`);
    return spawn(worker?.nodePath ?? nodePath, [...flags, mainPath], {
      ...(worker === null ? {} : { cwd: worker.cwd }),
      detached: true,
      stdio: [stdin, 'pipe', 'pipe', 'pipe', 'pipe'],
      env: {
        ...inherited,
        ...(worker?.attach === true ? { BGWORKER_DIR: directory } : {}),
        ...worker?.env,
        BGWORKER_EPOCH: epoch,
        BGWORKER_ROLE: 'worker',
      },
    });
  }

  #hear(chunk: Buffer): void {
    if (!this.#isUnderstood) return;
    try {
      this.#reader.push(chunk);
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
        if (this.#isUnderstood) this.#take(frame);
      }
    } catch (error) {
      // Anything else is our own fault, and not the worker's.
      if (!(error instanceof BgworkerError)) throw error;
      this.#isUnderstood = false;
      this.#listener.babbled(error);
    }
  }

  #take(frame: Frame<unknown>): void {
    let taken: Frame<WorkerMessage>;
    try {
      taken = parseWorkerMessage(frame);
    } catch (error) {
      const isNeighbour = this.#hello !== undefined && this.#hello.package !== this.#place.introduction.package;
      if (!isNeighbour || !(error instanceof MessageError)) throw error;
      return this.#listener.misheard(error);
    }
    const { message, attachments } = taken;
    if (message.type === 'hello' && !this.#recognise(message)) return;
    if (message.type === 'said') this.#listener.said(decodeSaying(message.saying, attachments));
    else this.#listener.heard(message, attachments);
  }

  /** The files may be others than when we were started from them. One that does not fit goes before it does anything. */
  #recognise(hello: Introduction): boolean {
    const { introduction, directory } = this.#place;
    this.#hello = hello;
    const why = whyNotStarted(introduction, hello, directory);
    if (why === undefined) return true;
    this.#packageError = recordOf(why);
    this.#isUnderstood = false;
    this.kill();
    return false;
  }

  #wordsEnded(pid: number): void {
    if (this.#state === 'alive' && !isExiting(pid)) this.#listener.channelLost();
  }

  async #bury(pid: number, words: Readable, code: number | null, signal: string | null): Promise<void> {
    this.#state = 'dying';
    killGroup(pid);
    await Promise.all([readToQuiet(words), this.#output?.drained()]);
    this.#state = 'gone';
    const output = (this.#output?.tail() ?? []).map((part) => part.text).join('');
    const outOfMemory = code !== 0 && this.#ranOutOfMemory();
    const packageError = this.#packageError ?? this.#missingPackage();
    this.#output?.close();
    words.destroy();
    this.#orders?.destroy();
    this.#listener.exited({ code, signal, output, outOfMemory, ...(packageError && { packageError }) });
  }

  /** It never spoke, and what it should have booted from is gone. */
  #missingPackage(): ErrorRecord | undefined {
    const { introduction, mainPath, directory } = this.#place;
    if (this.#hello !== undefined || existsSync(mainPath)) return undefined;
    return recordOf(whyNothingStarts(introduction, mainPath, directory));
  }

  /** Whether Node left a report that says so; standard error can say anything. */
  #ranOutOfMemory(): boolean {
    if (this.#attempt === null) return false;
    const { slot, generation, attempt } = this.#attempt;
    const report = join(this.#place.directory, 'reports', `${slot}-${generation}-${attempt}.json`);
    try {
      const text = readFileSync(report, 'latin1');
      rmSync(report, { force: true });
      return /"trigger":\s*"OOMError"/.test(text.slice(0, 4096));
    } catch {
      return false;
    }
  }
}

function versionOf({ protocol, package: version }: Introduction): Version {
  return { protocol, package: version };
}

/** What the client makes an error of again, with detail and hint. */
function recordOf({ code, message, detail = '', hint = '' }: GoodbyeDetail): ErrorRecord {
  return { name: 'BgworkerError', code, message, fields: { detail, hint } };
}

/** Kills what is left of a worker's process group. */
function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // ESRCH: nobody is left, which is what was wanted.
  }
}

const PF_EXITING = 4;

/** Whether the kernel has begun to end this process, or it is a zombie already. */
function isExiting(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' || (Number(fields[6]) & PF_EXITING) !== 0;
  } catch {
    return true;
  }
}

function errnoOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : 'UNKNOWN';
}

/** The system says ENOENT and EACCES of the executable and of the working directory alike. */
function whatFailed(worker: BackgroundWorker | null, defaultNodePath: string, error: unknown): string {
  const nodePath = worker?.nodePath ?? defaultNodePath;
  const code = errnoOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') {
    if (worker !== null && !mayEnter(worker.cwd)) return `enter the working directory ${worker.cwd}`;
    return `execute ${nodePath}`;
  }
  return `make a process for ${nodePath}`;
}

function mayEnter(directory: string): boolean {
  try {
    accessSync(directory, constants.X_OK);
    return statSync(directory).isDirectory();
  } catch {
    return false;
  }
}

/** Bytes of memory a process holds, as the kernel counts them; undefined when it is gone. */
export function residentBytes(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
