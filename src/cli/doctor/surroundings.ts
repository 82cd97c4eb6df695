/**
 * Checks of who else is there: the first process, which has to wait for orphans, and a service manager that wants to be
 * told how it goes.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { findNotifyCommand, koffiTrouble } from '../../postmaster/index.js';
import type { Finding } from './finding.js';
import { ok, warning } from './finding.js';
import type { Scene } from './scene.js';

/** Some are always just about to be waited for. */
const FEW_ZOMBIES = 10;

export function checkFirstProcess({ root, platform }: Scene): Finding | null {
  if (platform !== 'linux') return null;
  const name = firstProcess(root);
  const zombies = zombiesOfFirst(root);
  const advice =
    'start the program with bgworker-init (ENTRYPOINT ["node_modules/.bin/bgworker-init"]), or: docker run --init';
  // Whoever has npm for a first process has Node: npm is one.
  if (/^(node|nodejs|MainThread|npm|bgworker)\b/.test(name)) {
    return warning(`${name} is process 1, and Node does not wait for orphans; zombies by now: ${zombies}`, advice);
  }
  if (zombies >= FEW_ZOMBIES) return warning(`${name} is process 1, and leaves ${zombies} zombies`, advice);
  return ok(name);
}

export async function checkService({ env }: Scene): Promise<Finding> {
  const socket = env['NOTIFY_SOCKET'];
  if (socket === undefined || socket === '') return ok('no service manager asks to be told');
  if ((await koffiTrouble()) === null) return ok(`${socket} is told, through koffi`);
  const command = findNotifyCommand(env);
  if (command !== undefined) return ok(`${socket} is told by ${command}, if the unit says NotifyAccess=all`);
  return warning(`nothing here can tell ${socket}`, 'install koffi or systemd-notify, or use Type=exec');
}

/** By its program, where we may see that, else by the name that it goes by. */
function firstProcess(root: string): string {
  try {
    return basename(readlinkSync(join(root, '/proc/1/exe')));
  } catch {
    return readText(join(root, '/proc/1/comm')).trim() || 'unknown';
  }
}

/** Their state and parent stand behind the name, which may hold anything. */
function zombiesOfFirst(root: string): number {
  const pids = namesIn(join(root, '/proc')).filter((name) => /^\d+$/.test(name));
  const stats = pids.map((pid) => readText(join(root, '/proc', pid, 'stat')));
  return stats.filter((stat) => stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z 1 ')).length;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
