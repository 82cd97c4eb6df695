/**
 * Colour, where it tells something: a warning, a failure, a head. Only on a terminal that has colours and whose user
 * wants them (NO_COLOR, TERM=dumb); everywhere else a text stays as it is.
 */
import type { WriteStream } from 'node:tty';
import { styleText } from 'node:util';

export type Paint = 'plain' | 'head' | 'warning' | 'failure';

const FORMATS = { head: 'bold', warning: 'yellow', failure: 'red' } as const;

export function paintFor(stream: Pick<WriteStream, 'isTTY' | 'hasColors'>): (how: Paint, text: string) => string {
  const hasColors = stream.isTTY && stream.hasColors();
  // Whether to is decided here, and not by what styleText thinks of standard output.
  return (how, text) =>
    hasColors && how !== 'plain' ? styleText(FORMATS[how], text, { validateStream: false }) : text;
}
