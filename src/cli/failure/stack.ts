/**
 * An error as its author wants to see it: what was thrown, and the frames of his own code. A worker's function is called
 * by this package, and a module is imported by Node, so below the author's frames stand some that are always the same
 * and that nobody can change; these are left out. An error that began in this package, and in no code of his, shows all.
 */
import { fileURLToPath } from 'node:url';
import type { ErrorRecord } from '../../core/index.js';
import { PACKAGE_PATH } from '../../protocol/index.js';

const FRAME = /^\s+at /;
/** Of this copy, and of another one that the worker's module may have imported. */
const OURS = [`${PACKAGE_PATH}dist/src/`, '/node_modules/bgworker/dist/'];

/** On one line. What was thrown may be no error at all. */
export function titleOf({ name, message }: ErrorRecord): string {
  const [first = ''] = message.split('\n');
  return name === 'NonError' ? `what is no error, ${first}` : `${name}: ${first}`;
}

/** What belongs below the title: place and excerpt where there are any, more of the message, frames, what caused it. */
export function describeError(error: ErrorRecord): string[] {
  const { cause, errors = [] } = error;
  const lines = linesBelowTitle(error);
  for (const one of errors) lines.push(`  ${titleOf(one)}`, ...linesBelowTitle(one).map((line) => `  ${line}`));
  if (cause !== undefined) lines.push(`caused by ${titleOf(cause)}`, ...describeError(cause));
  return lines;
}

/** The file and the line where it was thrown, if that was in the author's code. */
export function placeOf({ stack = '' }: ErrorRecord): { readonly file: string; readonly line: number } | undefined {
  const [first = ''] = stack.split('\n');
  const excerpt = /^((?:\/|file:).*):(\d+)$/.exec(first);
  const frame = framesOf(stack).filter(isAuthors)[0] ?? '';
  const [, file, line] = excerpt ?? /((?:\/|file:)[^()]*?):(\d+):\d+\)?$/.exec(frame) ?? [];
  return file === undefined ? undefined : { file: asPath(file), line: Number(line) };
}

/** What Node printed of an error that nobody caught, without the frames that are its own or ours. Fields may follow the last. */
export function withoutForeignFrames(printed: string): string {
  return printed
    .split('\n')
    .map((line) => (FRAME.test(line) && line.endsWith(' {') && !isAuthors(line.slice(0, -2)) ? '{' : line))
    .filter((line) => !FRAME.test(line) || isAuthors(line))
    .join('\n')
    .replace(/\n+Node\.js v[\d.]+\s*$/, '');
}

function linesBelowTitle({ message, stack }: ErrorRecord): string[] {
  const [title = '', ...more] = message.split('\n');
  if (stack === undefined) return more;
  const head = stack.split('\n').filter((line) => !FRAME.test(line) && line.trim() !== '' && !isTitle(line, title));
  const frames = framesToShow(framesOf(stack)).map((frame) => `  ${frame.trim()}`);
  return [...head, ...frames].map((line) => line.replace(/file:\/\/\/[^\s:)]*/, asPath));
}

/** Such as `TypeError [ERR_INVALID_URL]: Invalid URL`. */
function isTitle(line: string, title: string): boolean {
  return (
    line === title ||
    (line.endsWith(`: ${title}`) && /^(?:Uncaught )?[\w.$]+(?: \[\w+\])?$/.test(line.slice(0, -title.length - 2)))
  );
}

function framesOf(stack: string): string[] {
  return stack.split('\n').filter((line) => FRAME.test(line));
}

function framesToShow(frames: readonly string[]): readonly string[] {
  const last = frames.findLastIndex(isAuthors);
  if (last >= 0) return frames.slice(0, last + 1).filter((frame) => !isOurs(frame));
  return isOurs(frames[0] ?? '') ? frames : [];
}

function isAuthors(frame: string): boolean {
  return !isOurs(frame) && !isNodes(frame);
}

/** A frame of this package, or a file of it. */
export function isOurs(frame: string): boolean {
  return OURS.some((path) => frame.includes(path));
}

/** Of Node, or of the language itself. */
function isNodes(frame: string): boolean {
  return /\(?node:[\w/]+:\d+:\d+\)?$|<anonymous>\)?$|^\s+at (?:native|async Promise\.\w+ \(index \d+\))$/.test(frame);
}

function asPath(location: string): string {
  return location.startsWith('file:') ? fileURLToPath(location) : location;
}
