/**
 * The two descriptors a worker is born with. What it tells goes out on 3 with a blocking write: when the call returns,
 * the words are in the kernel and outlive the process, however it ends. What it is told comes in on 4; the end of that
 * is the postmaster's end.
 *
 * The first of what it is told, mostly its job, is read by a blocking read: before it there is nothing else to do. To
 * hear the rest, `listen` must be called; it loads node:net, which takes as long as all of the runtime, and so is put off until
 * the worker's function has been entered or its module takes its time.
 *
 * The line does not keep the process alive: a worker lives for what it does. Only `awaitMessage` holds it, until the
 * next message; who waits for what only the postmaster can bring calls that (lastWords.ts).
 *
 * After the postmaster's death what is told is told to nobody, and that is no error: the worker learns of the death
 * from descriptor 4, once.
 *
 * The frames are those of protocol/frame.ts, taken apart here without its checks: who writes them is this process's
 * parent and of the same package, and each file that is not imported makes every start of a worker about half a
 * millisecond shorter. A test holds both together.
 */
import { readSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { OrderMessage, WorkerMessage } from '../protocol/index.js';

const TO_POSTMASTER = 3;
/** Where a worker is told its orders. */
export const FROM_POSTMASTER = 4;
/** What one blocking read takes: a job and its argument seldom have more. */
const READ_BYTES = 64 * 1024;

export interface LineOwner {
  /** It lives for the next message, whatever it has been told. */
  isSpare(): boolean;
  told(message: OrderMessage, attachments: readonly Uint8Array[]): void;
  postmasterDied(): void;
}

/** What is said of every start, and always the same. */
const STEPS = new Map<WorkerMessage['type'], Buffer>(
  (['loading', 'entered'] as const).map((type) => [type, encodeWords({ type }, [])]),
);

export class PostmasterLine {
  readonly #owner: LineOwner;
  #unread: Buffer = Buffer.alloc(0);
  #state: 'up' | 'down' = 'up';
  #socket: Socket | null = null;
  #listening: Promise<void> | null = null;
  /** The process is to live until the next message. */
  #isHeld = false;
  #messagesHeard = 0;

  constructor(owner: LineOwner) {
    this.#owner = owner;
  }

  get messagesHeard(): number {
    return this.#messagesHeard;
  }

  /** Attachments, and the message as JSON, are kept under a frame's limit by whoever makes them. */
  tell(message: WorkerMessage, attachments: readonly Uint8Array[] = []): void {
    const frame = STEPS.get(message.type) ?? encodeWords(message, attachments);
    try {
      for (let at = 0; at < frame.length; ) at += writeSync(TO_POSTMASTER, frame, at);
    } catch {
      // Nobody is there to hear it (EPIPE), or the worker closed the descriptor itself, which the postmaster sees.
    }
  }

  /** Waits for the first message without letting anything else happen, and gives it to the owner. */
  readFirst(): void {
    while (this.#state === 'up' && !this.#hasFrame()) {
      const chunk = Buffer.allocUnsafeSlow(READ_BYTES);
      let bytes = 0;
      try {
        bytes = readSync(FROM_POSTMASTER, chunk);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // Not a blocking descriptor, or a signal came between, such as the one that opens the debugger (SIGUSR1): then the
        // event loop has to wait, which sees to signals as well.
        if (code === 'EAGAIN' || code === 'EINTR') return this.awaitMessage();
      }
      if (bytes === 0) return this.#down();
      this.#unread = Buffer.concat([this.#unread, chunk.subarray(0, bytes)]);
    }
    this.#handOut();
  }

  /** Begins to hear what comes, without keeping the process alive. Resolves when it does; safe to call again. */
  listen(): Promise<void> {
    this.#listening ??= this.#listen();
    return this.#listening;
  }

  /** Keeps the process alive until something more was heard. */
  awaitMessage(): void {
    this.#isHeld = true;
    if (this.#socket === null) void this.listen();
    else this.#socket.ref();
  }

  /** What was awaited has come by another way. */
  awaitNoMore(): void {
    this.#messagesHeard += 1;
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#socket?.unref();
  }

  async #listen(): Promise<void> {
    const { Socket } = await import('node:net');
    if (this.#state === 'down') return;
    const socket = new Socket({ fd: FROM_POSTMASTER, readable: true, writable: false });
    this.#socket = socket;
    if (!this.#isHeld) socket.unref();
    socket.on('data', (chunk: Buffer) => {
      this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
      if (!this.#hasFrame()) return;
      this.#isHeld = false;
      this.#handOut();
      // Only now: a job can come in one piece with what an idle spare was told before.
      if (!this.#isHeld && !this.#owner.isSpare()) socket.unref();
    });
    // A reset counts as an end: it is what a death looks like while words of ours are unread.
    socket.on('error', () => this.#down());
    socket.on('end', () => this.#down());
  }

  #hasFrame(): boolean {
    return frameLength(this.#unread) <= this.#unread.length;
  }

  #handOut(): void {
    while (this.#hasFrame()) {
      const frame = this.#unread.subarray(0, frameLength(this.#unread));
      this.#unread = this.#unread.subarray(frame.length);
      const { message, attachments } = decodeOrder(frame);
      this.#messagesHeard += 1;
      this.#owner.told(message, attachments);
    }
  }

  #down(): void {
    if (this.#state === 'down') return;
    this.#state = 'down';
    this.#socket?.destroy();
    this.#owner.postmasterDied();
  }
}

/** The frame of what a worker tells. */
export function encodeWords(message: WorkerMessage, attachments: readonly Uint8Array[]): Buffer {
  const header = Buffer.from(
    attachments.length === 0
      ? JSON.stringify(message)
      : JSON.stringify({ ...message, a: attachments.map(({ byteLength }) => byteLength) }),
  );
  const lengths = Buffer.allocUnsafe(8);
  lengths.writeUInt32BE(
    attachments.reduce((sum, { byteLength }) => sum + byteLength, 4 + header.length),
    0,
  );
  lengths.writeUInt32BE(header.length, 4);
  return Buffer.concat([lengths, header, ...attachments]);
}

export interface Order {
  readonly message: OrderMessage;
  readonly attachments: readonly Uint8Array[];
}

/** What stands in one whole frame. */
export function decodeOrder(frame: Buffer): Order {
  let end = 8 + frame.readUInt32BE(4);
  const { a: lengths = [], ...message } = JSON.parse(frame.toString('utf8', 8, end)) as OrderMessage & {
    readonly a?: readonly number[];
  };
  const attachments = lengths.map((length) => {
    end += length;
    return frame.subarray(end - length, end);
  });
  return { message, attachments };
}

/** Of the frame that begins here; endless as long as that cannot be known. */
function frameLength(unread: Buffer): number {
  return unread.length < 8 ? Infinity : 4 + unread.readUInt32BE(0);
}
