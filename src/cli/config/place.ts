/**
 * Where the postmaster is, or will be, that a command is about, and why there. The same for the one who starts it and the
 * one who looks for what is wrong: a place that is named, else that of a configuration that is named, else the one that
 * clients find by themselves (client/findDirectory.ts).
 */
import { dirname, join, resolve } from 'node:path';
import { directoryBeside, findDirectory, nearestConfig } from '../../client/index.js';

export interface Place {
  readonly directory: string;
  /** Why this one. */
  readonly because: string;
}

export interface Named {
  readonly directory?: string;
  readonly config?: string;
}

export function findPlace({ directory, config }: Named, env = process.env, cwd = process.cwd()): Place {
  if (directory !== undefined) return { directory: resolve(directory), because: 'named by --directory' };
  const named = env['BGWORKER_DIR'];
  if (named !== undefined && named !== '')
    return { directory: findDirectory(cwd, env), because: 'named by BGWORKER_DIR' };
  if (config !== undefined)
    return { directory: directoryBeside(dirname(resolve(config)), env), because: `that of ${config}` };
  const nearest = nearestConfig(cwd);
  if (nearest === undefined)
    return { directory: findDirectory(cwd, env), because: "this user's, as no other is named" };
  const place = directoryBeside(nearest.folder, env);
  const file = join(nearest.folder, nearest.names[0] ?? '');
  const isBeside = dirname(place) === nearest.folder;
  return { directory: place, because: isBeside ? `beside ${file}` : `for ${file}, which is too deep for a socket` };
}
