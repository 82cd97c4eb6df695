/** The worker of this example: the SHA-256 of a file. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { defineWorker } from 'bgworker/worker';

export const hashFile = defineWorker(import.meta, (_ctx, /** @type {string} */ path) => hashOf(path));

/** The same without a worker, for comparison. */
export function hashOf(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
