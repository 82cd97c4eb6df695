/** What a postmaster leaves in its directory when it is killed: a claim whose socket nobody listens on, a socket. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

export function deadRecord(epoch: string, owed: readonly string[] = []): string {
  return JSON.stringify({
    pid: 4_000_000,
    epoch,
    startedAt: '2026-01-01T00:00:00.000Z',
    lifeSocket: 'claim-00000000',
    owedEpochs: owed,
    workersStarted: true,
  });
}

export async function leaveSocketBehind(path: string): Promise<void> {
  const listen = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', listen]), 'exit');
  assert(existsSync(path));
}
