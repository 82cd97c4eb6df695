/** Computes some rows of the plate. Before the next step all must be through: it reads what the neighbours have written. */
import { attachSegment, SharedBarrier, TableOfContents } from 'bgworker/shm';
import { defineWorker } from 'bgworker/worker';
import { step } from './heat.js';

export const spread = defineWorker(import.meta, async (ctx, { segment: handle, size, steps, begin, end }) => {
  const segment = await attachSegment(handle);
  const contents = TableOfContents.attach(segment.chunk());
  const barrier = SharedBarrier.attach(contents.lookup('barrier'));
  // From here on the others are told when this process dies: arriveAndWait() then throws ERR_BARRIER_BROKEN.
  barrier.join();
  let [old, next] = ['old', 'next'].map((key) => {
    const { shownBytes } = contents.lookup(key);
    return new Float64Array(shownBytes.buffer, shownBytes.byteOffset, size * size);
  });
  let elected = 0;
  for (let n = 0; n < steps; n++) {
    step(old, next, size, begin, end);
    const result = await barrier.arriveAndWait({ signal: ctx.signal });
    if (result.elected) elected += 1;
    [old, next] = [next, old];
  }
  return elected;
});
