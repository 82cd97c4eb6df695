/**
 * What runs in a process of a pool or of a parallel map: it takes orders from its channel, one after the other, calls
 * the function that each names, and answers. It runs on every start, so it brings nothing along that a process with a
 * channel does not have anyway.
 *
 * What must hold:
 * - An order is said to have begun before anything of the user's runs for it, its module's import included.
 * - Nothing that a call throws, returns or cannot read ends the process; only what ends any process does.
 * - While a call runs nothing else is waited for, so a call that can never settle is found out as in any other worker:
 *   the event loop is empty, and the process says `neverSettled`.
 * - It ends by itself when its leader ends the channel or is gone, and when it is asked to stop: at once, unless a call has
 *   looked at `ctx.signal`; then as soon as that call is over.
 */
import { BgworkerError } from '../base/index.js';
import type { ByteChannel } from '../protocol/index.js';
import { deserializeValue, serializeValue, toErrorRecord } from '../protocol/index.js';
import type { WorkerFunction } from '../worker/forParallel.js';
import { exportNames, findFunction } from '../worker/forParallel.js';
import type { WorkerContext } from '../worker/index.js';
import { defineWorker } from '../worker/index.js';
import type { Begun, Order, Outcome } from './callMessages.js';
import { decodeMessage, encodeMessage, MAX_CARRIED_BYTES, NO_BYTES } from './callMessages.js';
import { noChannel } from './ownChannel.js';
import { importUserModule } from './userModule.js';

export const parallelCalls = defineWorker(import.meta, (ctx) => new PoolWorker(ctx).work());

type Errors = [number, ReturnType<typeof toErrorRecord>][];

class PoolWorker {
  readonly #ctx: WorkerContext;
  readonly #channel: ByteChannel;
  readonly #face: WorkerContext;
  readonly #functions = new Map<string, WorkerFunction>();
  /** Ends the wait for an order. */
  readonly #idle = new AbortController();
  #state: 'idle' | 'atWork' = 'idle';
  #heedsStop = false;

  constructor(ctx: WorkerContext) {
    this.#ctx = ctx;
    // As it is now: behind it comes that of another client, who is not our leader.
    this.#channel = ctx.channel as unknown as ByteChannel;
    this.#face = this.#makeFace();
  }

  /** Until the leader wants no more. */
  async work(): Promise<void> {
    for (;;) {
      const signal = this.#heedsStop ? this.#ctx.signal : this.#idle.signal;
      const { done, value } = await this.#channel.receiveBytes({ signal });
      if (done === true) return;
      this.#state = 'atWork';
      const order = decodeMessage<Order>(value);
      void this.#say({ id: order.id, ms: null });
      const outcome = await this.#carryOut(order);
      const problem = await this.#say(outcome);
      if (problem !== null) await this.#say(failed(order.id, outcome.ms, problem));
      this.#state = 'idle';
    }
  }

