/** Fails twice, as something does whose database is not up yet, and works the third time. */
import { defineWorker } from 'bgworker/worker';

export const flaky = defineWorker(import.meta, (ctx) => {
  const { attempt } = ctx.entry;
  if (attempt < 3) throw new Error(`the database is not up yet (attempt ${attempt})`);
  return 'connected';
});
