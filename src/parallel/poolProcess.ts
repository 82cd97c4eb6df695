/**
 * A process that takes calls, as its leader has it: orders go to it over its channel, and what comes back is given to
 * whom it concerns. It may have several orders at once, and carries them out one after the other (poolWorker.ts).
 *
 * What must hold:
 * - An order that was answered is answered, whatever becomes of the process behind it. When the process is gone, all
 *   others fail, with the reason, and only then.
 * - The leader's program is kept alive while an order is not answered, and not by a process that has nothing to do. So
 *   nobody listens then, and its death is seen when somebody looks (`isGone`), or by the order that it did not take.
 */
import { assert, BgworkerError } from '../base/index.js';
import type { BackgroundWorkerHandle, WorkerStopReason } from '../client/index.js';
import {
  causeOf,
  describeScene,
  explainStop,
  PostmasterDiedError,
  WorkerError,
  WorkerStartError,
} from '../client/index.js';
import type { ErrorRecord } from '../core/index.js';
import type { WorkerPlace } from '../protocol/index.js';
import { deserializeValue, serializeValue } from '../protocol/index.js';
import type { Begun, How, Order, Outcome } from './callMessages.js';
import { decodeMessage, encodeMessage, MAX_CARRIED_BYTES } from './callMessages.js';
import { errorOfWorker } from './parallelError.js';

/** What a process is to do. */
export interface Work {
  /** Where it finds the function. */
  readonly place: WorkerPlace;
  /** Call it with the only argument, with each, or with the list of them. */
  readonly how: How;
  /** The one argument, or the list. */
  readonly args: readonly unknown[];
  /** Of a list: the first error ends it. */
  readonly stopAtError: boolean;
  /** Of a list: what is not begun when so many milliseconds are over is given back. Default: all of it is done. */
  readonly withinMs?: number | undefined;
  /** Told as the process's own progress before it begins. */
  readonly progress?: { readonly done: number; readonly total: number | null } | undefined;
}

/** What came of it. */
export interface Answer {
  /** In the order of the arguments; for `call` and `accumulate` one. Undefined where there is an error, or it did not run. */
  readonly values: readonly unknown[];
  /** By the place of the argument; for `call` and `accumulate` 0. */
  readonly errors: ReadonlyMap<number, Error>;
  /** How many of the arguments, from the first, were dealt with; the rest was given back. */
  readonly done: number;
  /** What the only call threw, or why nothing could be called, read or sent. It stands in every place that lacks an error. */
  readonly failure: Error | null;
  /** How long it ran in the process, in milliseconds. */
  readonly ms: number;
  /** Of the values, serialised. */
  readonly bytes: number;
}

/** Work that is ready to be sent, whatever happens to its arguments from now on. */
export interface Parcel {
  readonly order: Omit<Order, 'id' | keyof WorkerPlace>;
  readonly count: number;
  /** Which of the arguments stand in it; null: all. */
  readonly places: readonly number[] | null;
  /** Those that cannot be sent. */
  readonly refused: readonly (readonly [number, Error])[];
}

/** What was handed to a process. */
export interface Handed {
  readonly answer: Promise<Answer>;
  /** Whether the process was heard to begin with it. If it is gone and was not, nothing of it was done. */
  readonly hasBegun: boolean;
}

/** Who is told what becomes of an order: one of the two, in the moment in which it is known. */
export interface Concerned {
  answered(answer: Answer): void;
  /** `hasBegun`: the process was heard to begin with it. If not, and it is gone, nothing of it was done. */
  failed(error: unknown, hasBegun: boolean): void;
}

interface Pending {
  readonly place: WorkerPlace;
  readonly parcel: Parcel;
  readonly concerned: Concerned;
  hasBegun: boolean;
}

export interface PoolProcessOptions {
  /** Of those of the same leader, from 0. */
  readonly number: number;
  readonly handle: BackgroundWorkerHandle;
  readonly terminateTimeoutMs: number;
}

export class PoolProcess {
  /** Of those of the same leader, from 0. */
  readonly number: number;
  readonly handle: BackgroundWorkerHandle;
  readonly #terminateTimeoutMs: number;
  readonly #pending = new Map<number, Pending>();
  #orders = 0;
  #isListening = false;
  /** Makes the error of each order that it had. */
  #failure: ((place: WorkerPlace) => unknown) | undefined;
  #ending: Promise<void> | undefined;

