/**
 * What this process waits for, if it is a worker: told to the postmaster through what the worker runtime lends
 * (worker/waitEvents.ts), which decides how often. Elsewhere nobody is told.
 */
import { runtime } from './runtime.js';

/**
 * This worker waits for something, for people to see; gives what ends it, which may be called twice. `isBlocking`: the event
 * loop stands still until then, and the wait has lasted a while. Outside a worker it is told to nobody.
 */
export function beginWait(event: string, isBlocking = false): () => void {
  return runtime.worker?.beginWait?.(event, isBlocking) ?? NOTHING;
}

const NOTHING = (): void => {};
