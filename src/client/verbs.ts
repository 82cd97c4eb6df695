/**
 * What one can do with a worker that is not there yet: register it, launch it (and know that it started), or run it to
 * its end and have the result. The client, `client.module()`, `client.script()` and the functions of the package are
 * all faces of these four.
 *
 * Model: RegisterDynamicBackgroundWorker; `launch` and `run` are what its callers do around it.
 */
import type { Phase } from '../core/index.js';
import { isWorkerValue, workerBrand } from '../protocol/index.js';
import { storeArgument } from './argument.js';
import type { Backend } from './backend.js';
import { PostmasterDiedError, TooManyWorkersError, WorkerStartError } from './errors.js';
import { describeScene, explainStop, nameWorker } from './explain.js';
import type { WaitForStartupOptions } from './handle.js';
import { BackgroundWorkerHandle } from './handle.js';
import type { ScriptOptions, Target, WorkerOptions } from './registration.js';
import { defineRegistration } from './registration.js';
import { causeOf } from './result.js';
import type { WorkerStopReason } from './workerState.js';
import { hasReached } from './workerState.js';

/** The definition's fields, and how to wait for a slot. */
export interface RegisterOptions extends WorkerOptions {
  /** Gives up waiting for the registration's answer; a worker that was registered nevertheless is terminated. */
  readonly signal?: AbortSignal | undefined;
  /** Wait for a slot instead of being refused when there is none: for ever, or until the signal aborts. */
  readonly waitForSlot?: AbortSignal | true | undefined;
}

/** As for `register`, and what counts as started. */
export interface LaunchOptions extends RegisterOptions {
  /** What counts as started; see `waitForStartup`. Default `'running'`. */
  readonly until?: WaitForStartupOptions['until'] | undefined;
}

/** As for `register`; what runs to its end and gives a result lives as long as its client at most. */
export interface RunOptions extends Omit<RegisterOptions, 'lifetime' | 'restart'> {
  /** `onFailure`: until it has returned once. Default `never`. */
  readonly restart?: 'never' | 'onFailure' | undefined;
}

/** The options of a script's verbs: as those of the others, and what it finds in process.argv. */
export type WithArgs<Options> = Options & Pick<ScriptOptions, 'args'>;

export async function registerWorker(...asked: Parameters<typeof registerOrFind>): Promise<BackgroundWorkerHandle> {
  return (await registerOrFind(...asked)).handle;
}

/** `existing`: the name was taken, and this is somebody else's worker. */
async function registerOrFind(
  backend: Backend,
  target: Target,
  arg: unknown,
  options: WithArgs<RegisterOptions> = {},
): Promise<{ readonly handle: BackgroundWorkerHandle; readonly existing: boolean }> {
  const { signal, waitForSlot, ...workerOptions } = options;
  signal?.throwIfAborted();
  const stored = await storeArgument(arg, backend.greeting.directory, backend.world);
  try {
    const worker = await defineRegistration(target, workerOptions, stored.mainArg, backend.world);
    const until = anyOf(signal, waitForSlot === true ? undefined : waitForSlot);
    const registered = await backend.register(worker, waitForSlot !== undefined, until);
    if (registered.existing) await stored.discard();
    return { handle: new BackgroundWorkerHandle(backend, registered), existing: registered.existing };
  } catch (error) {
    await stored.discard();
    throw error;
  }
}

export async function tryRegisterWorker(
  ...asked: Parameters<typeof registerWorker>
): Promise<BackgroundWorkerHandle | null> {
  try {
    return await registerWorker(...asked);
  } catch (error) {
    if (error instanceof TooManyWorkersError) return null;
    throw error;
  }
}

export async function launchWorker(
  backend: Backend,
  target: Target,
  arg: unknown,
  options: WithArgs<LaunchOptions> = {},
): Promise<BackgroundWorkerHandle> {
  const { until = 'running', ...registerOptions } = options;
  const { handle, existing } = await registerOrFind(backend, target, arg, registerOptions);
  const { signal } = options;
  try {
    const answer = await handle.waitForStartup({ until, signal });
    if (answer.status === 'postmasterDied') throw new PostmasterDiedError('it died while the worker was starting');
    if (answer.status === 'started' || hasCome(answer.reason, until)) return handle;
    const { reason, willRestart } = answer;
    const { what, hint } = explainStop(reason);
    const message = `${nameWorker(handle)} could not be started: it ${what}\n${describeScene(reason, moduleOf(target))}`;
    throw new WorkerStartError(message, { reason, willRestart, handle, ...hint, ...causeOf(reason) });
  } catch (error) {
    // The caller gave up and has no handle: nobody else would ever end the worker, if it is the caller's.
    if (signal?.aborted === true && !existing) await endWorker(handle, 'terminate');
    throw error;
  }
}

export async function runWorker(
  backend: Backend,
  target: Target,
  arg: unknown,
  options: WithArgs<RunOptions> = {},
): Promise<unknown> {
  const { signal, waitForSlot, ...workerOptions } = options;
  signal?.throwIfAborted();
  // Without a wait for a slot the answer comes at once, and with a handle the worker's end can be waited for.
  const patience = waitForSlot === undefined ? {} : { waitForSlot, signal };
  const handle = await registerWorker(backend, target, arg, { ...workerOptions, ...patience, lifetime: 'client' });
  try {
    return await handle.result({ signal });
  } finally {
    await endWorker(handle, signal?.aborted === true ? 'terminateAndWait' : 'terminate');
  }
}

/** Whatever becomes of this, the caller is told what happened before. A worker that has ended needs nothing. */
async function endWorker(handle: BackgroundWorkerHandle, how: 'terminate' | 'terminateAndWait'): Promise<void> {
  try {
    await handle.terminate();
    if (how === 'terminateAndWait') await handle.waitForShutdown();
  } catch {
    // We left, or the connection failed: the worker's life is tied to it.
  }
}

/** A worker that is over already has started all the same, if it came so far or did all it had to do. */
function hasCome(reason: WorkerStopReason, until: Phase): boolean {
  // A script may end itself on its top level, and its process well.
  const hasDone = reason.kind === 'returned' || reason.kind === 'exitedWithoutReturning';
  return hasDone || hasReached(reason.phase, until, reason.enteredAt !== null);
}

function moduleOf(target: Target): string {
  if (target.kind !== 'value') return String(target.module);
  return isWorkerValue(target.value) ? (target.value[workerBrand].module ?? '') : '';
}

function anyOf(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return AbortSignal.any([one, other]);
}
