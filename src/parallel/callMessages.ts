/**
 * What a leader and a process that takes calls say to each other, over the channel of that process. Orders are carried
 * out one after the other, in the order in which they come; each is answered once, and what it says of itself in between
 * is only that it was begun.
 *
 * A message is `u32` bytes of a header, the header as JSON, and behind it what users gave, as `serializeValue` made it.
 * So arguments and values are written once and read once, and what cannot be written or read fails the call that it
 * belongs to, and not the conversation.
 */
import type { ErrorRecord } from '../core/index.js';

/** What becomes of the arguments: the function is called with the only one, with each, or with the list of them. */
export type How = 'call' | 'map' | 'accumulate';

/** Leader to process. */
export interface Order {
  readonly id: number;
  /** A URL. */
  readonly module: string;
  readonly exportName: string;
  readonly how: How;
  /** Of a list: the first error ends it. */
  readonly stopAtError: boolean;
  /** Of a list: what is not begun when so many milliseconds are over is given back. Null: all of it is done. */
  readonly withinMs: number | null;
  /** Told as the process's own before it begins. */
  readonly progress: { readonly done: number; readonly total: number | null } | null;
  /** Of the one argument (`call`), or of the list. */
  readonly bytes: Uint8Array;
}

/**
 * Process to leader: it is being carried out. Behind it whatever ends the process may have been the call's doing; before
 * it, the call was not even begun, and another process can have it.
 */
export interface Begun {
  readonly id: number;
  readonly ms: null;
}

/** Process to leader: what came of an order. */
export interface Outcome {
  readonly id: number;
  /** How long it ran, in milliseconds. */
  readonly ms: number;
  /** Of a list, how many were dealt with; the rest is given back. */
  readonly done: number;
  /** Of a list, by place. */
  readonly errors: readonly (readonly [number, ErrorRecord])[];
  /** Of all of it: what the only call threw, or why nothing could be called, read or sent. */
  readonly failure: ErrorRecord | null;
  /** Of the value, or of the list of them with nothing in the places of errors; none when there is a failure. */
  readonly bytes: Uint8Array;
}

/** Of arguments, and of values: what a channel carries at once, with room for the header. */
export const MAX_CARRIED_BYTES = 63 * 1024 * 1024;

export const NO_BYTES = new Uint8Array(0);

export function encodeMessage({
  bytes = NO_BYTES,
  ...header
}: (Order | Outcome | Begun) & { bytes?: Uint8Array }): Uint8Array {
  const json = JSON.stringify(header);
  const headerBytes = Buffer.byteLength(json);
  const message = Buffer.allocUnsafe(4 + headerBytes + bytes.byteLength);
  message.writeUInt32LE(headerBytes);
  message.write(json, 4);
  message.set(bytes, 4 + headerBytes);
  return message;
}

/** Both ends are of one version of the package, so what comes is what was sent. */
export function decodeMessage<M extends Order | Outcome | Begun>(message: Uint8Array): M {
  const view = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const end = 4 + view.readUInt32LE();
  return { ...(JSON.parse(view.toString('utf8', 4, end)) as object), bytes: view.subarray(end) } as unknown as M;
}
