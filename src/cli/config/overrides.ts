/**
 * Settings from the command line: `name=value`, where a value is JSON or else the text itself. Only the names are checked
 * here; the values are, together with those of the configuration.
 */
import { BgworkerError, nearest } from '../../base/index.js';
import { SETTING_NAMES } from '../../postmaster/index.js';

/** The directory has an option of its own. */
const NAMES: readonly string[] = SETTING_NAMES.filter((name) => name !== 'directory');

export function readOverrides(settings: readonly string[]): { readonly [setting: string]: unknown } {
  return Object.fromEntries(settings.map(readOverride));
}

function readOverride(text: string): readonly [string, unknown] {
  const at = text.indexOf('=');
  const name = text.slice(0, at);
  if (at <= 0) {
    const hint = `such as maxWorkerProcesses=8; there are ${NAMES.join(', ')}`;
    throw new BgworkerError('ERR_USAGE', '--setting wants name=value', { detail: text, hint });
  }
  if (!NAMES.includes(name)) {
    const [likely] = nearest(name, NAMES);
    const meant = likely === undefined ? `there are ${NAMES.join(', ')}` : `did you mean ${likely}?`;
    throw new BgworkerError('ERR_USAGE', '--setting takes no such setting', {
      detail: text,
      hint: name === 'directory' ? 'it has an option of its own: --directory <path>' : meant,
    });
  }
  try {
    return [name, JSON.parse(text.slice(at + 1))];
  } catch {
    return [name, text.slice(at + 1)];
  }
}
