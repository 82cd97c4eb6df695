/**
 * What every parallel worker runs: it comes to the leader's memory, says that it is there, and does one run after the other
 * as the command queue brings them, until that ends.
 *
 * - Before it has the error queue, no error of its own can reach the leader, which is told by the postmaster that the worker
 *   has ended (R-PAR-11). From then on whatever goes wrong is said there first, and then thrown: the process ends in
 *   failure, so that nobody takes for complete what it had begun in shared memory.
 * - A worker that has no run waits for the leader alone. If that has gone, in whatever way, it has nothing to do and returns.
 * - A worker whose memory is lost, with its connection, cannot be heard any more: it goes on for nobody, and ends.
 *
 * PostgreSQL: ParallelWorkerMain (R-PAR-10).
 */
import type { LongTimer } from '../base/index.js';
import { BgworkerError, startLongTimer } from '../base/index.js';
import type { DsmSegment } from '../dsm/index.js';
import { attachSegment } from '../dsm/index.js';
import { deserializeValue, toErrorRecord } from '../protocol/index.js';
import type { MessageReceiver, MessageSender } from '../shm/index.js';
import { TableOfContents } from '../shm/index.js';
import type { WorkerFunction } from '../worker/forParallel.js';
import { exportNames, findFunction } from '../worker/forParallel.js';
import type { WorkerContext } from '../worker/index.js';
import { defineWorker } from '../worker/index.js';
import type { RunCommand } from './commandQueue.js';
import { decodeCommand } from './commandQueue.js';
import { CONTENTS_KEYS } from './contentsKeys.js';
import type { ErrorQueueMessage } from './errorQueue.js';
import { attachQueue, encodeMessage } from './errorQueue.js';
import type { ParticipantReport } from './explain.js';
import type { Participant } from './participant.js';
import { makeParticipant } from './participant.js';

/** What a parallel worker is registered with. PostgreSQL: bgw_main_arg and bgw_extra. */
export interface ParallelWorkerArgument {
  /** Its handle. */
  readonly segment: string;
  /** From 0. */
  readonly number: number;
}

/** PostgreSQL has it under the same name. */
export const ParallelWorkerMain = defineWorker(
  import.meta,
  async (ctx: WorkerContext, { segment: handle, number }: ParallelWorkerArgument): Promise<void> => {
    const segment = await attachSegment(handle, { client: await ctx.client });
    const contents = TableOfContents.attach(segment.chunk());
    const errors = attachQueue(segment, contents, CONTENTS_KEYS.errorQueues, number).sender();
    const commands = attachQueue(segment, contents, CONTENTS_KEYS.commandQueues, number).receiver();
    const worker = new ParallelWorker(ctx, { number, segment, contents, errors });
    await worker.say({ type: 'attached', pid: process.pid });
    for (;;) {
      const command = await nextCommand(commands, worker.heededSignal);
      if (command === null) return;
      await worker.run(command);
    }
  },
);

/** Null when there will be none: the leader has let us go, or is gone, or we are asked to stop. */
async function nextCommand(commands: MessageReceiver, signal: AbortSignal | undefined): Promise<RunCommand | null> {
  let message: Uint8Array | 'detached';
  try {
    message = await commands.receive({ signal });
  } catch (error) {
    // Also where our memory is lost: nobody hears us any more.
    const isOver = signal?.aborted === true || (error instanceof BgworkerError && error.code !== 'ERR_QUEUE_CORRUPT');
    if (!isOver) throw error;
    return null;
  }
  return message === 'detached' ? null : decodeCommand(message);
}

interface Parts {
  readonly number: number;
  readonly segment: DsmSegment;
  readonly contents: TableOfContents;
  readonly errors: MessageSender;
}

class ParallelWorker {
  readonly #ctx: WorkerContext;
  readonly #parts: Parts;
  /** Somebody looks at ctx.signal, so the process does not end by itself when it is asked to. */
  #hasHeeded = false;
  /** Ends the run under way when the memory is lost. */
  #lost: ((error: Error) => void) | undefined;

  constructor(ctx: WorkerContext, parts: Parts) {
    this.#ctx = ctx;
    this.#parts = parts;
    parts.segment.onDetach(() => {
      this.#lost?.(new BgworkerError('ERR_MEMORY_LOST', 'the memory of this parallel worker was lost'));
    });
  }

  /** For a wait between two runs; undefined as long as an order to stop ends the process anyway. */
  get heededSignal(): AbortSignal | undefined {
    return this.#hasHeeded ? this.#ctx.signal : undefined;
  }

