/**
 * The SHA-256 of every file below a directory, by parallelMap: files are handed out as the tree is walked, and each
 * checksum is here as soon as it is done. Then the same by a loop, to compare.
 *
 *   node main.js [directory]     by default the examples of the repository this file is in
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatExplanation, parallelMap } from 'bgworker/parallel';
import { hashFile, hashOf } from './hashFile.js';

const directory = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url));

/** All regular files; nobody waits for the whole list. */
async function* filesBelow(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}

const hashes = new Map();
const run = parallelMap(filesBelow(directory), hashFile, {
  workers: 2,
  order: 'completed',
  onError: 'yield', // a file that cannot be read is no reason to stop
  onProgress: ({ done, total }) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${total ?? 'who knows how many'} files\u001b[K`);
  },
});
for await (const { item, value, error } of run) {
  if (error === undefined) hashes.set(item, value);
  else console.log(`${item}: ${error.message}`);
}
if (process.stderr.isTTY) process.stderr.write('\n');
console.log(formatExplanation(run.explain()));

const startedAt = performance.now();
let agreed = 0;
for (const [path, hash] of hashes) if (hashOf(path) === hash) agreed += 1;
console.log(
  `a loop takes ${(performance.now() - startedAt).toFixed(3)} ms, and agrees on ${agreed} of ${hashes.size} files`,
);
process.exitCode = agreed === hashes.size && agreed > 0 ? 0 : 1;
