/** The worker of this example: hashes files, and sends what it found through its channel as it goes. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { defineWorker } from 'bgworker/worker';

const BATCH = 200;

export const hashFiles = defineWorker(import.meta, async (ctx, /** @type {string[]} */ paths) => {
  let bytes = 0;
  let batch = [];
  for (const [done, path] of paths.entries()) {
    ctx.signal.throwIfAborted();
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    batch.push([path, hash.digest('hex')]);
    ctx.progress(done + 1, paths.length);
    if (batch.length === BATCH) {
      await ctx.channel.send(batch);
      batch = [];
    }
  }
  await ctx.channel.send(batch);
  return { files: paths.length, bytes };
});
