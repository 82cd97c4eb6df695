/** Reading log files whose lines begin with their time, and bringing lines in order. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { definePlan } from 'bgworker/parallel';

/** By time; lines of the same moment by the name of their file, and by where they stand in it. */
export function byTime(one, other) {
  if (one.time !== other.time) return one.time < other.time ? -1 : 1;
  if (one.file !== other.file) return one.file < other.file ? -1 : 1;
  return one.line - other.line;
}

/**
 * The lines of the files that this participant is given, in order. A file is a block of the scan: whoever is through with
 * one reads the next that nobody has.
 */
export const readLogs = definePlan(import.meta, (participant, paths) => {
  const lines = [];
  for (const index of participant.scan) lines.push(linesOf(paths[index]));
  return lines.flat().sort(byTime);
});

/** What a program would make of each line: here its time, how bad it is, and the rest. */
export function linesOf(path) {
  const file = basename(path);
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((text, line) => {
      const [, time = '', level = '', said = ''] = /^(\S+) +(\S+) *(.*)$/.exec(text) ?? [];
      return { time, level, said, file, line };
    });
}
