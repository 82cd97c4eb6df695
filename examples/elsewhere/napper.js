/** Sleeps until it is asked to stop. */
import { defineWorker } from 'bgworker/worker';

export const napper = defineWorker(import.meta, async (ctx) => {
  ctx.ready();
  await ctx.terminated;
  return 'well rested';
});
