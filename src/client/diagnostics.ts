/**
 * For tracers and metrics: node:diagnostics_channel channels named after what happened to a worker that this process
 * registered or watches. Nothing is made, and nothing costs, while nobody subscribes.
 *
 * - `bgworker:register` `{ handle, worker }`: the postmaster accepted a registration of this process.
 * - `bgworker:start` `bgworker:ready` `bgworker:exit`: a WorkerEvent; its function was entered, it called
 *   `ctx.ready()`, an attempt ended (`reason` says why).
 * - `bgworker:channel` `{ handle, isInMemory, because }`: a channel that carries much goes through shared memory from now
 *   on, or cannot, and why.
 */
import { channel } from 'node:diagnostics_channel';
import type { BackgroundWorker } from '../core/index.js';
import type { WorkerEvent } from './workerState.js';

const registerChannel = channel('bgworker:register');
const startChannel = channel('bgworker:start');
const readyChannel = channel('bgworker:ready');
const exitChannel = channel('bgworker:exit');
const carriedChannel = channel('bgworker:channel');

export function publishRegistration(handle: string, worker: BackgroundWorker): void {
  if (registerChannel.hasSubscribers) registerChannel.publish({ handle, worker });
}

/** Which step an event is, by the phase it says: each status is published once, when the worker has come to it. */
export function publishSteps(event: WorkerEvent): void {
  if (event.status === 'started' && event.phase === 'running' && startChannel.hasSubscribers)
    startChannel.publish(event);
  if (event.status === 'started' && event.phase === 'ready' && readyChannel.hasSubscribers) readyChannel.publish(event);
  if (event.status === 'stopped' && event.phase === null && exitChannel.hasSubscribers) exitChannel.publish(event);
}

/** `because`: why it stays on the line; null when it has moved. */
export function publishChannel(handle: string, because: string | null): void {
  if (carriedChannel.hasSubscribers) carriedChannel.publish({ handle, isInMemory: because === null, because });
}
