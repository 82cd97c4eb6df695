/**
 * What a worker's function is given as its first argument: types only. context.ts makes one; everything it offers
 * stands here with what may be relied on.
 */
import type { Client } from '../client/index.js';
import type { LatchEvent, LatchWaitOptions, ReceiveOptions } from '../protocol/index.js';
import type { Log } from './log.js';

/** Which worker this is: PostgreSQL's MyBgworkerEntry. */
export interface WorkerEntry {
  /** For people: titles, logs, `bgworker ps`. */
  readonly name: string;
  /** What kind of worker it is. */
  readonly type: string;
  /** Which limit it counts against. */
  readonly class: string;
  /** A file URL. */
  readonly module: string;
  /** The export that is called; null in a script. */
  readonly functionName: string | null;
  /** As `handle.toString()` has it in the process that registered this worker; any process can use it. */
  readonly handle: string;
  /** Which attempt to run this worker it is, counted from 1. */
  readonly attempt: number;
  /** Whether it is started again, as it was registered. */
  readonly restart: 'never' | 'onFailure' | 'always';
}

/** What a worker's function is given as its first argument. */
export interface WorkerContext {
  /** Which worker this is. */
  readonly entry: WorkerEntry;

  /**
   * Aborts when this worker is asked to stop; the reason is an error whose `code` says why: ERR_WORKER_TERMINATED,
   * ERR_WORKER_RESTARTING, ERR_WORKER_RAN_TOO_LONG, ERR_CLIENT_GONE, ERR_POSTMASTER_SHUTDOWN, ERR_WORKER_SIGNALED (a
   * SIGTERM from elsewhere) or ERR_POSTMASTER_DIED. From then on it has `terminateTimeoutMs` (5 s by default; after the
   * postmaster's death 1 s) until it is killed.
   *
   * A worker that never looks at it, uses nothing that ends with it (`terminated`, `sleep`, `every`, `latch`), and has
   * no listener for SIGTERM, ends at once when it is asked to stop. A function that rejects with the reason, or with
   * an AbortError made of it, has stopped as it was asked to, and not failed.
   */
  readonly signal: AbortSignal;

  /** Resolves when this worker is asked to stop. */
  readonly terminated: Promise<void>;

  /** True when the time is over; false, at once, when this worker is asked to stop. */
  sleep(ms: number): Promise<boolean>;

  /**
   * Ticks every `ms` milliseconds, the first time after `ms`, until this worker is asked to stop: then the loop ends.
   * The rate is fixed and does not drift; ticks that come due while the loop's body runs are skipped. Gives the number
   * of the tick, counted from 1 and with skipped ones, so a gap shows.
   */
  every(ms: number): AsyncIterable<number>;

  /**
   * This worker's own latch. It is also set when the worker is asked to reload and when something arrives in its channel.
   * `wait` also ends, with the signal's reason, when the worker is asked to stop.
   */
  readonly latch: ContextLatch;

  /** Says that this worker can do its work now: `waitForStartup({ until: 'ready' })` resolves. Further calls do nothing. */
  ready(): void;

  /**
   * Tells how far it is. As cheap to call as often as one likes: the newest is sent at most 20 times a second, and the
   * last one always.
   */
  progress(done: number, total?: number): void;

  /** Lines for the postmaster's log, with this worker's name. What is printed goes to the worker's output instead. */
  readonly log: Log;

  /**
   * Both directions to whoever opens `handle.channel`: `send(value)`, `for await (const value of ctx.channel)`. Ends
   * when that client ends it or is gone; from then on `ctx.channel` is the channel to the next one.
   */
  readonly channel: WorkerChannel;

  /**
   * A client of the same postmaster, connected when it is first asked for: `const client = await ctx.client`. Rejects
   * with ERR_NOT_ATTACHED when this worker was registered with `attach: false`.
   */
  readonly client: Promise<Client>;

  /** Calls `listener` on SIGHUP and on the postmaster's order to reload. Gives the function that ends that. */
  onReload(listener: () => void): () => void;
}

/** A flag that one can wait for: set it from anywhere in this process, wait in one place. PostgreSQL: MyLatch. */
export interface ContextLatch {
  /** Whether it was set since the last reset. */
  readonly isSet: boolean;
  /** Ends every wait for it, now and until the reset. */
  set(): void;
  /** Reset first, then look at what there is to do, then wait: in this order nothing is lost. */
  reset(): void;
  /** Resolves at once while it is set. Rejects with the reason of `ctx.signal` when this worker is asked to stop. */
  wait(options?: LatchWaitOptions): Promise<LatchEvent>;
}

/** The worker's end of its channel; `for await (const value of ctx.channel)` reads it. */
export interface WorkerChannel extends AsyncIterable<unknown> {
  /** Resolves when the value is on its way; awaiting each send is all the back-pressure one needs. */
  send(value: unknown): Promise<void>;
  /** The next value; `done` after the last one. */
  receive(options?: ReceiveOptions): Promise<IteratorResult<unknown, undefined>>;
  /** Nothing more will be sent from here; the client's loop ends. */
  end(): void;
  /** How the other side ended. */
  readonly closed: Promise<'ended' | 'peerGone'>;
}

/**
 * A worker's function. What it returns is the worker's result: anything structured clone carries, to 1 MiB.
 */
export type BackgroundWorkerFunction<Arg = unknown, Result = unknown> = (
  ctx: WorkerContext,
  arg: Arg,
) => Result | Promise<Result>;
