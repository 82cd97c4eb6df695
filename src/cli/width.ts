/**
 * How many columns of a terminal a text takes. What a reader sees as one character may be several code points, of which
 * the marks take no column; East Asian characters and emoji take two. Terminals do not agree on all of them; this is
 * Unicode's table of widths (UAX #11), as `wcwidth` of most systems has it.
 */

/** Of wide and fullwidth characters, as far as they are no emoji. */
const WIDE = new RegExp(
  '^(?:[\\u1100-\\u115f\\u2329\\u232a\\u2e80-\\u303e\\u3041-\\u4dbf\\u4e00-\\ua4cf\\ua960-\\ua97f\\uac00-\\ud7a3' +
    '\\uf900-\\ufaff\\ufe10-\\ufe19\\ufe30-\\ufe6f\\uff01-\\uff60\\uffe0-\\uffe6]' +
    '|[\\u{16fe0}-\\u{18cff}\\u{1aff0}-\\u{1b2ff}\\u{1f200}-\\u{1f2ff}\\u{20000}-\\u{3fffd}])',
  'u',
);
const EMOJI = /^\p{Emoji_Presentation}|\ufe0f|^\p{Regional_Indicator}/u;
const NO_COLUMN = /^[\p{Mn}\p{Me}\p{Cf}]/u;
const PLAIN = /^[ -~]*$/;

const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of characters.segment(text)) width += widthOfCharacter(segment);
  return width;
}

/** The beginning that fits, with a mark where something was cut off. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let shown = '';
  let width = 0;
  for (const { segment } of characters.segment(text)) {
    width += widthOfCharacter(segment);
    if (width > columns - 1) break;
    shown += segment;
  }
  return `${shown}…`;
}

function widthOfCharacter(segment: string): number {
  if (NO_COLUMN.test(segment)) return 0;
  if (EMOJI.test(segment) || WIDE.test(segment)) return 2;
  // Marks that stand beside their letter.
  return 1 + (segment.match(/\p{Mc}/gu) ?? []).length;
}
