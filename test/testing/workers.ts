/** Workers that are run as processes, and without. */
import { defineWorker } from '../../src/worker/index.js';

export const returns = defineWorker(import.meta, (ctx, value: unknown) => ({ value, name: ctx.entry.name }));

export const returnsNothing = defineWorker(import.meta, () => {});

export const returnsWhatCannotBeSent = defineWorker(import.meta, () => ({ fn: () => {} }));

export const throws = defineWorker(import.meta, async () => {
  throw Object.assign(new RangeError('too far', { cause: new Error('behind it') }), { code: 'ERR_FAR', metres: 7 });
});

/** Tidies up, and returns. */
export const becomesReady = defineWorker(import.meta, async (ctx) => {
  ctx.ready();
  await ctx.terminated;
  return 'tidied up';
});

/** Ends with the reason of its signal. */
export const obeys = defineWorker(import.meta, async (ctx) => {
  while (!ctx.signal.aborted) await ctx.latch.wait();
});

/** Has looked at its signal, and does nothing about it. */
export const ignores = defineWorker(import.meta, async (ctx) => {
  ctx.signal.addEventListener('abort', () => {});
  await new Promise(() => {});
});

/** Has not looked, so there is nothing that it wants to tidy up. */
export const heedsNothing = defineWorker(import.meta, async () => {
  setInterval(() => {}, 1_000_000);
  await new Promise(() => {});
});

export const exits = defineWorker(import.meta, async (_ctx, code: number) => {
  console.log('so long');
  process.exit(code);
});

export const isKilled = defineWorker(import.meta, async (_ctx, signal: NodeJS.Signals) => {
  process.kill(process.pid, signal);
  await new Promise((resolve) => setTimeout(resolve, 1_000_000));
});

export const neverSettles = defineWorker(import.meta, () => new Promise<void>(() => {}));

export const notWorker = 'a text';
