/**
 * Where the postmaster is that nobody named: the directory that `BGWORKER_DIR` says, else `.bgworker` beside the
 * nearest `bgworker.config.*` (from the working directory upwards), else one for each user of the machine.
 *
 * Only a place is found here. Whether a postmaster lives there is found out by connecting to it.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fitsSocket, perUserDirectory } from '../protocol/index.js';

export function findDirectory(from = process.cwd(), env: NodeJS.ProcessEnv = process.env): string {
  const named = env['BGWORKER_DIR'];
  if (named !== undefined && named !== '') return resolve(from, named);
  const configured = nearestConfig(from);
  return configured === undefined ? perUserDirectory(env) : directoryBeside(configured.folder, env);
}

/**
 * The directory of the project in this folder: `.bgworker` in it or, where that is too deep for the name of a socket,
 * one of its own below the user's.
 */
export function directoryBeside(folder: string, env: NodeJS.ProcessEnv = process.env): string {
  const beside = join(folder, '.bgworker');
  if (fitsSocket(beside)) return beside;
  const project = createHash('sha256').update(folder).digest('hex').slice(0, 12);
  return join(perUserDirectory(env), `project-${project}`);
}

/** The nearest folder with configuration files, and their names, sorted. */
export function nearestConfig(
  from: string,
): { readonly folder: string; readonly names: readonly string[] } | undefined {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const names = configsIn(folder);
    if (names.length > 0) return { folder, names };
    if (folder === dirname(folder)) return undefined;
  }
}

function configsIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^bgworker\.config\.(js|mjs|cjs|ts|mts|cts|json)$/.test(name))
      .sort();
  } catch {
    // A folder that we may not read is not one where our configuration lies.
    return [];
  }
}
