/**
 * Clears away what a dead postmaster left: processes first, files after.
 *
 * The guardian does this in the ordinary case. This is for the rest: postmaster and guardian killed together.
 *
 * - **A stray is known by its cookie.** Every process of a postmaster's family is born with `BGWORKER_EPOCH` in its
 *   environment, and its children inherit it, whatever group or session they move to. Linux shows the environment a
 *   process was born with in /proc; elsewhere nothing is found.
 * - **Killed is not gone.** A process still holds its files and sockets for a while after SIGKILL, and one in the hands
 *   of a dead disk holds them for good. It is gone when its entry in /proc is, or says zombie.
 * - **No new life beside an old one.** A directory is not used while a stray of it lives: it would work on the same
 *   things as the worker that is started in its place. Its epoch stays among the claim's debts (directory.ts) until
 *   its strays are seen to be gone, over any number of starts.
 *
 * Not here: who may use a directory, and which epochs it owes (directory.ts); shared memory (segmentLeftovers.ts).
 */

import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert, BgworkerError } from '../base/index.js';
import type { DirectoryClaim } from './directory.js';
import { isClaimed, owedEpochs, privateDirectories } from './directory.js';

/** The entry in the environment by which the family of one postmaster's life is known. */
export function cookieOf(epoch: string): `BGWORKER_EPOCH=${string}` {
  // It stands in a shell's arguments and in names of files.
  assert(/^[\w-]{8,64}$/.test(epoch), 'an epoch is 8 to 64 letters, digits, - or _');
  return `BGWORKER_EPOCH=${epoch}`;
}

/** Pids of the living processes that were born with this epoch's cookie, ourselves excepted. */
export function findStrays(epoch: string): number[] {
  const entry = `\0${cookieOf(epoch)}\0`;
  return processes().filter((pid) => {
    // A zombie has no environment any more, so it is never found here.
    return pid !== process.pid && `\0${readProcess(pid, 'environ')}\0`.includes(entry);
  });
}

export interface EndStraysOptions {
  /** How long they may still end by themselves, in milliseconds; 0 by default. */
  readonly graceMs?: number;
  /** How long to wait behind the grace until they are gone, in milliseconds; 2000 by default. */
  readonly limitMs?: number;
  /** A monotonic clock in milliseconds. */
  readonly now?: () => number;
  readonly kill?: (pid: number) => void;
}

/** Ends this epoch's strays, and waits until they are gone. Gives those that were still there at the limit. */
export async function endStrays(epoch: string, options: EndStraysOptions = {}): Promise<number[]> {
  const { graceMs = 0, limitMs = 2000, now = () => performance.now(), kill = killOne } = options;
  const killAt = now() + graceMs;
  const limitAt = killAt + limitMs;
  const seen = new Map<number, string>();
  for (;;) {
    // Looked for again each time: one that was just being forked is seen only in the next round.
    for (const pid of findStrays(epoch)) {
      seen.set(pid, birthOf(pid));
      if (now() >= killAt) kill(pid);
    }
    for (const [pid, birth] of seen) if (isGone(pid, birth)) seen.delete(pid);
    if (seen.size === 0 || now() >= limitAt) return [...seen.keys()];
    await sleep(5);
  }
}

/**
 * Ends what the former owners of a claimed directory left in it, or throws `ERR_STRAYS_REMAIN`, upon which the caller
 * releases the directory; the next start will find the same debts.
 */
export async function clearClaimedDirectory(claim: DirectoryClaim, options: EndStraysOptions = {}): Promise<void> {
  for (const epoch of claim.owedEpochs) {
    const remaining = await endStrays(epoch, options);
    if (remaining.length > 0) throw strayError(claim.directory, epoch, remaining);
  }
  claim.settle();
  for (const folder of ['args', 'reports', 'doorbells', 'segments']) {
    for (const name of namesIn(join(claim.directory, folder))) {
      rmSync(join(claim.directory, folder, name), { recursive: true, force: true });
    }
  }
}

/**
 * Removes the private directories of embedded postmasters that are dead, ending their strays first. Never throws for
 * one that cannot be removed now: it stays for the next sweep. Gives the directories removed.
 */
export async function sweepPrivateDirectories(base: string, options: EndStraysOptions = {}): Promise<string[]> {
  const removed: string[] = [];
  for (const directory of privateDirectories(base)) {
    try {
      const epochs = owedEpochs(directory);
      if (epochs === undefined ? isYoung(directory) : await isClaimed(directory)) continue;
      const remaining = await Promise.all((epochs ?? []).map((epoch) => endStrays(epoch, options)));
      if (remaining.flat().length > 0) continue;
      rmSync(directory, { recursive: true, force: true });
      removed.push(directory);
    } catch {
      // Another sweep is at work in it, or the disk refuses.
    }
  }
  return removed;
}

/** Nobody has claimed it yet: it may belong to a postmaster that is just starting. */
function isYoung(directory: string): boolean {
  const hourMs = 3_600_000;
  const modifiedAt = statSync(directory, { throwIfNoEntry: false })?.mtimeMs;
  return modifiedAt === undefined || Date.now() - modifiedAt < hourMs;
}

function strayError(directory: string, epoch: string, pids: readonly number[]): BgworkerError {
  return new BgworkerError('ERR_STRAYS_REMAIN', 'processes of a dead postmaster are still alive', {
    detail: `directory ${directory}, epoch ${epoch}, ${pids.length === 1 ? 'pid' : 'pids'} ${pids.join(', ')}`,
    hint: 'SIGKILL did not end them: another user owns them, or they wait for a device; end them and start again',
  });
}

function killOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ESRCH: it went by itself. EPERM: it remains, and is named at the limit.
  }
}

/** The same process, if its birth is the same; its number alone may have a new owner. */
function isGone(pid: number, birth: string): boolean {
  const stat = statOf(pid);
  return stat === undefined || stat.birth !== birth || stat.state === 'Z' || stat.state === 'X';
}

function birthOf(pid: number): string {
  return statOf(pid)?.birth ?? '';
}

function statOf(pid: number): { readonly state: string; readonly birth: string } | undefined {
  const text = readProcess(pid, 'stat');
  // A process may put anything into its name, so the fields are counted from behind it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, birth] = [fields[0], fields[19]];
  return state === undefined || birth === undefined ? undefined : { state, birth };
}

function processes(): number[] {
  return namesIn('/proc')
    .filter((name) => /^[1-9][0-9]*$/.test(name))
    .map(Number);
}

/** Empty for a process that is gone, or that another user keeps from us. */
function readProcess(pid: number, file: 'environ' | 'stat'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

/** Nothing, where it is not there or may not be read. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
