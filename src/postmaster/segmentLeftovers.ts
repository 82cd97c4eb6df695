/**
 * Removes the shared memory of dead postmasters of this user, whatever directory they had. Its guardian does this for one
 * that died alone; this is for those that died together with it, or with the whole machine's processes.
 *
 * Whether the owner lives is asked by connecting to the socket that it has beside its files before there is the first of
 * them (segmentFiles.ts). No pid is looked at and no directory: the owner may be in another container. Refused, or no such
 * socket: it is dead, since it removes its files before that. Any other answer, and everything stays.
 *
 * Where there is no /dev/shm, segments lie in the postmaster's directory, and its next owner clears them (leftovers.ts).
 */
import { lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { accepts } from './directory.js';
import { namesIn } from './leftovers.js';
import { SHARED_FOLDER } from './segmentFiles.js';

const NAME = /^bgworker\.([\w-]{8,64})\.(?:[1-9][0-9]*|alive|starting)$/;

/** Never throws for what cannot be removed now: it stays for the next start. Gives what was removed. */
export async function removeDeadSegments(folder = SHARED_FOLDER): Promise<string[]> {
  const byEpoch = new Map<string, string[]>();
  for (const name of namesIn(folder)) {
    const [, epoch] = NAME.exec(name) ?? [];
    if (epoch !== undefined) byEpoch.set(epoch, [...(byEpoch.get(epoch) ?? []), name]);
  }
  const removed: string[] = [];
  for (const [epoch, names] of byEpoch) {
    const own = names.map((name) => join(folder, name)).filter(isOurs);
    if (own.length === 0 || isBeginning(own) || !(await isDead(join(folder, `bgworker.${epoch}.alive`)))) continue;
    for (const path of own) if (tryRemove(path)) removed.push(path);
  }
  return removed;
}

async function isDead(path: string): Promise<boolean> {
  try {
    return (await accepts(path)) !== 'live';
  } catch {
    return false;
  }
}

/** It has no segment and no other socket yet; nobody begins for an hour. */
function isBeginning(paths: readonly string[]): boolean {
  const hourMs = 3_600_000;
  return paths.every((path) => {
    const modifiedAt = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    return path.endsWith('.starting') && Date.now() - modifiedAt < hourMs;
  });
}

/** Another user's are not ours to judge: we might not even be allowed to connect. */
function isOurs(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats !== undefined && !stats.isDirectory() && stats.uid === process.geteuid?.();
}

function tryRemove(path: string): boolean {
  try {
    rmSync(path, { force: true });
    return true;
  } catch {
    return false;
  }
}
