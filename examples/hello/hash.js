// hash.js
import { createHash } from 'node:crypto';
import { defineWorker } from 'bgworker/worker';

export const hash = defineWorker(import.meta, (_ctx, text) => createHash('sha256').update(text).digest('hex'));
