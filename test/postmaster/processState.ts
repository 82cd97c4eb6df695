/** What /proc says of a process, and waiting for it with a limit: nobody tells of the end of a process not our child. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The state letter of a process; `gone` also for a zombie, which nobody may be there to reap. */
export function stateOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const state = text.charAt(text.lastIndexOf(')') + 2);
    return state === 'Z' || state === 'X' ? 'gone' : state;
  } catch {
    return 'gone';
  }
}

export function isGone(pid: number): boolean {
  return stateOf(pid) === 'gone';
}

export async function until(condition: () => boolean, what: string, limitMs = 5000): Promise<void> {
  const limitAt = performance.now() + limitMs;
  while (!condition()) {
    assert(performance.now() < limitAt, `not within ${limitMs} ms: ${what}`);
    await sleep(5);
  }
}

export async function untilGone(pids: readonly number[]): Promise<void> {
  await until(() => pids.every(isGone), `all of ${pids.join(', ')} are gone`);
}

/** Kills what a test has started and may have left; a pid that is gone already is no matter. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It is gone, as it should be.
    }
  }
}
