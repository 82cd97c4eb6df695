/**
 * Which of the words that exist somebody may have meant: those that fewest slips of the finger are away, nearest first.
 * A slip is a letter too much, too little, wrong, or changed with its neighbour; capitals are none.
 */

/** More than a third of a word wrong is another word. */
const LETTERS_FOR_EACH_SLIP = 3;

/** Nobody's finger slipped so long; measuring it would take a while. */
const MAX_LENGTH = 100;

/** Those that are near, nearest first. */
export function nearest(word: string, candidates: readonly string[]): string[] {
  if (word.length > MAX_LENGTH) return [];
  const slipsAllowed = Math.ceil(word.length / LETTERS_FOR_EACH_SLIP);
  return byDistance(word, candidates)
    .filter(({ slips }) => slips <= slipsAllowed)
    .map(({ candidate }) => candidate);
}

/** All of them, nearest first. */
export function nearestFirst(word: string, candidates: readonly string[]): string[] {
  return byDistance(word, candidates).map(({ candidate }) => candidate);
}

function byDistance(word: string, candidates: readonly string[]): { candidate: string; slips: number }[] {
  const measured = candidates.map((candidate) => ({
    candidate,
    slips: slipsBetween(word.toLowerCase(), candidate.toLowerCase()),
  }));
  return measured.sort((one, other) => one.slips - other.slips || (one.candidate < other.candidate ? -1 : 1));
}

/** The distance of Damerau and Levenshtein, in its simple form: no letter is changed twice. */
function slipsBetween(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const isSame = one[row - 1] === other[column - 1];
      const ways = [
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
      ];
      const isSwapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      if (isSwapped && row > 1 && column > 1) ways.push((beforeLast[column - 2] ?? 0) + 1);
      current.push(Math.min(...ways));
    }
    beforeLast = last;
    last = current;
  }
  return last[other.length] ?? 0;
}
