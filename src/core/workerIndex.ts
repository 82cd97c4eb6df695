/**
 * Which workers that hold a slot share a word: a name, or a crash group. By slot below the word, since thousands of
 * workers may share one and each comes and goes at the cost of a step, not of a walk over all the others.
 */
import { PersistentMap } from './persistentMap.js';
import type { WorkerKey } from './workerHandle.js';
import { isSameWorker } from './workerHandle.js';

export type WorkerIndex = PersistentMap<string, PersistentMap<number, WorkerKey>>;

export function addWorker(index: WorkerIndex, word: string, key: WorkerKey): WorkerIndex {
  return index.set(word, (index.get(word) ?? PersistentMap.empty<number, WorkerKey>()).set(key.slot, key));
}

export function removeWorker(index: WorkerIndex, word: string, { slot }: WorkerKey): WorkerIndex {
  const rest = index.get(word)?.delete(slot);
  return rest === undefined || rest.size === 0 ? index.delete(word) : index.set(word, rest);
}

export function hasWorker(index: WorkerIndex, word: string, key: WorkerKey): boolean {
  const found = index.get(word)?.get(key.slot);
  return found !== undefined && isSameWorker(found, key);
}

/** By slot. */
export function workersOf(index: WorkerIndex, word: string): readonly WorkerKey[] {
  const keys = [...(index.get(word)?.entries() ?? [])].map(([, key]) => key);
  return keys.sort((one, other) => one.slot - other.slot);
}
