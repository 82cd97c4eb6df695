/**
 * The documents as data: their headings, their tables, and the programs in them.
 *
 * A program is what a reader would paste: the blocks of JavaScript whose first line names a file (`// app.js`), up to
 * the block of text that shows what `app.js` prints. `…` in that text stands for anything within a line.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

export function readPage(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

export interface Program {
  /** By name. */
  readonly files: ReadonlyMap<string, string>;
  readonly prints: string;
}

export function programsIn(markdown: string): Program[] {
  const programs: Program[] = [];
  let files = new Map<string, string>();
  for (const [, language, text = ''] of markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)) {
    const name = /^\/\/ ([\w-]+\.[cm]?js)\b/.exec(text)?.[1];
    if (language === 'js' && name !== undefined) files.set(name, text);
    if (language !== 'text' || files.size === 0) continue;
    programs.push({ files, prints: text });
    files = new Map();
  }
  return programs;
}

/** Whether an output is what a document shows. */
export function isShown(output: string, shown: string): boolean {
  const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${shown.trim().split('…').map(literally).join('[^\\n]*')}$`).test(output.trim());
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

export interface Project {
  readonly directory: string;
  remove(): void;
}

/** A directory as a user has one, with the package installed as a link to this repository. */
export function makeProject(files: ReadonlyMap<string, string>): Project {
  const directory = mkdtempSync(join(tmpdir(), 'bgworker-page-'));
  mkdirSync(join(directory, 'node_modules'));
  symlinkSync(root, join(directory, 'node_modules/bgworker'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }\n');
  for (const [name, text] of files) writeFileSync(join(directory, name), text);
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
