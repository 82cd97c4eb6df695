/**
 * The verbs as functions of the package, for programs that want no set-up: one postmaster for each process, made when
 * the first of them is called. It is the one that `BGWORKER_DIR` names, else an embedded one; inside a worker it is the
 * worker's own, or of a copy that the worker was not started with, one in the worker's place (runtime.ts). If it died, the
 * next call has a new one.
 *
 * It keeps the process alive only while something is awaited, and installs no signal handler.
 */
import type { WorkerValue } from '../protocol/index.js';
import { PACKAGE_VERSION } from '../protocol/index.js';
import type { Client } from './client.js';
import { connect } from './connect.js';
import { startPostmaster } from './embedded.js';
import type { BackgroundWorkerHandle } from './handle.js';
import type { ArgAndOptions } from './modules.js';
import { runtime } from './runtime.js';
import { checkRole } from './surroundings.js';
import type { LaunchOptions, RegisterOptions, RunOptions } from './verbs.js';
import { unlessAborted } from './waiting.js';

/** As `client.run`, with the default postmaster. */
export async function run<Arg, Result>(
  worker: WorkerValue<Arg, Result>,
  ...rest: ArgAndOptions<Arg, RunOptions>
): Promise<Result> {
  return (await clientFor(rest[1])).run(worker, ...rest);
}

/** As `client.launch`, with the default postmaster. */
export async function launch<Arg, Result>(
  worker: WorkerValue<Arg, Result>,
  ...rest: ArgAndOptions<Arg, LaunchOptions>
): Promise<BackgroundWorkerHandle<Result>> {
  return (await clientFor(rest[1])).launch(worker, ...rest);
}

/** As `client.register`, with the default postmaster. */
export async function register<Arg, Result>(
  worker: WorkerValue<Arg, Result>,
  ...rest: ArgAndOptions<Arg, RegisterOptions>
): Promise<BackgroundWorkerHandle<Result>> {
  return (await clientFor(rest[1])).register(worker, ...rest);
}

/** As `client.tryRegister`, with the default postmaster. */
export async function tryRegister<Arg, Result>(
  worker: WorkerValue<Arg, Result>,
  ...rest: ArgAndOptions<Arg, RegisterOptions>
): Promise<BackgroundWorkerHandle<Result> | null> {
  return (await clientFor(rest[1])).tryRegister(worker, ...rest);
}

/**
 * The default client, as the functions of the package have it: the worker's own inside a worker. An abort ends this
 * caller's wait, and not the start that others may be waiting for.
 */
export async function clientFor(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Client> {
  const { signal } = options;
  signal?.throwIfAborted();
  return unlessAborted(defaultClient(), signal);
}

async function defaultClient(): Promise<Client> {
  const { worker } = runtime;
  if (worker?.version === PACKAGE_VERSION) return worker.client();
  for (;;) {
    const present = runtime.defaultClient ?? openDefault();
    const client = await present;
    if (client.closed === null) return client;
    if (runtime.defaultClient === present) runtime.defaultClient = undefined;
  }
}

function openDefault(): Promise<Client> {
  const opening = runtime.worker === undefined ? openNamed() : runtime.worker.place().then(connect);
  runtime.defaultClient = opening;
  // One that could not be had is no one's default; whoever asked is told by the promise itself.
  opening.catch(() => {
    if (runtime.defaultClient === opening) runtime.defaultClient = undefined;
  });
  return opening;
}

async function openNamed(): Promise<Client> {
  checkRole();
  const directory = process.env['BGWORKER_DIR'];
  return directory === undefined || directory === '' ? startPostmaster() : connect({ directory });
}
