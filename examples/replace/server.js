/** Something of which there must be one only. */
import { defineWorker } from 'bgworker/worker';

export const server = defineWorker(import.meta, async (ctx, /** @type {string} */ version) => {
  ctx.ready();
  await ctx.terminated;
  return `version ${version} has left`;
});