  async say(message: ErrorQueueMessage): Promise<void> {
    await this.#parts.errors.send(encodeMessage(message));
  }

  /** Where nobody hears it any more, what was to be said is thrown all the same. */
  async #trySay(message: ErrorQueueMessage): Promise<void> {
    try {
      await this.say(message);
    } catch (error) {
      if (!(error instanceof BgworkerError)) throw error;
    }
  }

  async run(command: RunCommand): Promise<void> {
    const { number } = this.#parts;
    const beganAt = performance.now();
    const progress = new ProgressLine(this.#parts.errors);
    try {
      const participant = this.#participant(command, progress);
      await this.#unlessLost(callEntryPoint(command, participant));
      progress.flush();
      const { rows, bytes, waitMs } = participant.counts;
      const runMs = performance.now() - beganAt;
      const report: ParticipantReport = { number, pid: process.pid, rows, runMs, waitMs, bytes };
      await this.say({ type: 'finished', report });
    } catch (error) {
      progress.stop();
      await this.#trySay({ type: 'error', record: toErrorRecord(error) });
      throw error;
    }
  }

  #participant({ workersPlanned }: RunCommand, progress: ProgressLine): Participant {
    const { number, contents } = this.#parts;
    const signal = (): AbortSignal => {
      this.#hasHeeded = true;
      return this.#ctx.signal;
    };
    return makeParticipant({
      number,
      workersPlanned,
      contents,
      signal,
      context: this.#ctx,
      progress: (done, total) => progress.report(done, total),
    });
  }

  #unlessLost(running: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#lost = reject;
      running.then(resolve, reject).finally(() => {
        this.#lost = undefined;
      });
    });
  }
}

async function callEntryPoint({ module, exportName, arg }: RunCommand, participant: Participant): Promise<void> {
  const fn = await loadFunction(module, exportName);
  await fn(participant as never, deserializeValue(arg) as never);
}

/** By module and name. Node keeps modules too, but is asked for one only by a detour. */
const functions = new Map<string, WorkerFunction>();

/** What a module exports under a name, an entry point or a plan. Throws `ERR_NO_ENTRY_POINT`. @internal */
export async function loadFunction(module: string, exportName: string): Promise<WorkerFunction> {
  const key = `${module} ${exportName}`;
  const known = functions.get(key);
  if (known !== undefined) return known;
  const namespace = await importModule(module);
  const fn = findFunction(namespace, exportName);
  if (fn !== undefined) {
    functions.set(key, fn);
    return fn;
  }
  throw new BgworkerError('ERR_NO_ENTRY_POINT', 'the module of the entry point does not export it in this worker', {
    detail: `${JSON.stringify(exportName)} of ${module}`,
    hint: `it exports ${exportNames(namespace).join(', ') || 'nothing'}; what it exports must not depend on the process`,
  });
}

async function importModule(module: string): Promise<object> {
  try {
    return (await import(module)) as object;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BgworkerError('ERR_NO_ENTRY_POINT', `the module of the entry point cannot be imported: ${why}`, {
      detail: module,
      hint: 'a worker imports it anew, after the leader did: it must still be there, and must not need what only the leader has',
      cause,
    });
  }
}

/** Nobody sees more. */
const PROGRESS_EVERY_MS = 50;

/** Tells the newest progress, now and then, without ever waiting for room. */
class ProgressLine {
  readonly #errors: MessageSender;
  #toldAt = -PROGRESS_EVERY_MS;
  #pending: { readonly done: number; readonly total: number | null } | null = null;
  #timer: LongTimer | undefined;

  constructor(errors: MessageSender) {
    this.#errors = errors;
  }

  report(done: number, total: number | null): void {
    this.#pending = { done, total };
    const waitMs = this.#toldAt + PROGRESS_EVERY_MS - performance.now();
    if (waitMs <= 0) this.flush();
    else this.#timer ??= startLongTimer(waitMs, () => this.flush(), { keepsAlive: false });
  }

  /** Tells what was held back; what finds no room is held back again. */
  flush(): void {
    this.stop();
    if (this.#pending === null) return;
    this.#toldAt = performance.now();
    const message = encodeMessage({ type: 'progress', progress: this.#pending });
    if (this.#errors.trySend(message) !== 'wouldBlock') this.#pending = null;
  }

  stop(): void {
    this.#timer?.stop();
    this.#timer = undefined;
  }
}
