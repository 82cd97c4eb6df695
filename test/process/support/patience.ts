/** Waiting for a fact that has to be asked for, with a limit that only a failure reaches. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackgroundWorkerHandle, Phase } from '../../../src/index.js';

export const PATIENCE_MS = 30_000;

export async function untilAsked(condition: () => Promise<boolean>, what: string): Promise<void> {
  const limitAt = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    assert(performance.now() < limitAt, `not within ${PATIENCE_MS} ms: ${what}`);
    await sleep(5);
  }
}

/** Steps before the start are told to who asks, and to nobody else. */
export function untilPhase(handle: BackgroundWorkerHandle, phase: Phase): Promise<void> {
  return untilAsked(async () => {
    const { status } = await handle.getPid();
    assert(handle.phase === phase || (status !== 'postmasterDied' && status !== 'stopped'), `it is ${status}`);
    return handle.phase === phase;
  }, `the phase is ${phase}`);
}
