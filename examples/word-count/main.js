/**
 * How often each word stands in a text: counted by two workers, each wherever there is a stretch of the file left, and
 * compared with what one alone counts.
 *
 *   node main.js [file]     without a name, a text is made up
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatExplanation, gather } from 'bgworker/parallel';
import { writeText } from './text.js';
import { count, countWords } from './words.js';

const BLOCK_BYTES = 64 * 1024;

const directory = mkdtempSync(join(tmpdir(), 'word-count-'));
try {
  await compare(process.argv[2] ?? writeText(join(directory, 'text'), 2_000_000));
} finally {
  rmSync(directory, { recursive: true });
}

async function compare(path) {
  const sizeBytes = statSync(path).size;
  const blocks = Math.ceil(sizeBytes / BLOCK_BYTES);
  // Counting would keep the event loop of this process busy, so it is left to the workers as long as there are any.
  const options = { workers: 2, leaderParticipation: false, scan: { blocks } };
  const run = gather(countWords, { path, blockBytes: BLOCK_BYTES, sizeBytes }, options);
  const counts = new Map();
  for await (const [word, times] of run) counts.set(word, (counts.get(word) ?? 0) + times);

  const alone = new Map();
  count(readFileSync(path, 'utf8'), alone);
  const isSame = alone.size === counts.size && [...alone].every(([word, times]) => counts.get(word) === times);

  const most = [...counts].sort(([one, times], [other, otherTimes]) => otherTimes - times || (one < other ? -1 : 1));
  for (const [word, times] of most.slice(0, 3)) console.log(times, word);
  console.log(`${counts.size} different words in ${blocks} blocks`);
  console.log('one alone counts the same:', isSame);
  console.log(formatExplanation(run.explain()));
  if (!isSame) process.exitCode = 1;
}
