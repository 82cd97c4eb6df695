/**
 * Checks of what bgworker runs on: Node and its options, the system, the shell, and the one optional package. The
 * versions that are tested stand here too, with the day until which each is maintained.
 */
import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { koffiTrouble } from '../../postmaster/index.js';
import type { Finding } from './finding.js';
import { ok, problem, warning } from './finding.js';
import type { Scene } from './scene.js';

/** https://github.com/nodejs/release#release-schedule */
const END_OF_LIFE = new Map([
  [20, '2026-04-30'],
  [22, '2027-04-30'],
  [24, '2028-04-30'],
  [26, '2029-04-30'],
]);

export function checkNode({ nodeVersion, now }: Scene): Finding {
  const [major = 0, minor = 0] = nodeVersion.slice(1).split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) return problem(nodeVersion, 'use Node 20.19 or newer');
  const end = END_OF_LIFE.get(major);
  if (end === undefined) {
    return warning(`${nodeVersion}, untested`, `use one that is tested: Node ${[...END_OF_LIFE.keys()].join(', ')}`);
  }
  if (now >= new Date(end)) {
    return warning(`${nodeVersion}, not maintained since ${end}`, 'it works; plan for a newer one');
  }
  return ok(nodeVersion);
}

export function checkPlatform({ platform }: Scene): Finding {
  const system = `${platform} ${process.arch}`;
  if (platform === 'linux') return ok(system);
  if (platform === 'win32') return problem(system, 'bgworker does not run on Windows yet: use WSL 2');
  return warning(`${system}, untested`, 'docs/platforms.md says what does less there');
}

export function checkNodeOptions({ env }: Scene): Finding {
  const options = env['NODE_OPTIONS'] ?? '';
  if (options.trim() === '') return ok('none');
  if (/--(experimental-)?permission\b/.test(options) && !options.includes('--allow-child-process')) {
    return problem(options, 'without --allow-child-process a postmaster can start nobody');
  }
  // Each Node looks for it from where it was started, and a worker is started where its registrant is.
  if (/(^|\s)(-r|--require|--import|--loader|--experimental-loader)[=\s]+"?\.{1,2}\//.test(options)) {
    return warning(options, 'write the path in full: each worker looks for it from its own working directory');
  }
  return ok(options);
}

export async function checkKoffi(): Promise<Finding> {
  const trouble = await koffiTrouble();
  if (trouble === null) return ok('loads');
  return warning(
    `does not load: ${trouble.split('\n', 1)[0]}`,
    'npm install without --omit=optional. Without it there is no bgworker/shm, and a service manager is told by systemd-notify; all else works',
  );
}

/** The guardian is one. */
export function checkShell({ platform }: Scene): Finding | null {
  if (platform === 'win32') return null;
  const { status, error } = spawnSync('/bin/sh', ['-c', 'exit 42'], { stdio: 'ignore' });
  if (status === 42) return ok(basename(realpathSync('/bin/sh')));
  return problem(
    `/bin/sh ${error === undefined ? `ends with ${status}` : `cannot be started: ${error.message}`}`,
    'the guardian, which ends orphans, is a POSIX shell: take a container image that has one',
  );
}
