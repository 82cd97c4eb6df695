/** Counting the words of a text of any length, by stretches of its bytes. */
import { closeSync, openSync, readSync } from 'node:fs';
import { definePlan } from 'bgworker/parallel';

/** Letters and digits; and every byte of a character beyond ASCII, so that none of these is cut in two. */
const isOfWord = (byte) =>
  (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x30 && byte <= 0x39) || byte >= 0x80;
const BETWEEN_WORDS = /[^a-zA-Z0-9\u0080-\uffff]+/;

/**
 * How often each word stands in what this participant is given of the file: blocks of so many bytes. Every participant
 * counts for itself and hands over its sums, as PostgreSQL does with a partial aggregate.
 */
export const countWords = definePlan(import.meta, function* (participant, { path, blockBytes, sizeBytes }) {
  const counts = new Map();
  const file = openSync(path, 'r');
  try {
    for (const { begin, end } of participant.scan.ranges()) {
      count(wordsIn(file, begin * blockBytes, Math.min(end * blockBytes, sizeBytes)), counts);
    }
  } finally {
    closeSync(file);
  }
  yield* counts;
});

/** Adds the words of a text to what was counted before. */
export function count(text, counts) {
  for (const word of text.toLowerCase().split(BETWEEN_WORDS)) {
    if (word !== '') counts.set(word, (counts.get(word) ?? 0) + 1);
  }
}

/** A word belongs to the stretch in which it begins: so the one on its left border is left out, and the last is read to its end. */
function wordsIn(file, from, to) {
  let begin = from;
  if (from > 0) {
    // With the byte before it, which tells whether a word goes on here.
    begin = endOfWord(file, from - 1, to);
    if (begin === to) return '';
  }
  const end = endOfWord(file, to - 1, Number.POSITIVE_INFINITY);
  const bytes = Buffer.allocUnsafe(end - begin);
  return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, begin));
}

/** Where the word ends that has the byte `at`, or `at + 1` if none has; not beyond `most`. */
function endOfWord(file, at, most) {
  const some = Buffer.allocUnsafe(64);
  for (let position = at; ; position += some.length) {
    const length = readSync(file, some, 0, some.length, position);
    for (let index = 0; index < length; index++) {
      if (position + index >= most) return most;
      if (!isOfWord(some[index])) return Math.max(position + index, at + 1);
    }
    if (length < some.length) return position + length;
  }
}
