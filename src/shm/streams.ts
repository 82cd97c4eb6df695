/**
 * A queue's ends as streams of bytes: Web Streams and those of Node. One chunk is one message; an empty chunk is none.
 *
 * Back-pressure is the queue's: a chunk counts as written when the queue has taken it, and nothing is received before
 * somebody reads. The end of a stream is the detaching of its end of the queue. A reader whose peer detached has come to
 * the end, in good order, as PostgreSQL has it; a reader whose peer died is told so by the error of `receive`, which
 * becomes the stream's. A writer whose peer is not there any more fails with `ERR_QUEUE_DETACHED`, as a pipe does with
 * EPIPE, and learns it when it writes. A stream that is aborted, cancelled or destroyed detaches at once.
 */
import { Readable, Writable } from 'node:stream';
import type { WritableStreamDefaultController } from 'node:stream/web';
import { ReadableStream, WritableStream } from 'node:stream/web';
import { BgworkerError } from '../base/index.js';

/** What a stream needs of the sending end of a queue. */
export interface ByteSender {
  /** Resolves when the queue has taken all of the message. An aborted signal rejects with its reason. */
  send(
    pieces: Uint8Array | readonly Uint8Array[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<'sent' | 'detached'>;
  /** Safe to call again. */
  detach(): void;
}

/** What a stream needs of the receiving end of a queue. */
export interface ByteReceiver {
  /** A copy of the next message. An aborted signal rejects with its reason, a peer that died with `ERR_PEER_DIED`. */
  receive(options?: { readonly signal?: AbortSignal | undefined }): Promise<Uint8Array | 'detached'>;
  /** Safe to call again. */
  detach(): void;
}

/** A Web stream that sends each chunk as a message. Closing it detaches, behind all that was written. */
export function toWritableStream(sender: ByteSender): WritableStream<ArrayBuffer | ArrayBufferView> {
  return new WritableStream<ArrayBuffer | ArrayBufferView>({
    async write(chunk, controller) {
      try {
        await sendChunk(sender, bytesOf(chunk), signalOf(controller));
      } catch (error) {
        sender.detach();
        throw error;
      }
    },
    close: () => sender.detach(),
    abort: () => sender.detach(),
  });
}

/** A Web stream of the messages as they come, each a copy. Cancelling it detaches. */
export function toReadableStream(receiver: ByteReceiver): ReadableStream<Uint8Array> {
  const cancelled = new AbortController();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const chunk = await receiveChunk(receiver, cancelled.signal);
          if (cancelled.signal.aborted) return;
          if (chunk !== null) controller.enqueue(chunk);
          else {
            receiver.detach();
            controller.close();
          }
        } catch (error) {
          receiver.detach();
          throw error;
        }
      },
      cancel(reason) {
        cancelled.abort(reason);
        receiver.detach();
      },
    },
    { highWaterMark: 0 },
  );
}

/** A stream of Node that sends each chunk as a message. `end` detaches, behind all that was written. */
export function toWritable(sender: ByteSender): Writable {
  const destroyed = new AbortController();
  return new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      sendChunk(sender, chunk, destroyed.signal).then(() => done(), done);
    },
    final(done) {
      sender.detach();
      done();
    },
    destroy(error, done) {
      destroyed.abort(error ?? undefined);
      sender.detach();
      done(error);
    },
  });
}

/** A stream of Node of the messages as they come. `read` joins them if nobody reads for a while. */
export function toReadable(receiver: ByteReceiver): Readable {
  const destroyed = new AbortController();
  return new Readable({
    read() {
      receiveChunk(receiver, destroyed.signal).then(
        (chunk) => this.push(chunk),
        (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
      );
    },
    destroy(error, done) {
      destroyed.abort(error ?? undefined);
      receiver.detach();
      done(error);
    },
  });
}

/** Aborted while a write still waits; `abort` is called only behind it. The types of Node 20 do not know it. */
function signalOf(controller: WritableStreamDefaultController): AbortSignal {
  return (controller as unknown as { readonly signal: AbortSignal }).signal;
}

async function sendChunk(sender: ByteSender, chunk: Uint8Array, signal: AbortSignal): Promise<void> {
  if (chunk.length === 0) return;
  if ((await sender.send(chunk, { signal })) === 'sent') return;
  throw new BgworkerError('ERR_QUEUE_DETACHED', 'nobody receives from this queue any more', {
    hint: 'the other side detached or ended: what it had not received by then is lost',
  });
}

/** null: nothing follows. */
async function receiveChunk(receiver: ByteReceiver, signal: AbortSignal): Promise<Uint8Array | null> {
  for (;;) {
    const received = await receiver.receive({ signal });
    if (received === 'detached') return null;
    if (received.length > 0) return received;
  }
}

function bytesOf(chunk: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new BgworkerError('ERR_INVALID_ARGUMENT', 'chunk has no bytes', {
    detail: `it is a ${typeof chunk}`,
    hint: 'write a Uint8Array, or encode first: text with TextEncoder, values with ValueEncoder',
  });
}
