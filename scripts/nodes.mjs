/**
 * The supported Node versions, and where each of them is: from the registry, as a package of one binary, kept in
 * .cache/node. `node scripts/nodes.mjs 24` prints the folder that holds `node` of that major version.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const versions = ['20.20.2', '22.23.3', '24.21.0', '26.10.0'];

const root = fileURLToPath(new URL('..', import.meta.url));

export function majorOf(version) {
  return version.split('.')[0];
}

/** The folder that holds `node` of this version. Ours will do where its major is the one wanted of Node 20. */
export function nodeOf(version) {
  if (majorOf(version) === '20' && majorOf(process.versions.node) === '20') {
    return { directory: join(process.execPath, '..'), exact: process.versions.node };
  }
  const home = join(root, '.cache/node', version);
  if (!existsSync(join(home, 'bin/node'))) download(version, home);
  return { directory: join(home, 'bin'), exact: version };
}

/** Unpacks beside the goal and renames, so that an interrupted download is never taken for a Node. */
function download(version, home) {
  mkdirSync(join(home, '..'), { recursive: true });
  const scratch = mkdtempSync(`${home}-`);
  try {
    must('npm', ['pack', '--silent', `node-${process.platform}-${process.arch}@${version}`], scratch);
    must('tar', ['-xzf', readdirSync(scratch)[0], '--strip-components=1'], scratch);
    rmSync(home, { recursive: true, force: true });
    // Tests run it as another user too.
    chmodSync(scratch, 0o755);
    renameSync(scratch, home);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function must(command, commandArgs, cwd) {
  const { status, error } = spawnSync(command, commandArgs, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0)
    throw new Error(`${command} ${commandArgs.join(' ')} failed: ${error?.message ?? `exit ${status}`}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const version = versions.find((candidate) => majorOf(candidate) === process.argv[2]);
  if (version === undefined) throw new Error(`usage: node scripts/nodes.mjs ${versions.map(majorOf).join('|')}`);
  process.stdout.write(`${nodeOf(version).directory}\n`);
}
