/**
 * Reading the log of a daemon (daemon/logFile.ts), from its files alone: it is needed most when nobody is there to be
 * asked. A log that is full is copied to `….1` and emptied, so whoever reads along finds what he has not read yet at the
 * same place in the copy.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { BgworkerError } from '../../base/index.js';
import { LOG_FILE_NAME } from '../daemon/logFile.js';

/** The first bytes of a log tell it from another one: they hold the time, the process and the epoch. */
const HEAD_BYTES = 256;
const NEWLINE = 0x0a;

export class LogReader {
  readonly #path: string;
  readonly #oldPath: string;
  /** As much of it has been given out; the head says in which file that was. */
  #position = 0;
  #head: Buffer = Buffer.alloc(0);
  /** A line without its end. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(directory: string) {
    this.#path = join(directory, LOG_FILE_NAME);
    this.#oldPath = `${this.#path}.1`;
  }

  /** The last lines there are, of both files if need be; undefined when there is no log. */
  last(count: number): string[] | undefined {
    const log = readFrom(this.#path, 0);
    if (log === undefined) return undefined;
    const lines = this.#take(log.bytes);
    this.#remember(log);
    const older = lines.length < count ? linesOf(readFrom(this.#oldPath, 0)?.bytes ?? Buffer.alloc(0)).lines : [];
    const all = [...older, ...lines];
    return all.slice(Math.max(0, all.length - count));
  }

  /** What stands behind the last end of line. */
  unfinished(): string {
    return this.#rest.toString();
  }

  /** What has been written since; `isTorn` when some of it may be lost. Undefined when there is no log any more. */
  next(): { readonly lines: string[]; readonly isTorn: boolean } | undefined {
    const log = readFrom(this.#path, this.#position);
    if (log === undefined) return undefined;
    if (this.#isSame(log)) {
      const lines = this.#take(log.bytes);
      this.#remember(log);
      return { lines, isTorn: false };
    }
    const old = readFrom(this.#oldPath, this.#position);
    const isTorn = old === undefined || !this.#isSame(old);
    const before = isTorn ? [] : this.#take(old.bytes);
    // A line that was not finished when its file was put away never will be.
    if (this.#rest.length > 0) before.push(this.unfinished());
    this.#rest = Buffer.alloc(0);
    const fresh = readFrom(this.#path, 0);
    const lines = this.#take(fresh?.bytes ?? Buffer.alloc(0));
    if (fresh !== undefined) this.#remember(fresh);
    return { lines: [...before, ...lines], isTorn };
  }

  #isSame({ head, size }: Read): boolean {
    return size >= this.#position && head.subarray(0, this.#head.length).equals(this.#head);
  }

  #remember({ head, end }: Read): void {
    this.#head = head;
    this.#position = end;
  }

  #take(bytes: Buffer): string[] {
    const { lines, rest } = linesOf(Buffer.concat([this.#rest, bytes]));
    this.#rest = rest;
    return lines;
  }
}

interface Read {
  readonly head: Buffer;
  readonly size: number;
  readonly bytes: Buffer;
  /** Where the next read begins. */
  readonly end: number;
}

/** Head and rest are read from one descriptor, so they are of the same file. Undefined when it is not there. */
function readFrom(path: string, position: number): Read | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new BgworkerError('ERR_NO_LOG', 'the log cannot be read', {
      detail: message,
      hint: 'its directory belongs to one user: read it as that user',
      cause: error,
    });
  }
  try {
    const { size } = fstatSync(descriptor);
    const head = readAt(descriptor, 0, Math.min(size, HEAD_BYTES));
    const bytes = readAt(descriptor, position, Math.max(0, size - position));
    return { head, size, bytes, end: position + bytes.length };
  } finally {
    closeSync(descriptor);
  }
}

function readAt(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(descriptor, bytes, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

function linesOf(bytes: Buffer): { readonly lines: string[]; readonly rest: Buffer } {
  const end = bytes.lastIndexOf(NEWLINE);
  if (end < 0) return { lines: [], rest: bytes };
  return { lines: bytes.subarray(0, end).toString().split('\n'), rest: bytes.subarray(end + 1) };
}
