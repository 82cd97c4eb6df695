/**
 * Tests with a spare: one real process that has booted as one and is idle, and what the worker that it became returned.
 */
import assert from 'node:assert/strict';
import { deserializeValue } from '../../src/protocol/index.js';
import type { WorkerOptions, WorkerProcess } from './workerProcess.js';
import { withWorker } from './workerProcess.js';

export async function withSpare<T>(options: WorkerOptions, test: (spare: WorkerProcess) => Promise<T>): Promise<T> {
  return withWorker({ preload: [], ...options }, async (spare) => {
    await spare.hears('idle');
    return test(spare);
  });
}

export async function resultOf(worker: WorkerProcess): Promise<unknown> {
  const said = await worker.said();
  assert.equal(said?.word, 'returned', JSON.stringify(said) + worker.stderr);
  const bytes = worker.told.at(-1)?.attachments[0];
  return bytes && deserializeValue(bytes);
}
