/**
 * Settings from the command line: `name=value`, where a value is JSON or else the text itself. Only the names are checked
 * here; the values are, together with those of the configuration.
 */
import { BgworkerError } from '../../base/index.js';
import { SETTING_NAMES } from '../../postmaster/index.js';

export function readOverrides(settings: readonly string[]): { readonly [setting: string]: unknown } {
  return Object.fromEntries(settings.map(readOverride));
}

function readOverride(text: string): readonly [string, unknown] {
  const at = text.indexOf('=');
  const name = text.slice(0, at);
  if (at <= 0 || name === 'directory' || !SETTING_NAMES.includes(name as (typeof SETTING_NAMES)[number])) {
    throw new BgworkerError('ERR_USAGE', '--setting wants name=value', {
      detail: text,
      hint: `such as maxWorkerProcesses=8; there are ${SETTING_NAMES.filter((known) => known !== 'directory').join(', ')}`,
    });
  }
  try {
    return [name, JSON.parse(text.slice(at + 1))];
  } catch {
    return [name, text.slice(at + 1)];
  }
}
