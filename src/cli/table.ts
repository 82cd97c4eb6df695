/**
 * Rows of text for a terminal: columns as wide as their widest cell, the last one cut at the edge of the screen. What
 * comes from workers is cleaned first, so that no name can move the cursor.
 */
export function table(heads: readonly string[], rows: readonly (readonly string[])[], columns: number): string {
  const lines = [heads, ...rows.map((row) => row.map(clean))];
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => (columns > 0 && line.length > columns ? `${line.slice(0, columns - 1)}…` : line))
    .join('\n');
}

/** Control characters become `?`, as PostgreSQL does with what it cannot trust (R-REG-2). */
export function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
