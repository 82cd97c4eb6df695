/**
 * Reads what one worker prints: keeps the end of it, passes it on, and knows when all of it has been read.
 *
 * - **Kept**: the last 8 KiB of both streams together, in the order in which they arrived. Two streams are not read in
 *   the order in which they were written, so a flood on one of them may come behind the last cry on the other and must
 *   not wash it away: of each stream the last 2 KiB stay in any case.
 * - **Passed on** as `Forwarding` says.
 * - **A loud worker is nobody else's trouble.** Per turn of the event loop it is read up to a budget, then it waits for
 *   the next turn; and while the sink is full it is not read at all, so that it blocks in its own `write`, not we.
 * - **A dead worker is read to the end.** What it left is bounded by what the kernel holds, so a full sink no longer
 *   stops the reading.
 *
 * When has everything been read? The end of the stream says it, but a grandchild may hold the pipe open for days, and
 * the fate of a worker must not wait for that. The kernel says it as well: what the worker wrote stands in the kernel
 * before its death can be told; the loop asks the kernel in each turn which descriptors are readable (level-triggered),
 * and each turn ends with the immediates. So if two whole turns bring nothing on a flowing stream, nothing was left.
 * A grandchild that goes on printing must not delay it either: each turn brings all there was, or a whole budget, so
 * after `turnLimit` turns everything has come that can have been there.
 *
 * Not here: what the kept end is used for (the last word of a handle), and who closes the streams of a grandchild.
 */

import type { Buffer } from 'node:buffer';
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { OutputPart, OutputStream } from './keptEnd.js';
import { KeptEnd } from './keptEnd.js';

/** What happens to a worker's output besides being kept. */
export type Forwarding =
  /** Nothing. */
  | { readonly output: 'ignore' }
  /** One call per line, without its end. */
  | { readonly output: 'log'; onLine(stream: OutputStream, line: string): void }
  /** The bytes as they are. */
  | { readonly output: 'raw'; readonly stdout: Writable; readonly stderr: Writable }
  /** Whole lines behind the name on a terminal, the bytes as they are on anything else. */
  | { readonly output: 'inherit'; readonly name: string; readonly stdout: Writable; readonly stderr: Writable };

export interface OutputOptions {
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly forwarding: Forwarding;
  /** How much is read in one turn of the event loop; 256 KiB by default. */
  readonly budgetBytes?: number;
}

const defaultBudgetBytes = 256 * 1024;
/** A longer line is passed on in pieces. */
const lineLimit = 64 * 1024;
/** The first immediate belongs to the turn that is under way, so three of them enclose two whole turns. */
const quietImmediates = 3;
/** With the default budget 16 MiB: far above what the kernel holds for a socket or a pipe (some 200 KiB, at most 1 MiB). */
const turnLimit = 64;

export class WorkerOutput {
  readonly #readers: readonly StreamReader[];
  #kept = new KeptEnd();
  readonly #budgetBytes: number;
  /** What stands against reading: a budget that is used up, sinks that are full. */
  readonly #obstacles = new Set<'budget' | Writable>();
  #spentBytes = 0;
  #phase: 'running' | 'draining' | 'drained' | 'closed' = 'running';

