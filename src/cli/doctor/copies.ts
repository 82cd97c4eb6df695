/**
 * Looks for copies of bgworker that a program here would find beside this one. Two versions in one process refuse to be
 * imported; two copies of one version share a postmaster, and only waste room.
 */
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PACKAGE_PATH, PACKAGE_VERSION } from '../../protocol/index.js';
import type { Finding } from './finding.js';
import { ok, warning } from './finding.js';
import type { Scene } from './scene.js';

export function checkCopies({ cwd }: Scene): Finding {
  const versions = new Map([[realpathSync(PACKAGE_PATH), PACKAGE_VERSION]]);
  for (const folder of modulesFolders(cwd)) {
    for (const path of copiesIn(folder)) versions.set(realpathSync(path), versionOf(path) ?? 'of no version');
  }
  const copies = [...versions].map(([path, version]) => `${version} in ${path}`);
  if (copies.length === 1) return ok(copies.join());
  const isMixed = new Set(versions.values()).size > 1;
  return warning(
    copies.join(', '),
    isMixed
      ? 'a process that loads two versions is refused: npm ls bgworker says who wants which; run this command by npx'
      : 'one is enough: npm dedupe; and run this command by npx, so that it is the one of the project',
  );
}

/** `node_modules` of the folder and of all above it. */
function modulesFolders(from: string): string[] {
  const folders: string[] = [];
  for (let folder = from; ; folder = dirname(folder)) {
    folders.push(join(folder, 'node_modules'));
    if (folder === dirname(folder)) return folders;
  }
}

/** Directly in it, or in that of a package that wanted one of its own. */
function copiesIn(modules: string): string[] {
  const packages = namesIn(modules).flatMap((name) =>
    name.startsWith('@') ? namesIn(join(modules, name)).map((inner) => join(name, inner)) : [name],
  );
  const candidates = [
    join(modules, 'bgworker'),
    ...packages.map((name) => join(modules, name, 'node_modules/bgworker')),
  ];
  return candidates.filter((path) => versionOf(path) !== undefined);
}

export function versionOf(folder: string): string | undefined {
  try {
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
