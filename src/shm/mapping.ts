/**
 * A file mapped into this process: the one place that asks the system for memory.
 *
 * - **Its room is set aside when it is made.** A `/dev/shm` that is full is an error then, and no SIGBUS at some later
 *   access. It is never made shorter.
 * - **It is never unmapped.** A view of it may outlive everybody's interest: it can be held, moved into another
 *   ArrayBuffer, or given to a stream, and an access to memory that is not mapped ends the process. `close` lays empty
 *   pages of our own over it instead: the shared memory is given back at once, and a stale view reads zeros.
 * - **What users get is a second view** of the same memory. They can move theirs (`transfer()`); ours, through which
 *   the words are seen, stays where it is.
 *
 * Addresses differ from process to process, so nothing in shared memory is ever an address (R-DSM-13).
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BgworkerError } from '../base/index.js';
import { FAILED, libC } from './libC.js';
import { LongWords, Words } from './words.js';

const PROT_READ_WRITE = 0x3;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = process.platform === 'linux' ? 0x20 : 0x1000;
const MAP_NORESERVE = process.platform === 'linux' ? 0x4000 : 0x40;

/** A view of 4 GiB or more ends the process on Node 20. */
export const MAX_SEGMENT_BYTES = 2 ** 32 - 2 ** 16;
/** Set aside in one go: a few milliseconds, in which nothing else happens. */
const STEP_BYTES = 16 * 1024 * 1024;

export class Mapping {
  readonly sizeBytes: number;
  /** All of it, for us alone. */
  readonly ownBytes: Uint8Array;
  /** Null: ordinary memory of this process. */
  readonly #address: number | null;
  #shownBytes: Uint8Array | undefined;
  #isClosed = false;

  /**
   * Makes the file and maps it. The file is gone again if that fails: `ERR_NO_ROOM_FOR_SEGMENT` when there is not
   * enough memory, `ERR_CANNOT_MAP` otherwise.
   */
  static async create(file: string, sizeBytes: number): Promise<Mapping> {
    libC();
    const descriptor = open(file, constants.O_CREAT | constants.O_EXCL);
    try {
      await setAside(descriptor, sizeBytes, file);
      return Mapping.#map(descriptor, sizeBytes, file);
    } catch (error) {
      unlinkSync(file);
      throw error;
    } finally {
      closeSync(descriptor);
    }
  }

  /** Maps what another process made. Throws `ERR_CANNOT_MAP`. */
  static attach(file: string, sizeBytes: number): Mapping {
    libC();
    const descriptor = open(file, 0);
    try {
      const { size, uid } = fstatSync(descriptor);
      if (size < sizeBytes) throw cannotMap(file, `it has ${size} bytes and should have ${sizeBytes}`);
      if (uid !== process.geteuid?.()) throw cannotMap(file, `it belongs to user ${uid}`);
      return Mapping.#map(descriptor, sizeBytes, file);
    } finally {
      closeSync(descriptor);
    }
  }

  /** No file: memory of this process alone, for what works the same without anybody else. Needs no koffi. */
  static private(sizeBytes: number): Mapping {
    return new Mapping(new ArrayBuffer(sizeBytes), null);
  }

  static #map(descriptor: number, sizeBytes: number, file: string): Mapping {
    const { mmap, view, lastError } = libC();
    const address = mmap(0, sizeBytes, PROT_READ_WRITE, MAP_SHARED, descriptor, 0);
    if (address === FAILED) throw cannotMap(file, `mmap ${lastError()}`);
    return new Mapping(view(address, sizeBytes), address);
  }

  private constructor(memory: ArrayBuffer, address: number | null) {
    this.sizeBytes = memory.byteLength;
    this.#address = address;
    this.ownBytes = new Uint8Array(memory);
  }

  /** All of it, for whoever wants it. Of private memory there is one view: who moves it has moved it. */
  get shownBytes(): Uint8Array {
    if (this.#address === null) return this.ownBytes;
    this.#shownBytes ??= new Uint8Array(libC().view(this.#address, this.sizeBytes));
    return this.#shownBytes;
  }

  words(offsetBytes: number, count: number): Words {
    return new Words(this.ownBytes.buffer, offsetBytes, count);
  }

  longWords(offsetBytes: number, count: number): LongWords {
    return new LongWords(this.ownBytes.buffer, offsetBytes, count);
  }

  /** Safe to call twice. What is written to a stale view from here on is seen by nobody else. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#address === null) return void this.ownBytes.fill(0);
    const { mmap, lastError } = libC();
    const flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE;
    const address = mmap(this.#address, this.sizeBytes, PROT_READ_WRITE, flags, -1, 0);
    if (address !== this.#address) process.emitWarning(`shared memory could not be given back: mmap ${lastError()}`);
  }
}

function open(file: string, flags: number): number {
  try {
    return openSync(file, constants.O_RDWR | constants.O_NOFOLLOW | flags, 0o600);
  } catch (error) {
    throw cannotMap(file, error instanceof Error ? error.message : String(error), error);
  }
}

async function setAside(descriptor: number, sizeBytes: number, file: string): Promise<void> {
  if (process.platform !== 'linux') return fillWithZeros(descriptor, sizeBytes, file);
  try {
    ftruncateSync(descriptor, sizeBytes);
  } catch (error) {
    // A limit of this process (ulimit -f), since nothing is set aside yet.
    throw cannotMap(file, error instanceof Error ? error.message : String(error), error);
  }
  for (let offset = 0; offset < sizeBytes; ) {
    const length = Math.min(STEP_BYTES, sizeBytes - offset);
    const error = libC().setAside(descriptor, offset, length);
    if (error === EINTR) continue;
    if (error === ENOSPC || error === ENOMEM || error === EDQUOT || error === EFBIG) throw noRoom(file, sizeBytes);
    if (error !== 0) throw cannotMap(file, `posix_fallocate failed with error ${error}`);
    offset += length;
    if (offset < sizeBytes) await nextTurn();
  }
}

const EINTR = 4;
const ENOMEM = 12;
const EFBIG = 27;
const ENOSPC = 28;
const EDQUOT = 122;

async function fillWithZeros(descriptor: number, sizeBytes: number, file: string): Promise<void> {
  const zeros = new Uint8Array(Math.min(STEP_BYTES, sizeBytes));
  try {
    for (let offset = 0; offset < sizeBytes; await nextTurn())
      offset += writeSync(descriptor, zeros, 0, Math.min(zeros.length, sizeBytes - offset), offset);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw noRoom(file, sizeBytes);
    throw error;
  }
}

function noRoom(file: string, sizeBytes: number): BgworkerError {
  return new BgworkerError('ERR_NO_ROOM_FOR_SEGMENT', 'there is no room for this shared memory', {
    detail: `${sizeBytes} bytes for ${file}`,
    hint: 'df -h /dev/shm shows its size; containers have 64 MiB unless told otherwise: docker run --shm-size=1g, or in Kubernetes an emptyDir of medium Memory at /dev/shm',
  });
}

function cannotMap(file: string, detail: string, cause?: unknown): BgworkerError {
  return new BgworkerError('ERR_CANNOT_MAP', 'shared memory cannot be mapped', {
    detail: `${file}: ${detail}`,
    hint: 'it may be gone, or /dev/shm is not there or not writable; bgworker doctor looks at it',
    cause,
  });
}
