/** The worker of this example: hashes files, and sends what it found through its channel as it goes. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { defineWorker } from 'bgworker/worker';

const BATCH = 200;

/** @typedef {{ paths: string[], bytes: number }} Share */

export const hashFiles = defineWorker(import.meta, async (ctx, /** @type {Share} */ { paths, bytes: total }) => {
  let bytes = 0;
  let batch = [];
  const read = (chunk) => {
    bytes += chunk.length;
    ctx.progress(bytes, total);
  };
  for (const path of paths) {
    ctx.signal.throwIfAborted();
    batch.push([path, await hashFile(path, read)]);
    if (batch.length < BATCH) continue;
    await ctx.channel.send(batch);
    batch = [];
  }
  await ctx.channel.send(batch);
  return { files: paths.length, bytes };
});

/** Null for a file that cannot be read: that is no reason to fail for all the others. */
async function hashFile(path, read) {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk);
      read(chunk);
    }
  } catch {
    return null;
  }
  return hash.digest('hex');
}
