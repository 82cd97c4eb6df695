/**
 * Where the postmaster is that nobody named: the directory that `BGWORKER_DIR` says, else `.bgworker` beside the
 * nearest `bgworker.config.*` (from the working directory upwards), else one for each user of the machine.
 *
 * Only a place is found here. Whether a postmaster lives there is found out by connecting to it.
 */
import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { perUserDirectory } from '../protocol/index.js';

export function findDirectory(from = process.cwd(), env: NodeJS.ProcessEnv = process.env): string {
  const named = env['BGWORKER_DIR'];
  if (named !== undefined && named !== '') return resolve(from, named);
  const configured = nearestConfigFolder(from);
  return configured === undefined ? perUserDirectory(env) : join(configured, '.bgworker');
}

function nearestConfigFolder(from: string): string | undefined {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (hasConfig(folder)) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

function hasConfig(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => /^bgworker\.config\.(js|mjs|cjs|ts|mts|cts|json)$/.test(name));
  } catch {
    // A folder that we may not read is not one where our configuration lies.
    return false;
  }
}
