/**
 * What travels beside the header: the argument of a worker and the result of its run, bytes that a JSON header cannot
 * say and nobody on the way looks at. Each pair of functions here is the one way to send such a message and the one
 * way to take it apart, for both sides.
 *
 * An encoder takes the message as the rest of the code knows it, bytes in place, and gives the frame. A decoder takes a
 * message that schema.ts has let through, with its attachments, and puts the bytes back.
 *
 * Bytes that are kept must not keep more than themselves: a result of ten bytes is cut from a chunk of 64 KiB, which
 * would live as long as the result. What is small beside the chunk it lies in is copied out of it.
 */
import { assert, BgworkerError } from '../base/index.js';
import type { BackgroundWorker, BackgroundWorkerInput, Saying, WorkerResult, WorkerStatus } from '../core/index.js';
import { completeBackgroundWorker, isSameValue } from '../core/index.js';
import { encodeFrame, JOB_ROOM_BYTES, MAX_FRAME_BYTES } from './frame.js';
import type {
  ClientMessage,
  EmbeddedMessage,
  OrderMessage,
  PostmasterMessage,
  WireSaying,
  WireStatus,
} from './message.js';

export type RegisterMessage = Extract<ClientMessage, { type: 'register' }>;
export type JobMessage = Extract<OrderMessage, { type: 'job' }>;

/** The message a status is told in: everything of it but `now` and the status. */
export type StatusEnvelope =
  | { readonly type: 'registered'; readonly request: number; readonly existing: boolean }
  | { readonly type: 'status'; readonly request: number }
  | { readonly type: 'notify' };

/** The message as both ends know it: every field of the worker is there, and the argument's bytes are in place. */
export interface Registration extends RegisterMessage {
  readonly worker: BackgroundWorker;
}

/**
 * What is at its default is not said. So a postmaster that is one version older meets a field that it does not know only
 * if somebody has made use of it, and then it refuses the registration instead of doing something else.
 */
export function encodeRegister(message: Registration): Buffer {
  return encodeWithArgument({ ...message, worker: withoutDefaults(message.worker) });
}

/** A client that is one version older says nothing of the fields that it does not know: they are at their defaults. */
export function decodeRegister(message: RegisterMessage, attachments: readonly Uint8Array[]): Registration {
  return { ...message, worker: completeBackgroundWorker(withArgument(message.worker, attachments[0])) };
}

function withoutDefaults(worker: BackgroundWorker): BackgroundWorkerInput {
  const { name, module, cwd, restartBackoff } = worker;
  const defaults: { readonly [field: string]: unknown } = {
    ...completeBackgroundWorker({ name, module, cwd, restartBackoff }),
    ...{ name: undefined, module: undefined, cwd: undefined, restartBackoff: null },
  };
  const told = Object.entries(worker).filter(([field, value]) => !isSameValue(value, defaults[field]));
  return Object.fromEntries(told) as unknown as BackgroundWorkerInput;
}

/** Whatever could be registered can be made a job of: the worker reads frames of any length. */
export function encodeJob(message: JobMessage): Buffer {
  return encodeWithArgument(message, MAX_FRAME_BYTES + JOB_ROOM_BYTES);
}

/** The message with the argument's bytes in place. */
export function decodeJob(message: JobMessage, attachments: readonly Uint8Array[]): JobMessage {
  return { ...message, worker: withArgument(message.worker, attachments[0]) };
}

/**
 * `now` is the postmaster's monotonic clock at sending. The same frame may go to any number of clients. It never throws:
 * what a worker says of its end leaves room for the rest (schema.ts), and where there is no room for a result, which an
 * earlier run gave, beside the error of a later one, the result gives way.
 */
export function encodeStatus(status: WorkerStatus, now: number, envelope: StatusEnvelope): Buffer {
  try {
    return encodeWholeStatus(status, now, envelope);
  } catch (error) {
    if (!(error instanceof BgworkerError) || status.result?.state !== 'bytes') throw error;
    return encodeWholeStatus({ ...status, result: RESULT_GAVE_WAY }, now, envelope);
  }
}

const RESULT_GAVE_WAY: WorkerResult = {
  state: 'problem',
  code: 'ERR_RESULT_TOO_LARGE',
  message: 'the result is too large to be told together with the error of a later run',
  hint: 'leave it in a file and return the path, or throw errors with less text',
};

function encodeWholeStatus(status: WorkerStatus, now: number, envelope: StatusEnvelope): Buffer {
  const { result, ...rest } = status;
  const wire: WireStatus = { ...rest, result: wireResult(result) };
  const message: PostmasterMessage = { ...envelope, now, status: wire };
  return encodeFrame(message, resultAttachments(result));
}

