/** The workers that figures start. */
import { createHash } from 'node:crypto';
import { defineWorker } from '../../dist/src/worker/index.js';

/** A short piece of work whose answer can be checked. */
export const hash = defineWorker(import.meta, (_ctx, text) => createHash('sha256').update(text).digest('hex'));

/** There for as long as it is wanted, and does nothing. */
export const idle = defineWorker(import.meta, () => new Promise((resolve) => setTimeout(resolve, 2 ** 30)));

/** What it stands for has never come about: whoever waits for the early workers waits for ever. */
export const neverReady = defineWorker(import.meta, async (ctx) => {
  await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve, { once: true }));
});
