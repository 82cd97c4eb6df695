/** Which files there are, and how they are shared out. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What a file costs beside its bytes, as if it were so much longer: opening and closing it. */
const COST_OF_ONE = 64 * 1024;

/** All regular files below a directory; links are not followed. */
export function filesBelow(directory) {
  const files = [];
  const pending = [directory];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const entry of entriesOf(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) pending.push(path);
      else if (entry.isFile()) files.push(fileAt(path));
    }
  }
  return files.filter((file) => file !== undefined);
}

/** A folder that cannot be read, or is gone since it was seen, has nothing for us. */
function entriesOf(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function fileAt(path) {
  const seen = lstatSync(path, { throwIfNoEntry: false });
  if (seen === undefined) return undefined;
  return {
    path,
    size: seen.size,
    hasChanged() {
      const now = lstatSync(path, { throwIfNoEntry: false });
      return now === undefined || now.mtimeMs !== seen.mtimeMs || now.size !== seen.size || now.ino !== seen.ino;
    },
  };
}

/** The longest first, each to whoever has least so far: nobody waits long for the last one. */
export function shareOut(files, count) {
  const shares = Array.from({ length: count }, () => ({ cost: 0, bytes: 0, paths: [] }));
  for (const { path, size } of [...files].sort((one, other) => other.size - one.size)) {
    const least = shares.reduce((best, share) => (share.cost < best.cost ? share : best));
    least.cost += size + COST_OF_ONE;
    least.bytes += size;
    least.paths.push(path);
  }
  return shares;
}