export function decodeStatus(wire: WireStatus, attachments: readonly Uint8Array[]): WorkerStatus {
  const { result, ...rest } = wire;
  return { ...rest, result: liveResult(result, attachments[0]) };
}

export function encodeSaying(saying: Saying): Buffer {
  if (saying.word !== 'returned') return encodeFrame({ type: 'said', saying });
  const said: WireSaying = { ...saying, result: wireResult(saying.result) };
  return encodeFrame({ type: 'said', saying: said }, resultAttachments(saying.result));
}

export function decodeSaying(saying: WireSaying, attachments: readonly Uint8Array[]): Saying {
  if (saying.word !== 'returned') return saying;
  return { ...saying, result: liveResult(saying.result, attachments[0]) };
}

/** Of the settings this knows only the workers they name; the bytes of those workers' arguments are attachments, in order. */
export interface SettingsWithWorkers {
  readonly workers?: readonly BackgroundWorker[];
  readonly [setting: string]: unknown;
}

export function encodeSettings(settings: SettingsWithWorkers): Buffer {
  const attachments: Uint8Array[] = [];
  const workers = settings.workers?.map((worker) => {
    if (worker.mainArg.kind === 'bytes') attachments.push(worker.mainArg.bytes);
    return withoutDefaults(withoutBytes(worker));
  });
  const message: EmbeddedMessage = {
    type: 'settings',
    settings: workers === undefined ? settings : { ...settings, workers },
  };
  return encodeFrame(message, attachments);
}

/** Gives the settings as they were; what they are is for the postmaster to check. */
export function decodeSettings(settings: unknown, attachments: readonly Uint8Array[]): unknown {
  if (typeof settings !== 'object' || settings === null) return settings;
  const { workers } = settings as { readonly workers?: unknown };
  if (!Array.isArray(workers)) return settings;
  let next = 0;
  return { ...settings, workers: workers.map((worker: unknown) => complete(worker)) };

  function complete(worker: unknown): unknown {
    if (typeof worker !== 'object' || worker === null) return worker;
    const input = worker as BackgroundWorkerInput;
    if (input.mainArg?.kind === 'bytes') next += 1;
    return completeBackgroundWorker(withArgument(input, attachments[next - 1]));
  }
}

function encodeWithArgument(message: RegisterMessage | JobMessage, maxBytes = MAX_FRAME_BYTES): Buffer {
  const { mainArg } = message.worker;
  if (mainArg?.kind !== 'bytes') return encodeFrame(message, [], maxBytes);
  return encodeFrame({ ...message, worker: withoutBytes(message.worker) } as typeof message, [mainArg.bytes], maxBytes);
}

/** The header's half of a worker. Its argument has the kind and lacks the bytes, until `withArgument`. */
function withoutBytes<Worker extends BackgroundWorkerInput>(worker: Worker): Worker {
  if (worker.mainArg?.kind !== 'bytes') return worker;
  return { ...worker, mainArg: { kind: 'bytes' } };
}

function withArgument<Worker extends BackgroundWorkerInput>(worker: Worker, bytes: Uint8Array | undefined): Worker {
  if (worker.mainArg?.kind !== 'bytes') return worker;
  assert(bytes !== undefined, 'the schema counts attachments');
  return { ...worker, mainArg: { kind: 'bytes', bytes: ownBytes(bytes) } };
}

function wireResult(result: WorkerResult | null): WireStatus['result'] {
  return result?.state === 'bytes' ? { state: 'bytes' } : result;
}

function resultAttachments(result: WorkerResult | null): readonly Uint8Array[] {
  return result?.state === 'bytes' ? [result.bytes] : [];
}

function liveResult(result: WireStatus['result'], bytes: Uint8Array | undefined): WorkerResult | null {
  if (result === null || result.state === 'problem') return result;
  if (result.state !== 'bytes') return unknownResult(result);
  assert(bytes !== undefined, 'the schema counts attachments');
  return { state: 'bytes', bytes: ownBytes(bytes) };
}

/** The run returned, and what it gave comes in a way that only a newer version knows. */
function unknownResult({ state }: { readonly state: string }): WorkerResult {
  return {
    state: 'problem',
    code: 'ERR_NOT_SUPPORTED',
    message: `the result is told in a way that this version of bgworker does not know: ${state}`,
    hint: 'update the client to the version of the postmaster',
  };
}

/** A plain Uint8Array, whatever it was cut from. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = bytes;
  return byteLength * 2 >= buffer.byteLength ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(bytes);
}
