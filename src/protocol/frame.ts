/**
 * A message as bytes: `u32 total, u32 header` (big endian), a JSON header of `header` bytes, then the attachments, one
 * behind the other, whose lengths stand in the header as `"a":[n, …]`. `total` counts all that follows it. Bytes that
 * users gave are attachments, never base64 inside the JSON: 1 MiB of base64 blocks a loop for 12 ms, as an attachment
 * for less than one.
 *
 * Sans-IO: a reader is given whatever chunks arrived and hands out whole frames; nothing here knows a socket. A length
 * over the limit is refused when the length is read, not when the bytes have been swallowed.
 */
import { BgworkerError } from '../base/index.js';
import type { Message } from './message.js';

/** Whole frames at most this long: 1 MiB of attachment and room for a header. */
export const MAX_FRAME_BYTES = 1024 * 1024 + 256 * 1024;
export const MAX_ATTACHMENT_BYTES = 1024 * 1024;
/** What a job says beside what was registered: its handle, the directory, the worker's defaults. See `encodeJob`. */
export const JOB_ROOM_BYTES = 16 * 1024;

export interface Frame<M = Message> {
  readonly message: M;
  readonly attachments: readonly Uint8Array[];
}

export function encodeFrame(
  message: Message,
  attachments: readonly Uint8Array[] = [],
  maxBytes = MAX_FRAME_BYTES,
): Buffer {
  const json =
    attachments.length === 0
      ? JSON.stringify(message)
      : JSON.stringify({ ...message, a: attachments.map((attachment) => attachment.byteLength) });
  const headerBytes = Buffer.byteLength(json);
  const totalBytes = attachments.reduce((sum, attachment) => sum + attachment.byteLength, 4 + headerBytes);
  if (totalBytes > maxBytes) {
    throw new BgworkerError('ERR_FRAME_TOO_LONG', 'message too long', {
      detail: `${message.type} of ${totalBytes} bytes, ${maxBytes} are allowed`,
      hint: 'send it in pieces through a channel, or leave it in a file and send the path',
    });
  }
  const frame = Buffer.allocUnsafe(4 + totalBytes);
  frame.writeUInt32BE(totalBytes, 0);
  frame.writeUInt32BE(headerBytes, 4);
  frame.write(json, 8);
  let at = 8 + headerBytes;
  for (const attachment of attachments) {
    frame.set(attachment, at);
    at += attachment.byteLength;
  }
  return frame;
}

/** What is wrong with the bytes: the reader's owner says goodbye with it. */
export class FrameError extends BgworkerError {
  constructor(message: string, detail: string) {
    super('ERR_BAD_FRAME', message, { detail, hint: 'both sides must be bgworker, of versions that fit' });
  }
}

/**
 * Collects chunks and gives whole frames. After it threw a FrameError nothing that follows can be trusted, and every
 * further call throws again.
 */
export class FrameReader {
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #broken: FrameError | undefined;

  /** Adds what arrived; `next` then gives the frames in it. */
  push(chunk: Uint8Array): void {
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#bufferedBytes += chunk.byteLength;
  }

  /** Bytes of a frame that has not arrived in whole. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** The next whole frame, or undefined until more has been pushed. The message has yet to be checked: see schema.ts. */
  next(): Frame<unknown> | undefined {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#bufferedBytes < 8) return undefined;
    const head = this.#join(8);
    const totalBytes = head.readUInt32BE(0);
    const headerBytes = head.readUInt32BE(4);
    if (totalBytes > MAX_FRAME_BYTES)
      this.#fail('frame too long', `${totalBytes} bytes, ${MAX_FRAME_BYTES} are allowed`);
    if (headerBytes + 4 > totalBytes)
      this.#fail('header longer than its frame', `${headerBytes} of ${totalBytes} bytes`);
    if (this.#bufferedBytes < 4 + totalBytes) return undefined;
    const frame = this.#take(4 + totalBytes);
    return this.#parse(frame, 8 + headerBytes);
  }

  #parse(frame: Buffer, headerEnd: number): Frame<unknown> {
    let message: unknown;
    try {
      message = JSON.parse(frame.toString('utf8', 8, headerEnd));
    } catch {
      this.#fail('header is not JSON', `${headerEnd - 8} bytes`);
    }
    if (typeof message !== 'object' || message === null || Array.isArray(message)) {
      this.#fail('header is not an object', `${headerEnd - 8} bytes`);
    }
    const { a: lengths, ...rest } = message as { a?: unknown };
    return { message: rest, attachments: this.#cut(frame, headerEnd, lengths) };
  }

  #cut(frame: Buffer, headerEnd: number, lengths: unknown): readonly Uint8Array[] {
    const attachments: Uint8Array[] = [];
    let at = headerEnd;
    if (lengths !== undefined && !Array.isArray(lengths))
      this.#fail('attachment lengths are not a list', typeof lengths);
    for (const length of (lengths ?? []) as unknown[]) {
      if (!Number.isSafeInteger(length) || (length as number) < 0 || at + (length as number) > frame.length) {
        this.#fail('attachment longer than its frame', `${String(length)} bytes at ${at} of ${frame.length}`);
      }
      attachments.push(frame.subarray(at, at + (length as number)));
      at += length as number;
    }
    if (at !== frame.length) this.#fail('bytes that no attachment claims', `${frame.length - at} bytes`);
    return attachments;
  }

  /** The first `bytes` bytes in one piece, left where they are. */
  #join(bytes: number): Buffer {
    const [chunk] = this.#chunks;
    if (chunk !== undefined && chunk.length >= bytes) return chunk;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #take(bytes: number): Buffer {
    const chunk = this.#join(bytes);
    const rest = chunk.subarray(bytes);
    if (rest.length === 0) this.#chunks.shift();
    else this.#chunks[0] = rest;
    this.#bufferedBytes -= bytes;
    return chunk.subarray(0, bytes);
  }

  #fail(message: string, detail: string): never {
    this.#broken = new FrameError(message, detail);
    throw this.#broken;
  }
}
