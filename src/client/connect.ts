/**
 * Attaching to a postmaster that is there. To start one that lives and dies with this process, see embedded.ts; whether
 * one is there is found out by nothing but connecting to it.
 */
import { resolve } from 'node:path';
import type { WorkerKey } from '../core/index.js';
import { Backend } from './backend.js';
import { Client } from './client.js';
import { findDirectory } from './findDirectory.js';
import { checkPlatform } from './surroundings.js';
import { beginWait } from './waitEvents.js';
import type { World } from './world.js';

/** To which postmaster, and for how long to try. */
export interface ConnectOptions {
  /**
   * The postmaster's directory. Default: `BGWORKER_DIR`, else `.bgworker` beside the nearest `bgworker.config.*`, else
   * the user's own (`$XDG_RUNTIME_DIR/bgworker`, or `/tmp/bgworker-UID`).
   */
  readonly directory?: string | undefined;
  /** Ends the attempt with its reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The worker this process is; the worker runtime says it. Such a client does not hold up a smart shutdown.
   * @internal
   */
  readonly worker?: WorkerKey | null | undefined;
  /** `shutdown`: only `shutdown()` will be called, and then a postmaster of any version will do. */
  readonly purpose?: 'shutdown' | undefined;
}

/**
 * Connects to a running postmaster. Throws `ERR_NO_POSTMASTER` when none is there, `ProtocolMismatchError` when it is
 * another version, `ERR_CANNOT_CONNECT`, `ERR_SHUTTING_DOWN`, `ERR_UNSUPPORTED_PLATFORM`, `ERR_UNSUPPORTED_RUNTIME`, or
 * the signal's reason. Safe to repeat.
 */
export async function connect({ directory, signal, worker = null, purpose }: ConnectOptions = {}): Promise<Client> {
  checkPlatform();
  const place = directory === undefined ? findDirectory() : resolve(directory);
  return new Client(await Backend.attach({ directory: place, worker, purpose, signal, beginWait }));
}

export interface ConnectThroughOptions {
  readonly directory: string;
  readonly worker: WorkerKey | null;
  readonly world: World;
  /** Takes the place of leaving, in `close()`. */
  readonly dispose?: (() => Promise<void>) | undefined;
}

/** For `bgworker/testing`: a client whose postmaster is reached through another world than the real one. */
export async function connectThrough({ dispose, ...options }: ConnectThroughOptions): Promise<Client> {
  return new Client(await Backend.attach(options), dispose);
}