  constructor({ number, handle, terminateTimeoutMs }: PoolProcessOptions) {
    this.number = number;
    this.handle = handle;
    this.#terminateTimeoutMs = terminateTimeoutMs;
  }

  /** Nothing can be expected of it any more, as far as is known. */
  get isGone(): boolean {
    const { status } = this.handle;
    return this.#failure !== undefined || status === 'stopped' || status === 'postmasterDied';
  }

  /** Orders that were not answered yet. */
  get unanswered(): number {
    return this.#pending.size;
  }

  /** Null when it has started, and otherwise why not. */
  async whyNotStarted(): Promise<unknown> {
    try {
      const answer = await this.handle.waitForStartup();
      if (answer.status === 'started') return null;
      return answer.status === 'stopped' ? errorOfEnd(this.handle, answer.reason) : this.#postmasterDied();
    } catch (error) {
      return error;
    }
  }

  /**
   * Carries out the work, behind what was asked for before. Errors of single arguments stand in the answer; rejects when
   * the process is gone (`WorkerError`, or `WorkerStartError`), with `PostmasterDiedError`, and when there is too much
   * to be sent.
   */
  perform(work: Work): Promise<Answer> {
    return this.hand(work.place, pack(work)).answer;
  }

  /** The same for what was packed before; the answer is a promise like any other. */
  hand(place: WorkerPlace, parcel: Parcel): Handed {
    let begun = false;
    const answer = new Promise<Answer>((answered, reject) => {
      const failed = (error: unknown, hasBegun: boolean): void => {
        begun = hasBegun;
        reject(error);
      };
      this.give(place, parcel, { answered, failed });
    });
    return {
      answer,
      get hasBegun() {
        return begun;
      },
    };
  }

  /** The same for one who must know in the moment in which it is known. */
  give(place: WorkerPlace, parcel: Parcel, concerned: Concerned): void {
    if (this.#failure !== undefined) return concerned.failed(this.#failure(place), false);
    const id = ++this.#orders;
    this.#pending.set(id, { place, parcel, concerned, hasBegun: false });
    void this.#send(id, { ...parcel.order, ...place, id });
    void this.#listen();
  }

  /** Resolves when it is gone. Safe to call again; never throws. */
  kill(): Promise<void> {
    this.#ending ??= this.#end(this.#terminateTimeoutMs);
    return this.#ending;
  }

  async #end(timeoutMs: number): Promise<void> {
    try {
      await this.handle.terminate({ timeoutMs });
      await this.handle.waitForShutdown();
    } catch {
      // We left, or the connection failed: its life is tied to that.
    }
  }

  async #send(id: number, order: Order): Promise<void> {
    try {
      await this.handle.channel.sendBytes(encodeMessage(order));
    } catch (error) {
      const { code } = error as { readonly code?: unknown };
      // Who listens is told in a moment, and knows why.
      if (code === 'ERR_CHANNEL_CLOSED') return;
      // We have left the postmaster, for example: nothing more can be had of the process.
      if (code !== 'ERR_CHANNEL_MESSAGE_TOO_LONG' && code !== 'ERR_CHANNEL_QUEUE_FULL') return this.#fail(() => error);
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      pending?.concerned.failed(error, false);
    }
  }

  async #listen(): Promise<void> {
    if (this.#isListening) return;
    this.#isListening = true;
    const { channel } = this.handle;
    try {
      while (this.#pending.size > 0) {
        const { done, value } = await channel.receiveBytes();
        if (done === true) return this.#fail(await this.#whyGone());
        this.#heard(decodeMessage<Begun | Outcome>(value));
      }
    } catch (error) {
      this.#fail(() => error);
    } finally {
      this.#isListening = false;
    }
  }

  #fail(failure: (place: WorkerPlace) => unknown): void {
    this.#failure ??= failure;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { place, concerned, hasBegun } of pending) concerned.failed(failure(place), hasBegun);
  }

  #heard(message: Begun | Outcome): void {
    const pending = this.#pending.get(message.id);
    // It could not be sent whole, and is settled.
    if (pending === undefined) return;
    if (message.ms === null) {
      pending.hasBegun = true;
      return;
    }
    this.#pending.delete(message.id);
    const { concerned, parcel } = pending;
    let answer: Answer;
    try {
      answer = this.#read(parcel, message);
    } catch (error) {
      return concerned.failed(error, true);
    }
    concerned.answered(answer);
  }

  #read({ order, count, places, refused }: Parcel, { ms, done, bytes, errors, failure }: Outcome): Answer {
    const values = new Array<unknown>(count).fill(undefined);
    const errorsAt = new Map(refused);
    const placeOf = (index: number): number => places?.[index] ?? index;
    for (const [index, record] of errors) errorsAt.set(placeOf(index), this.#thrown(record));
    const error = failure === null ? null : this.#thrown(failure);
    for (let place = 0; error !== null && place < count; place++) {
      if (!errorsAt.has(place)) errorsAt.set(place, error);
    }
    if (failure === null) {
      const value = deserializeValue(bytes);
      const found = order.how === 'map' ? (value as readonly unknown[]) : [value];
      for (const [index, one] of found.entries()) values[placeOf(index)] = one;
    }
    const isCut = failure === null && order.withinMs !== null;
    return { values, errors: errorsAt, done: isCut ? done : count, failure: error, ms, bytes: bytes.byteLength };
  }

  #thrown(record: ErrorRecord): Error {
    return errorOfWorker(record, this.number, this.handle.pid);
  }

  /** Its channel is over, which comes with its end; one that broke the rules of the channel is ended. */
  async #whyGone(): Promise<(place: WorkerPlace) => Error> {
    await this.handle.terminate({ timeoutMs: 0 });
    const answer = await this.handle.waitForShutdown();
    if (answer.status === 'postmasterDied') return () => this.#postmasterDied();
    return (place) => errorOfEnd(this.handle, answer.reason, place);
  }

  #postmasterDied(): Error {
    return new PostmasterDiedError(`it was the postmaster of ${this.handle.name} (${this.handle.id})`);
  }
}

