/**
 * Which error an item explains by itself: what its function throws, with everything that was thrown; and what is said of
 * one whose process ended.
 */
import { WorkerError, WorkerStartError } from '../../../src/index.js';
import type { Item } from './work.js';
import { Refusal } from './work.js';

/** Whether an item can have failed with it by itself. */
export function isErrorOf(error: unknown, { n, deed }: Item): boolean {
  if (deed === 'refuse') return isRefusalOf(error, n);
  return (deed === 'die' || deed === 'exit') && isLoss(error);
}

/** What a worker threw, as it has to come here: its name, its text, its code and its own fields. */
export function isRefusalOf(error: unknown, n: number): boolean {
  const expected = new Refusal(n);
  if (!(error instanceof Error)) return false;
  const { name, message, code, n: own } = error as Partial<Refusal> & Error;
  return name === expected.name && message === expected.message && code === expected.code && own === n;
}

export function isLoss(error: unknown): boolean {
  return error instanceof WorkerError || error instanceof WorkerStartError;
}
