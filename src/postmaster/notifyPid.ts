/**
 * A real SIGUSR1 for a process that is not Node: a shell script with a trap, say. SIGUSR1 ends a process that does not
 * expect it and opens the debugger of one that is Node, so the target must be a process of our own user, have a handler
 * for it, and be no Node; and each time it is signalled it must still be the same process, since pids are used again
 * (F-12).
 *
 * Model: bgw_notify_pid, which PostgreSQL checks against its own children.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import type { GoodbyeDetail } from '../protocol/index.js';

const SIGUSR1_BIT = 1n << 9n;

export class NotifyPids {
  /** When each process was born, as the kernel counts it: with the pid, that names it for good. */
  readonly #births = new Map<number, string>();

  /** Gives what is wrong with a target, or remembers it. */
  accept(pid: number): GoodbyeDetail | undefined {
    const wrong = whatIsWrong(pid);
    if (wrong !== undefined) {
      return {
        code: 'ERR_NOTIFY_PID',
        message: 'this process cannot be signalled with SIGUSR1',
        detail: `process ${pid} ${wrong}`,
        hint: 'install the handler first (trap … USR1), or follow the handle from a Node process instead',
      };
    }
    this.#births.set(pid, birthOf(pid) ?? '');
    return undefined;
  }

  signal(pid: number): void {
    const birth = this.#births.get(pid);
    if (birth === undefined) return;
    if (birth !== birthOf(pid) || whatIsWrong(pid) !== undefined) {
      this.#births.delete(pid);
      return;
    }
    try {
      process.kill(pid, 'SIGUSR1');
    } catch {
      // It went between the look and the signal: nobody is left to be told.
      this.#births.delete(pid);
    }
  }
}

function whatIsWrong(pid: number): string | undefined {
  if (process.platform !== 'linux') return 'is on a system where its handlers cannot be seen';
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return 'does not exist';
  }
  const uid = /^Uid:\s+(\d+)/m.exec(status)?.[1];
  if (Number(uid) !== process.getuid?.()) return 'belongs to another user';
  const caught = /^SigCgt:\s+([0-9a-f]+)/m.exec(status)?.[1] ?? '0';
  if ((BigInt(`0x${caught}`) & SIGUSR1_BIT) === 0n) return 'has no handler for SIGUSR1';
  if (isNode(pid)) return 'is Node, where SIGUSR1 opens the debugger';
  return undefined;
}

function isNode(pid: number): boolean {
  try {
    const executable = readlinkSync(`/proc/${pid}/exe`);
    return executable === process.execPath || basename(executable).startsWith('node');
  } catch {
    return false;
  }
}

function birthOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses and may hold anything; the 22nd is the birth.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
