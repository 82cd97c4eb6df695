/**
 * Reading the words of a command line: what options hold is text, and becomes what is meant here, once, whichever
 * command it was given to. What cannot be meant is refused with the option's name and what would be right.
 */
import { BgworkerError } from '../base/index.js';

export function usage(message: string, detail: string, hint: string): BgworkerError {
  return new BgworkerError('ERR_USAGE', message, { detail, hint });
}

interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** Undefined where the option was not given. */
export function readMilliseconds(
  option: string,
  text: string | undefined,
  { least, most }: Bounds = { least: 0, most: Number.MAX_SAFE_INTEGER },
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && value >= least && value <= most) return value;
  throw usage(`${option} is not a number of milliseconds`, text, `give a number from ${least} to ${most}, as in 1500`);
}

/** `key=value`, in two. */
export function readField(option: string, field: string, example: string): readonly [string, string] {
  const at = field.indexOf('=');
  if (at <= 0) {
    throw usage(`${option} wants key=value`, field, `such as ${option} ${example}; the module stands before it`);
  }
  return [field.slice(0, at), field.slice(at + 1)];
}
