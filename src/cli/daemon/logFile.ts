/**
 * The log of a daemon: what the postmaster says and what workers print, in one file that does not grow without end.
 *
 * When it is full it is copied to `….1`, over the one before, and cut to nothing. It is the same file all the time, so
 * whoever follows it, and what the system itself writes to this process's descriptors (an abort of Node), stay with it;
 * logrotate's `copytruncate` does the same and may do it too.
 *
 * A disk that is full must not end the postmaster: what cannot be written is lost, and counted, and the next line that
 * can be written says how much it was.
 */
import { copyFileSync, fstatSync, ftruncateSync, openSync, statSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';

export const LOG_FILE_NAME = 'bgworker.log';

/** Enough for a day of a talkative program, and never in the way. */
export const MAX_LOG_BYTES = 16 * 1024 * 1024;

export class LogFile {
  /** Takes the bytes at once, so it never holds up a worker. */
  readonly sink: Writable;
  readonly #path: string;
  #descriptor: number;
  readonly #maxBytes: number;
  #lostBytes = 0;

  /** `descriptor`: the file at `path`, opened for appending. */
  constructor(path: string, descriptor: number, maxBytes = MAX_LOG_BYTES) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#maxBytes = maxBytes;
    this.sink = new Writable({
      decodeStrings: true,
      write: (chunk: Buffer, _encoding, done) => {
        this.#append(chunk);
        done();
      },
    });
  }

  #append(chunk: Buffer): void {
    try {
      this.#makeRoom(chunk.length);
      if (this.#lostBytes > 0) {
        const line = { level: 40, time: Date.now(), name: 'bgworker', msg: 'output was lost', bytes: this.#lostBytes };
        this.#writeAll(Buffer.from(`${JSON.stringify(line)}\n`));
        this.#lostBytes = 0;
      }
      this.#writeAll(chunk);
    } catch {
      this.#lostBytes += chunk.length;
    }
  }

  #makeRoom(bytes: number): void {
    const { size, ino, dev } = fstatSync(this.#descriptor);
    if (size === 0 || size + bytes <= this.#maxBytes) return;
    const there = statSync(this.#path, { throwIfNoEntry: false });
    if (there?.ino !== ino || there.dev !== dev) {
      // Somebody has put it away, and it is his now.
      this.#descriptor = openSync(this.#path, 'a', 0o600);
      return;
    }
    try {
      copyFileSync(this.#path, `${this.#path}.1`);
    } catch {
      // The disk is full. Of two that cannot both be there, what is being said now matters more; and to try again at
      // every line would take all our time.
      this.#lostBytes += size;
    }
    ftruncateSync(this.#descriptor);
  }

  #writeAll(bytes: Buffer): void {
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#descriptor, bytes, written);
  }
}
