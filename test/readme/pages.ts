/**
 * The documents as data: their headings, their tables, and what a reader is told to do.
 *
 * A page is done from the top, in one directory, as its reader would do it:
 * - a block whose first line names a file (`// app.js`, `// lib/report.js`, in a shell script `# job.sh`) is that file;
 * - a block of text shows what is printed then: by the `sh` block just before it, or else by `node app.js`. `…` in it
 *   stands for anything within a line, and alone in a line for as many lines as one likes.
 * Everything else is only read. What looks like a program and is none is marked as something else: the program that a
 * reader comes from begins with `// before`, and commands for another machine stand in a `console` block.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

export function readPage(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** README.md and all of docs/. */
export function listPages(): string[] {
  const names = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
  return ['README.md', ...names.map((name) => `docs/${name}`)].filter((path) => path.endsWith('.md')).sort();
}

export interface Block {
  readonly language: string;
  readonly text: string;
}

export function blocksIn(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({ language, text }));
}

export type Step =
  | { readonly do: 'write'; readonly path: string; readonly text: string }
  | { readonly do: 'run'; readonly command: string; readonly prints: string };

export function stepsIn(markdown: string): Step[] {
  const steps: Step[] = [];
  /** What the next block of text is the output of. */
  let command: string | undefined;
  for (const { language, text } of blocksIn(markdown)) {
    const path = fileNamedBy(language, text);
    if (path !== undefined) {
      steps.push({ do: 'write', path, text });
      command = path === 'app.js' || command === RUN_APP ? RUN_APP : undefined;
    } else if (language === 'sh') {
      // Before a page has shown a file, it only tells what a command looks like.
      command = steps.length > 0 ? text : undefined;
    } else {
      if (language === 'text' && command !== undefined) steps.push({ do: 'run', command, prints: text });
      command = undefined;
    }
  }
  return steps;
}

const RUN_APP = 'node app.js';

function fileNamedBy(language: string, text: string): string | undefined {
  const mark = language === 'sh' ? '#' : /^(js|ts|cjs|mjs)$/.test(language) ? '//' : undefined;
  const [line = ''] = text.replace(/^#!.*\n/, '').split('\n');
  return mark === undefined ? undefined : new RegExp(`^${mark} ([\\w./-]+\\.\\w+)$`).exec(line)?.[1];
}

/** Whether an output is what a document shows. */
export function isShown(output: string, shown: string): boolean {
  const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const lines = shown
    .trim()
    .split('\n')
    .map((line) => (line.trim() === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(literally).join('[^\\n]*')}\\n`));
  return new RegExp(`^${lines.join('')}$`).test(`${output.trim()}\n`);
}

/** The texts between backquotes in the first cells of every table below a heading, or of the whole page. */
export function firstCells(markdown: string, heading?: string): string[] {
  return rowsOf(markdown, heading).flatMap(([first = '']) =>
    [...first.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word),
  );
}

/** The cells of every row of every table below a heading, heads left out. */
export function rowsOf(markdown: string, heading?: string): string[][] {
  const part = heading === undefined ? markdown : sectionOf(markdown, heading);
  return part
    .split('\n')
    .filter(
      (line, index, lines) =>
        line.startsWith('|') && !/^\|[-| ]+\|$/.test(line) && !/^\|[-| ]+\|$/.test(lines[index + 1] ?? ''),
    )
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

function sectionOf(markdown: string, heading: string): string {
  const [, level = '', text = ''] = /^(#+) (.*)$/.exec(heading) ?? [];
  const start = markdown.indexOf(`\n${level} ${text}\n`);
  if (start < 0) throw new Error(`there is no heading ${heading}`);
  const rest = markdown.slice(start + 1 + heading.length);
  const end = rest.search(new RegExp(`^#{1,${level.length}} `, 'm'));
  return end < 0 ? rest : rest.slice(0, end);
}

/** The words between backquotes in headings of this level, such as those of `### ``kind`` `. */
export function headingWords(markdown: string, level: string): string[] {
  const lines = markdown.split('\n').filter((line) => line.startsWith(`${level} `));
  return lines.flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word));
}
