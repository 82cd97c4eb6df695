/**
 * What becomes of a part whose process died, and what its errors are about. Decides only.
 *
 * A process says when it begins with a part. What it had not begun with, another one can have as it is. What it had begun
 * with is suspected, and runs again alone: of a map, each item by itself, so that those beside the one that did it have
 * their results. A part that ends its process when it runs alone has done it.
 */
import { BgworkerError } from '../base/index.js';
import type { Part } from './batch.js';
import { singly } from './batch.js';
import type { Answer } from './poolProcess.js';

/** To be done again, in these parts; or failed, with an error for its first item. */
export type Verdict = { readonly again: readonly Part[] } | { readonly failed: Error };

/** `isDivisible`: its items need not stay together. */
export function judgeDeath(part: Part, hasBegun: boolean, isDivisible: boolean, endedBy: Error): Verdict {
  if (!hasBegun) return { again: [part] };
  if (part.suspectedOf !== null) return { failed: endedBy };
  return { again: isDivisible ? singly(part, endedBy) : [{ ...part, suspectedOf: endedBy }] };
}

/** There was no room for one more order to a process, beside those that it has. */
export function isQueueFull(error: unknown): boolean {
  return error instanceof BgworkerError && error.code === 'ERR_CHANNEL_QUEUE_FULL';
}

/** Of those that are together in a message the last may find no room, and alone they may. */
export function hasNoRoom({ errors }: Answer): boolean {
  for (const error of errors.values()) {
    const { code } = error as { readonly code?: unknown };
    if (code === 'ERR_ARGUMENT_TOO_LARGE' || code === 'ERR_RESULT_TOO_LARGE') return true;
  }
  return false;
}

/** It is no item's fault, and will be the same with every one. */
export function isOfModule(error: Error): boolean {
  const { code } = error as { readonly code?: unknown };
  return code === 'ERR_MODULE_NOT_LOADED' || code === 'ERR_WORKER_NOT_EXPORTED';
}