  constructor(options: OutputOptions) {
    const { stdout, stderr, forwarding, budgetBytes = defaultBudgetBytes } = options;
    this.#budgetBytes = budgetBytes;
    this.#readers = [
      this.#read('stdout', stdout, forwarderFor('stdout', forwarding)),
      this.#read('stderr', stderr, forwarderFor('stderr', forwarding)),
    ];
  }

  /** The last 8 KiB of both streams, in the order in which they arrived. */
  tail(): readonly OutputPart[] {
    return this.#kept.parts();
  }

  /** What has been read was printed before the job, by a spare: it is not kept, and what comes is passed on anew. */
  beginAnew(forwarding: Forwarding): void {
    this.#kept = new KeptEnd();
    for (const reader of this.#readers) {
      reader.forwarder.flush();
      reader.forwarder = forwarderFor(reader.stream, forwarding);
    }
  }

  /**
   * To be called when the worker is dead. Resolves when all it printed is kept and passed on, whoever else still holds
   * its streams. From then on a grandchild's output goes on being passed on; `close()` ends that.
   */
  async drained(): Promise<void> {
    if (this.#phase === 'running') {
      this.#phase = 'draining';
      for (const obstacle of [...this.#obstacles]) if (obstacle !== 'budget') this.#removeObstacle(obstacle);
    }
    await Promise.all(this.#readers.map(({ readable }) => readToQuiet(readable)));
    for (const { forwarder } of this.#readers) forwarder.flush();
    if (this.#phase === 'draining') this.#phase = 'drained';
  }

  /** Stops reading and closes the streams: who still prints gets EPIPE. Safe to call twice. */
  close(): void {
    this.#phase = 'closed';
    this.#obstacles.clear();
    for (const { readable, forwarder } of this.#readers) {
      forwarder.flush();
      readable.destroy();
    }
  }

  #read(stream: OutputStream, readable: Readable, forwarder: Forwarder): StreamReader {
    const reader: StreamReader = { stream, readable, forwarder };
    // A broken stream ends: 'close' follows, and that is all there is to know.
    readable.on('error', () => {});
    readable.once('end', () => reader.forwarder.flush());
    readable.on('data', (chunk: Buffer) => {
      this.#kept.add(stream, chunk);
      this.#spend(chunk.length);
      const { sink } = reader.forwarder;
      if (reader.forwarder.forward(chunk) === 'full' && sink !== undefined) this.#waitFor(sink);
    });
    return reader;
  }

  #spend(sizeBytes: number): void {
    if (this.#spentBytes === 0) {
      setImmediate(() => {
        this.#spentBytes = 0;
        this.#removeObstacle('budget');
      });
    }
    this.#spentBytes += sizeBytes;
    if (this.#spentBytes >= this.#budgetBytes) this.#addObstacle('budget');
  }

  #waitFor(sink: Writable): void {
    if (this.#phase === 'draining' || this.#obstacles.has(sink)) return;
    this.#addObstacle(sink);
    whenDrained(sink, () => this.#removeObstacle(sink));
  }

  #addObstacle(obstacle: 'budget' | Writable): void {
    if (this.#phase === 'closed') return;
    this.#obstacles.add(obstacle);
    for (const { readable } of this.#readers) readable.pause();
  }

  #removeObstacle(obstacle: 'budget' | Writable): void {
    if (!this.#obstacles.delete(obstacle) || this.#obstacles.size > 0) return;
    for (const { readable } of this.#readers) readable.resume();
  }
}

/**
 * Resolves when the kernel holds nothing more for this stream, or the stream has ended: to be called when the process
 * at its other end is dead. Somebody else must be reading the stream by `data` events. While it is paused nothing
 * counts as quiet; but after 64 turns this resolves in any case.
 */
export function readToQuiet(stream: Readable): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return Promise.resolve();
  return new Promise((done) => {
    let hasArrived = false;
    let quiet = 0;
    let turns = 0;
    const noteArrival = (): void => {
      hasArrived = true;
    };
    const finish = (): void => {
      stream.off('data', noteArrival).off('end', finish).off('close', finish);
      clearImmediate(immediate);
      done();
    };
    const look = (): void => {
      turns += 1;
      quiet = hasArrived || stream.isPaused() ? 0 : quiet + 1;
      hasArrived = false;
      if (quiet >= quietImmediates || turns >= turnLimit) finish();
      else immediate = setImmediate(look);
    };
    let immediate = setImmediate(look);
    stream.on('data', noteArrival).once('end', finish).once('close', finish);
  });
}

interface StreamReader {
  readonly stream: OutputStream;
  readonly readable: Readable;
  forwarder: Forwarder;
}

interface Forwarder {
  /** Where it goes, if that can be full. */
  readonly sink?: Writable;
  forward(chunk: Buffer): 'taken' | 'full';
  /** Passes on a last line that has no end. */
  flush(): void;
}

function forwarderFor(stream: OutputStream, forwarding: Forwarding): Forwarder {
  if (forwarding.output === 'ignore') return { forward: () => 'taken', flush: () => {} };
  if (forwarding.output === 'log') {
    const lines = new LineSplitter((line) => forwarding.onLine(stream, line));
    return {
      forward: (chunk) => {
        lines.add(chunk);
        return 'taken';
      },
      flush: () => lines.flush(),
    };
  }
  const sink = forwarding[stream];
  if (forwarding.output === 'raw' || !isTerminal(sink)) {
    return { sink, forward: (chunk) => writeTo(sink, chunk), flush: () => {} };
  }
  let answer: 'taken' | 'full' = 'taken';
  const lines = new LineSplitter((line) => {
    answer = writeTo(sink, `${forwarding.name} | ${line}\n`);
  });
  return {
    sink,
    forward: (chunk) => {
      answer = 'taken';
      lines.add(chunk);
      return answer;
    },
    flush: () => lines.flush(),
  };
}

/** A sink that is gone takes everything: the worker must not block because nobody listens any more. */
function writeTo(sink: Writable, chunk: Buffer | string): 'taken' | 'full' {
  if (!sink.writable) return 'taken';
  return sink.write(chunk) ? 'taken' : 'full';
}

function isTerminal(sink: Writable): boolean {
  return 'isTTY' in sink && sink.isTTY === true;
}

/** All workers share two sinks, so a sink is listened to once, not once per worker. */
const waitingFor = new WeakMap<Writable, Set<() => void>>();

/** Calls back once, when the sink takes more, or will never take anything again. */
function whenDrained(sink: Writable, callback: () => void): void {
  const waiting = waitingFor.get(sink);
  if (waiting !== undefined) {
    waiting.add(callback);
    return;
  }
  const callbacks = new Set([callback]);
  waitingFor.set(sink, callbacks);
  const release = (): void => {
    sink.off('drain', release).off('close', release);
    waitingFor.delete(sink);
    for (const one of callbacks) one();
  };
  sink.once('drain', release).once('close', release);
}

/** Cuts a stream of bytes into lines; characters and lines may be spread over any number of chunks. */
class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #partial = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(chunk: Buffer): void {
    const lines = (this.#partial + this.#decoder.write(chunk)).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
    while (this.#partial.length >= lineLimit) {
      this.#onLine(this.#partial.slice(0, lineLimit));
      this.#partial = this.#partial.slice(lineLimit);
    }
  }

  flush(): void {
    const last = this.#partial + this.#decoder.end();
    this.#partial = '';
    if (last !== '') this.#onLine(last);
  }
}
