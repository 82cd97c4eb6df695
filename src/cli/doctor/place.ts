/**
 * Checks of the postmaster's directory and of what it needs around it: which one it is and why, whether it is safe and
 * can be made, and whether a dead postmaster left anything.
 */
import { accessSync, constants, mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BgworkerError } from '../../base/index.js';
import { findStrays, isClaimed, isPrepared, owedEpochs, privateDirectories } from '../../postmaster/index.js';
import { perUserDirectory } from '../../protocol/index.js';
import type { Finding } from './finding.js';
import { ok, problem, warning } from './finding.js';
import type { Scene } from './scene.js';

export function checkDirectory({ place: { directory, because } }: Scene): Finding {
  const found = `${directory}, ${because}`;
  try {
    if (isPrepared(directory)) return ok(found);
  } catch (error) {
    if (!(error instanceof BgworkerError)) throw error;
    return problem(`${found}: ${error.message}; ${error.detail}`, error.hint ?? 'name another one: --directory');
  }
  const parent = nearestThere(dirname(directory));
  const refusal = whyNotWritable(parent);
  if (refusal === null) return ok(`${found}; not made yet`);
  return problem(
    `${found}: it cannot be made in ${parent} (${refusal})`,
    'name one where you may write: BGWORKER_DIR, on a tmpfs where the root is read-only',
  );
}

/** Embedded postmasters have their directories there, and `v8` its reports. */
export function checkTemporary(): Finding {
  const folder = tmpdir();
  try {
    rmdirSync(mkdtempSync(join(folder, 'bgworker-doctor-')));
    return ok(folder);
  } catch (error) {
    return problem(`${folder} cannot be written: ${(error as Error).message}`, 'set TMPDIR, or mount a tmpfs there');
  }
}

export function checkClock({ now }: Scene): Finding {
  const installed = statSync(process.execPath).mtime;
  if (now >= installed) return ok(now.toISOString());
  return warning(
    `${now.toISOString()}, and node was installed at ${installed.toISOString()}`,
    'set the clock: times in the log and in handles are wrong. No wait and no restart depends on it',
  );
}

/** Of postmasters that were killed together with their guardians; the next start ends and removes it. */
export async function checkLeftovers({ place, env }: Scene): Promise<Finding> {
  const dead: string[] = [];
  for (const directory of [place.directory, ...privateDirectories(perUserDirectory(env))]) {
    if (owedEpochs(directory) !== undefined && !(await isClaimed(directory))) dead.push(directory);
  }
  const strays = dead.flatMap((directory) => (owedEpochs(directory) ?? []).flatMap(findStrays));
  if (strays.length > 0) {
    return warning(
      `processes of a dead postmaster: ${strays.join(', ')}, of ${dead.join(', ')}`,
      'start a postmaster in that directory, which ends them first; or end them by hand',
    );
  }
  return ok(dead.length === 0 ? 'none' : `${dead.join(', ')}; the next start removes them`);
}

function nearestThere(folder: string): string {
  return statSync(folder, { throwIfNoEntry: false }) === undefined && folder !== dirname(folder)
    ? nearestThere(dirname(folder))
    : folder;
}

function whyNotWritable(folder: string): string | null {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