  /** What is wrong with it, if it is; a leader that is gone ends the next wait for an order. */
  async #say(message: Begun | Outcome): Promise<unknown> {
    try {
      await this.#channel.sendBytes(encodeMessage(message));
      return null;
    } catch (error) {
      return (error as { readonly code?: unknown }).code === 'ERR_CHANNEL_CLOSED' ? null : error;
    }
  }

  async #carryOut(order: Order): Promise<Outcome> {
    const { id, how, progress } = order;
    const errors: Errors = [];
    const startedAt = performance.now();
    const spent = (): number => performance.now() - startedAt;
    try {
      const fn = this.#functions.get(keyOf(order)) ?? (await this.#find(order));
      if (progress !== null) this.#ctx.progress(progress.done, progress.total ?? undefined);
      const arg = deserializeValue(order.bytes);
      if (how !== 'map') {
        const value = await fn(this.#face as never, arg as never);
        const ms = spent();
        return { id, ms, done: 1, bytes: checked(serializeValue(value, 'result')), errors, failure: null };
      }
      const items = arg as unknown[];
      const values = await this.#callWithEach(fn, items, order, errors);
      const ms = spent();
      // Behind an error that ends it nothing is wanted.
      const done = order.stopAtError && errors.length > 0 ? items.length : values.length;
      return { id, ms, done, bytes: serializeAll(values, errors), errors, failure: null };
    } catch (error) {
      return failed(id, spent(), error);
    }
  }

  async #callWithEach(
    fn: WorkerFunction,
    items: readonly unknown[],
    { stopAtError, withinMs }: Order,
    errors: Errors,
  ): Promise<unknown[]> {
    const values: unknown[] = [];
    const until = withinMs === null ? Infinity : performance.now() + withinMs;
    for (const [index, item] of items.entries()) {
      try {
        const value = fn(this.#face as never, item as never);
        // Waiting for what is there already would take a turn for each item.
        values[index] = isThenable(value) ? await value : value;
      } catch (error) {
        values[index] = undefined;
        errors.push([index, toErrorRecord(error)]);
        if (stopAtError) break;
      }
      if (until !== Infinity && performance.now() > until) break;
    }
    return values;
  }

  async #find(order: Order): Promise<WorkerFunction> {
    const { module, exportName } = order;
    const namespace = await load(module);
    const found = findFunction(namespace, exportName);
    if (found === undefined) {
      throw new BgworkerError('ERR_WORKER_NOT_EXPORTED', 'worker is not an export of its module', {
        detail: `${module} has no function ${exportName}; it exports ${exportNames(namespace).join(', ') || 'nothing'}`,
        hint: 'export it under the name it is called by, in every process that imports the module',
      });
    }
    this.#functions.set(keyOf(order), found);
    return found;
  }

  /** What the functions are given: this process's own context, but for what belongs to the leader. */
  #makeFace(): WorkerContext {
    const { entry, progress, log, onReload } = this.#ctx;
    const heeded = (): WorkerContext => this.#heed();
    const ctx = this.#ctx;
    return Object.freeze({
      entry,
      get signal() {
        return heeded().signal;
      },
      get terminated() {
        return heeded().terminated;
      },
      sleep: (ms: number) => heeded().sleep(ms),
      every: (ms: number) => heeded().every(ms),
      get latch() {
        return heeded().latch;
      },
      ready: () => {},
      progress,
      log,
      channel: noChannel,
      get client() {
        return ctx.client;
      },
      onReload,
    });
  }

  /** A call takes care of its own end, so from now on we have to take care of ours. */
  #heed(): WorkerContext {
    if (!this.#heedsStop) {
      this.#heedsStop = true;
      // What an earlier call has left running looks at it only now: nobody else would end the wait for an order.
      const { signal } = this.#ctx;
      if (this.#state === 'idle') signal.addEventListener('abort', () => this.#idle.abort(signal.reason));
    }
    return this.#ctx;
  }
}

/** A module that failed is tried again by the next call: what it needs may be there then. */
async function load(module: string): Promise<object> {
  try {
    return await importUserModule(module);
  } catch (error) {
    throw new BgworkerError('ERR_MODULE_NOT_LOADED', 'a parallel worker cannot import the module of its function', {
      detail: `${module}: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'it is imported in a process of its own, by the flags and the environment of that process',
      cause: error,
    });
  }
}

/** One that cannot be sent is an error in its place. */
function serializeAll(values: readonly unknown[], errors: Errors): Uint8Array {
  try {
    return checked(serializeValue(values, 'results'));
  } catch {
    let roomBytes = MAX_CARRIED_BYTES;
    const sendable = values.map((value, index) => {
      try {
        roomBytes -= checked(serializeValue(value, 'result'), roomBytes).byteLength;
        return value;
      } catch (error) {
        errors.push([index, toErrorRecord(error)]);
        return undefined;
      }
    });
    return serializeValue(sendable, 'results');
  }
}

function checked(bytes: Uint8Array, roomBytes = MAX_CARRIED_BYTES): Uint8Array {
  if (bytes.byteLength <= roomBytes) return bytes;
  throw new BgworkerError('ERR_RESULT_TOO_LARGE', 'the result is too large', {
    detail: `${bytes.byteLength} bytes, ${roomBytes} are allowed`,
    hint: 'leave the data in a file, a database or a segment, and return its name',
  });
}

function failed(id: number, ms: number, error: unknown): Outcome {
  return { id, ms, done: 0, bytes: NO_BYTES, errors: [], failure: toErrorRecord(error) };
}

function keyOf({ module, exportName }: Order): string {
  return `${module}#${exportName}`;
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value;
}