/**
 * Serialises the arguments now. Of a list, one that cannot be sent is an error in its place; otherwise this throws
 * `ERR_NOT_SERIALIZABLE` or `ERR_ARGUMENT_TOO_LARGE`.
 */
export function pack({ how, args, stopAtError, withinMs, progress }: Omit<Work, 'place'>): Parcel {
  const order = { how, stopAtError, withinMs: withinMs ?? null, progress: progress ?? null };
  const whole = { count: 1, places: null, refused: [] };
  if (how === 'call') return { ...whole, order: { ...order, bytes: checked(serializeValue(args[0], 'argument')) } };
  try {
    const bytes = checked(serializeValue(args, 'items'));
    return { ...whole, count: how === 'map' ? args.length : 1, order: { ...order, bytes } };
  } catch (error) {
    if (how !== 'map') throw error;
  }
  const refused: (readonly [number, Error])[] = [];
  const places: number[] = [];
  let roomBytes = MAX_CARRIED_BYTES;
  for (const [index, arg] of args.entries()) {
    try {
      roomBytes -= checked(serializeValue(arg, 'item'), roomBytes).byteLength;
      places.push(index);
    } catch (error) {
      assert(error instanceof Error, 'what cannot be sent is refused by an error');
      refused.push([index, error]);
    }
  }
  const found = places.map((place) => args[place]);
  const bytes = serializeValue(found, 'items');
  // How many were done of all that there are could not be told.
  return { count: args.length, places, refused, order: { ...order, withinMs: null, bytes } };
}

function checked(bytes: Uint8Array, roomBytes = MAX_CARRIED_BYTES): Uint8Array {
  if (bytes.byteLength <= roomBytes) return bytes;
  throw new BgworkerError('ERR_ARGUMENT_TOO_LARGE', 'the argument is too large', {
    detail: `${bytes.byteLength} bytes, ${roomBytes} are allowed`,
    hint: 'leave the data in a file, a database or a segment, and send its name',
  });
}

/** Why there is no answer. `place`: of the function that it was to call. */
function errorOfEnd(handle: BackgroundWorkerHandle, reason: WorkerStopReason, place?: WorkerPlace): Error {
  const { what, hint } = explainStop(reason);
  const name = `background worker ${JSON.stringify(handle.name)}`;
  const options = {
    ...{ reason, handle },
    ...hint,
    ...(place !== undefined && { detail: `it had ${place.exportName} of ${place.module}` }),
    ...causeOf(reason),
  };
  if (reason.enteredAt !== null) return new WorkerError(`${name} ${what}`, options);
  const message = `${name} could not be started: it ${what}\n${describeScene(reason, 'bgworker/parallel')}`;
  return new WorkerStartError(message, { ...options, willRestart: false });
}
