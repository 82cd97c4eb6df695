/**
 * What a client reaches of the world around it: the postmaster's socket, the calendar, the place of long arguments, and
 * the names of worker values. There is one world; a test puts another in its place (`bgworker/testing`), and everything
 * above it is the same client.
 */
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import type { WorkerPlace, WorkerValue } from '../protocol/index.js';
import { findWorker, SOCKET_NAME } from '../protocol/index.js';

/** What a connection needs of a socket. */
export interface Wire {
  on(event: 'connect' | 'close', listener: () => void): unknown;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  write(bytes: Buffer): unknown;
  destroy(): unknown;
  /** What was written is still sent. */
  destroySoon(): void;
  ref(): unknown;
  unref(): unknown;
}

export interface World {
  /** Says `connect`, or `error` and `close`. */
  dial(directory: string): Wire;
  /** For poll(2); -1 when it has none. */
  descriptorOf(wire: Wire): number;
  /** Milliseconds since 1970. */
  now(): number;
  /** Called before an argument that is too long for a frame is written to `args` in there. */
  prepareDirectory(directory: string): void;
  /** Where a worker's process finds it. */
  findWorker(value: WorkerValue<never>): Promise<WorkerPlace>;
  /** Whether workers are other processes, with which one can share memory. */
  readonly hasProcesses: boolean;
}

export const theWorld: World = {
  dial: (directory) => connectSocket({ path: join(directory, SOCKET_NAME) }),
  // Node has no public name for it.
  descriptorOf: (wire) => (wire as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd ?? -1,
  now: () => Date.now(),
  prepareDirectory: () => {},
  findWorker,
  hasProcesses: true,
};
