/**
 * Which configuration file is meant: the one that is named, else the only one in the nearest folder that has one, from
 * the working directory upwards. Two in one folder are one too many: nobody could say which of them holds.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { BgworkerError } from '../../base/index.js';
import { nearestConfig } from '../../client/index.js';

/** Undefined when none is named and there is none. */
export function findConfigFile(named: string | undefined, from = process.cwd()): string | undefined {
  if (named !== undefined) {
    const file = resolve(from, named);
    if (existsSync(file)) return file;
    throw new BgworkerError('ERR_INVALID_CONFIG', 'the configuration file is missing', {
      detail: file,
      hint: 'name one that is there: --config ./bgworker.config.js',
    });
  }
  const nearest = nearestConfig(from);
  if (nearest === undefined) return undefined;
  const [name = '', another] = nearest.names;
  if (another !== undefined) {
    throw new BgworkerError('ERR_INVALID_CONFIG', 'there are two configuration files', {
      detail: nearest.names.map((other) => join(nearest.folder, other)).join(', '),
      hint: 'keep one, or say which: --config',
    });
  }
  return join(nearest.folder, name);
}
