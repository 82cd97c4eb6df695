/** A text that is the same each time: made-up words, short ones more often than long ones, some of them not in English. */
import { writeFileSync } from 'node:fs';

const SYLLABLES = ['ba', 'co', 'di', 'fé', 'gu', 'hal', 'in', 'jor', 'ßa', 'лу', 'mer', 'no', '語', 'po', 'qui', 'ré'];
const BETWEEN = [' ', ' ', ' ', ' ', ', ', '. ', '\n', ' - '];

/** Writes about so many bytes, and gives back the path. */
export function writeText(path, bytes) {
  let random = 1;
  const next = (below) => {
    // Numerical Recipes' linear congruential generator.
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((random / 2 ** 32) * below);
  };
  const words = Array.from({ length: 3_000 }, (_, index) =>
    Array.from({ length: 1 + Math.floor(Math.log2(1 + index) / 3) }, () => SYLLABLES[next(16)]).join(''),
  );
  const pieces = [];
  for (let written = 0; written < bytes; ) {
    const piece = words[Math.min(next(3_000), next(3_000))] + BETWEEN[next(8)];
    pieces.push(piece);
    written += Buffer.byteLength(piece);
  }
  writeFileSync(path, pieces.join(''));
  return path;
}
