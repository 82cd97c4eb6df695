/**
 * Rows of text for a terminal: columns as wide as their widest cell, the last one cut at the edge of the screen. What
 * comes from workers is cleaned first, so that no name can move the cursor, and measured in columns of the screen, of
 * which a character may take none, one or two (width.ts).
 */
import { cut, widthOf } from './width.js';

const BETWEEN = '  ';

/** `columns`: of the terminal; 0 where there is none, and nothing is cut. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[], columns: number): string {
  const lines = [heads, ...rows.map((row) => row.map(clean))];
  const widths = widthsOf(lines);
  return lines
    .map((line) =>
      line
        .map((cell, column) => pad(cell, widths[column] ?? 0))
        .join(BETWEEN)
        .trimEnd(),
    )
    .map((line) => (columns > 0 ? cut(line, columns) : line))
    .join('\n');
}

/** Up to the place where the column of this number begins. */
export function widthBefore(column: number, heads: readonly string[], rows: readonly (readonly string[])[]): number {
  const widths = widthsOf([heads, ...rows.map((row) => row.map(clean))]);
  return widths.slice(0, column).reduce((sum, width) => sum + width + BETWEEN.length, 0);
}

function widthsOf(lines: readonly (readonly string[])[]): number[] {
  return (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => widthOf(line[column] ?? ''))));
}

function pad(cell: string, width: number): string {
  return `${cell}${' '.repeat(width - widthOf(cell))}`;
}

/**
 * Control characters become `?`, as PostgreSQL does with what it cannot trust (R-REG-2), and so do those that turn the
 * direction of a line or break it. Joiners stay: many scripts and emoji are written with them.
 */
export function clean(text: string): string {
  return text.replaceAll('\t', '  ').replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu, '?');
}
