/**
 * What was found, for people: a line for each check, and below what is not fine, what to change. What is fine is quiet,
 * and nothing that anybody else wrote can move the cursor.
 */
import { styleText } from 'node:util';
import { clean } from '../table.js';
import type { NamedFinding } from './examine.js';

export interface ReportOptions {
  /** Of the terminal; 0: no terminal, so lines are as long as they are. */
  readonly columns: number;
  readonly hasColors: boolean;
}

export function report(findings: readonly NamedFinding[], { columns, hasColors }: ReportOptions): string {
  const nameWidth = Math.max(...findings.map(({ check }) => check.length));
  const verdictWidth = 'problem'.length;
  const indent = ' '.repeat(verdictWidth + nameWidth + 4);
  const style = (format: Parameters<typeof styleText>[0], text: string): string =>
    hasColors ? styleText(format, text) : text;
  const wrap = (text: string): string[] =>
    wrapWords(clean(text), columns === 0 ? Number.POSITIVE_INFINITY : columns - indent.length);
  const lines = findings.flatMap(({ check, verdict, found, advice }) => {
    const format = verdict === 'ok' ? 'dim' : verdict === 'warning' ? 'yellow' : 'red';
    const [first = '', ...rest] = wrap(found);
    return [
      `${style(format, verdict.padEnd(verdictWidth))}  ${check.padEnd(nameWidth)}  ${style(verdict === 'ok' ? 'dim' : 'reset', first)}`,
      ...rest.map((line) => `${indent}${style(verdict === 'ok' ? 'dim' : 'reset', line)}`),
      ...wrap(advice === null ? '' : `→ ${advice}`)
        .filter((line) => line !== '')
        .map((line) => `${indent}${line}`),
    ];
  });
  return `${lines.join('\n')}\n\n${summary(findings)}`;
}

export function summary(findings: readonly NamedFinding[]): string {
  const count = (wanted: string): number => findings.filter(({ verdict }) => verdict === wanted).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  if (problems + warnings === 0) return 'everything is fine';
  return [counted(problems, 'problem'), counted(warnings, 'warning')].filter((text) => text !== '').join(', ');
}

function counted(count: number, noun: string): string {
  return count === 0 ? '' : `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
