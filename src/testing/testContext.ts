/**
 * A context for a worker's function alone, without any postmaster: the test calls the function with it, moves the clock,
 * asks it to stop, and looks at what it said.
 */
import type { Client, Progress } from '../client/index.js';
import type { Channel as AnyChannel, WorkerValue } from '../protocol/index.js';
import { Channel, deserializeValue, isWorkerValue, serializeValue, workerBrand } from '../protocol/index.js';
import type { WorkerChannel, WorkerContext, WorkerEntry } from '../worker/index.js';
import type { StopOrigin } from '../worker/withoutProcess.js';
import { WorkerStopped } from '../worker/withoutProcess.js';
import { ContextFace, notAttached } from './contextFace.js';
import type { LogLine } from './logLine.js';
import { StopSignal } from './stopSignal.js';
import type { TestClock } from './testClock.js';
import { createTestClock } from './testClock.js';

/** What the function finds in its context. */
export interface TestContextOptions {
  /** What `ctx.entry` says. Default: the first attempt of a worker `worker` that is never restarted. */
  readonly entry?: Partial<WorkerEntry> | undefined;
  /** Default: one of its own. */
  readonly clock?: TestClock | undefined;
  /** What `ctx.client` gives, a fake postmaster's for example. Default: it rejects with `ERR_NOT_ATTACHED`. */
  readonly client?: Client | undefined;
}

const ENTRY: WorkerEntry = {
  name: 'worker',
  type: 'worker',
  class: 'default',
  module: 'file:///worker.js',
  functionName: 'worker',
  handle: 'test:0:1',
  attempt: 1,
  restart: 'never',
};

/** Makes a context for a worker's function alone: call the function with its `ctx`. */
export function createTestContext(options: TestContextOptions = {}): TestContext {
  return new TestContext(options);
}

/** A context for a worker's function alone, what it said through it, and the test's end of it. */
export class TestContext {
  /** What the function is called with. */
  readonly ctx: WorkerContext;
  /** The time of `ctx.sleep`, `ctx.every` and the latch. */
  readonly clock: TestClock;
  /** The client's end of `ctx.channel`. */
  readonly channel: WorkerChannel;
  readonly #stop = new StopSignal();
  readonly #face: ContextFace;
  readonly #log: LogLine[] = [];
  readonly #progress: Progress[] = [];
  #isReady = false;
  /** A process would be over. */
  readonly #endedAtOnce: ((reason: WorkerStopped) => void)[] = [];

  /** @internal Made by `createTestContext`. */
  constructor({ entry, clock = createTestClock(), client }: TestContextOptions) {
    const { own, peer } = makeChannel(() => this.#face.wake());
    this.clock = clock;
    this.channel = peer;
    this.#face = new ContextFace({
      entry: Object.freeze({ ...ENTRY, ...entry }),
      time: clock,
      stop: this.#stop,
      ready: () => {
        this.#isReady = true;
      },
      progress: (done, total) => void this.#progress.push({ done, total }),
      log: (level, message, fields) => void this.#log.push({ level, message, fields: fields ?? {} }),
      channel: () => own,
      client: async () => {
        if (client !== undefined) return client;
        throw notAttached('a test context without a client', 'give it one: createTestContext({ client })');
      },
    });
    this.ctx = this.#face.ctx;
  }

  /** Whether it called `ctx.ready()`. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Every call of `ctx.progress()`. `total` is null where it was left out. */
  get progress(): readonly Progress[] {
    return this.#progress;
  }

  /** Every line of `ctx.log`. */
  get log(): readonly LogLine[] {
    return this.#log;
  }

  /**
   * Whether it has taken its end into its own hands: it has read `ctx.signal`, or used something that ends with it. One
   * that has not ends at once when it is asked to stop.
   */
  get heedsStop(): boolean {
    return this.#stop.isHeeded;
  }

  /**
   * Calls a worker's function, or any function of `(ctx, arg)`. Argument and result are copied as they would be on their
   * way between processes, so what cannot be sent is refused with `ERR_NOT_SERIALIZABLE`. Rejects with what it throws,
   * and, when it is asked to stop and does not heed that, with the reason.
   */
  async run<Arg = void, Result = unknown>(
    worker: WorkerValue<Arg, Result> | ((ctx: WorkerContext, arg: Arg) => Result | Promise<Result>),
    ...[arg]: undefined extends Arg ? [arg?: Arg] : [arg: Arg]
  ): Promise<Result> {
    const fn = isWorkerValue(worker) ? (worker as WorkerValue<Arg, Result>)[workerBrand].fn : worker;
    const copy = copied(arg, 'mainArg') as Arg;
    const endedAtOnce = new Promise<never>((_, reject) => this.#endedAtOnce.push(reject));
    const result = await Promise.race([fn(this.ctx as never, copy), endedAtOnce]);
    return copied(result, 'result') as Result;
  }

  /** Asks it to stop. Resolves when all has followed that follows without the clock moving. Only the first call counts. */
  terminate(origin: StopOrigin = 'terminate'): Promise<void> {
    if (this.#stop.isHeeded) this.#stop.abort(origin);
    else for (const end of this.#endedAtOnce.splice(0)) end(new WorkerStopped(origin));
    return this.clock.settled();
  }

  /** Asks it to reload. Resolves as `terminate` does. */
  reload(): Promise<void> {
    this.#face.reload();
    return this.clock.settled();
  }
}

function copied(value: unknown, what: string): unknown {
  return value === undefined ? undefined : deserializeValue(serializeValue(value, what));
}

/** Two ends; what one says the other hears when the speaker is done. */
function makeChannel(arrived: () => void): { readonly own: AnyChannel; readonly peer: AnyChannel } {
  const own: AnyChannel = new Channel({ send: (message, bytes) => later(() => peer.accept(message, bytes)) });
  const peer: AnyChannel = new Channel({
    send: (message, bytes) =>
      later(() => {
        own.accept(message, bytes);
        if (message.type !== 'channelCredit') arrived();
      }),
  });
  return { own, peer };
}

function later(act: () => void): void {
  void Promise.resolve().then(act);
}
