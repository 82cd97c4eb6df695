/**
 * Finding the processes a test has to do with. A dead process may remain a zombie for good where nobody reaps, so what
 * lives is decided by its state in /proc (test/postmaster/processState.ts) and never by whether it can be signalled.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { isGone } from '../../postmaster/processState.js';

/** The living processes that were born with the cookie of this postmaster's life: workers and their descendants. */
export function familyOf(epoch: string): number[] {
  const cookie = `\0BGWORKER_EPOCH=${epoch}\0`;
  return allProcesses().filter((pid) => `\0${read(pid, 'environ')}\0`.includes(cookie) && !isGone(pid));
}

/** The guardian of a postmaster that lives: afterwards nobody's child any more, so ask before you kill. */
export function guardianOf(postmasterPid: number): number | undefined {
  return childrenOf(postmasterPid).find((pid) => read(pid, 'cmdline').includes('bgworker-guardian'));
}

export function childrenOf(parent: number): number[] {
  return allProcesses().filter((pid) => parentOf(pid) === parent && !isGone(pid));
}

export function commandOf(pid: number): string {
  return read(pid, 'cmdline').replaceAll('\0', ' ').trim();
}

export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

export function kill(pid: number | null | undefined, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (pid == null) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already.
  }
}

function allProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[1-9][0-9]*$/.test(name))
    .map(Number);
}

function parentOf(pid: number): number {
  const stat = read(pid, 'stat');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function read(pid: number, file: 'environ' | 'cmdline' | 'stat'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
