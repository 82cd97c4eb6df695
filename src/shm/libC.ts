/**
 * The four things that Node does not do and the C library does: map memory, set aside its room, make a FIFO, and wait
 * for descriptors without the event loop. The only file here that knows koffi, which is an optional package and is
 * loaded by the first call.
 *
 * Model: the system calls of dsm_impl.c and waiteventset.c. Numbers are Linux's and macOS's; macOS was never tried.
 */
import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';
import { BgworkerError } from '../base/index.js';

export interface LibC {
  /** Where the memory begins; `FAILED` when there is none. */
  mmap(address: number, length: number, protection: number, flags: number, descriptor: number, offset: number): number;
  /** An error's number, or 0. */
  setAside(descriptor: number, offset: number, length: number): number;
  mkfifo(path: string, mode: number): number;
  poll(descriptors: Int32Array, count: number, timeoutMs: number): number;
  /** The memory itself, belonging to nobody: freed by no garbage collection. */
  view(address: number, length: number): ArrayBuffer;
  /** Of the call before. */
  lastError(): string;
}

export const FAILED = -1;

let loaded: LibC | undefined;

/** Throws `ERR_NO_SHARED_MEMORY` where the system has none for us, and `ERR_NO_KOFFI` where the package is missing. */
export function libC(): LibC {
  loaded ??= load();
  return loaded;
}

/** The same, for whoever wants to know it beforehand. */
export function checkSharedMemory(): void {
  libC();
}

function load(): LibC {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new BgworkerError('ERR_NO_SHARED_MEMORY', 'there is no shared memory between processes on this system', {
      detail: `the platform is ${process.platform}`,
      hint: 'it works on Linux; start, handle, result and channel work without it',
    });
  }
  const koffi = loadKoffi();
  const library = koffi.load(null);
  const fallocate =
    process.platform === 'linux'
      ? library.func('int posix_fallocate(int descriptor, int64_t offset, int64_t length)')
      : () => 0;
  return {
    mmap: library.func(
      'intptr_t mmap(intptr_t address, size_t length, int protection, int flags, int descriptor, int64_t offset)',
    ),
    setAside: fallocate,
    mkfifo: library.func(
      `int mkfifo(const char *path, ${process.platform === 'linux' ? 'uint32_t' : 'uint16_t'} mode)`,
    ),
    poll: library.func('int poll(void *descriptors, unsigned long count, int timeout)'),
    view: (address, length) => koffi.view(BigInt(address), length),
    lastError: () => getSystemErrorName(-koffi.errno()),
  };
}

/** Undefined in a bundle that is CommonJS, where `__filename` is known instead. */
const ownUrl = import.meta.url as string | undefined;

function loadKoffi(): typeof import('koffi') {
  try {
    return createRequire(ownUrl ?? __filename)('koffi') as typeof import('koffi');
  } catch (error) {
    throw new BgworkerError('ERR_NO_KOFFI', 'shared memory needs the package koffi', {
      detail: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error),
      hint: 'npm install koffi; it is an optional dependency of bgworker, which --omit=optional leaves out',
      cause: error,
    });
  }
}
