/**
 * Several log files as one, in the order of time: workers and this process read them, each whatever file nobody has yet,
 * and bring what they have read in order; what each of them gives is then merged row by row.
 *
 *   node main.js [file…]     without names, six logs are made up. Prints the first lines, and whether a sort agrees.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GatherMerge } from 'bgworker/parallel';
import { byTime, linesOf, readLogs } from './logs.js';
import { writeLogs } from './madeUp.js';

const directory = mkdtempSync(join(tmpdir(), 'merge-logs-'));
try {
  await merge(process.argv.length > 2 ? process.argv.slice(2) : writeLogs(directory));
} finally {
  rmSync(directory, { recursive: true });
}

async function merge(paths) {
  // For two runs with the same workers; for one there is gatherMerge().
  const logs = new GatherMerge(readLogs, { workers: 2, scan: { blocks: paths.length }, compare: byTime });
  const merged = [];
  for await (const line of logs.rows(paths)) {
    if (merged.length < 4) console.log(`${line.time} ${line.file} ${line.level} ${line.said}`);
    merged.push(line);
  }
  const sorted = paths.flatMap(linesOf).sort(byTime);
  const isSame = JSON.stringify(merged) === JSON.stringify(sorted);
  console.log(`${merged.length} lines of ${paths.length} files; a sort makes the same of them:`, isSame);

  // Who looks for something needs no more than that: leaving the loop stops those who read.
  for await (const line of logs.rows(paths)) {
    if (line.level !== 'ERROR') continue;
    console.log('the first error:', line.time, line.file, line.said);
    break;
  }
  await logs.end();
  if (!isSame) process.exitCode = 1;
}
