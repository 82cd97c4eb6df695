/**
 * What is kept of workers that ended: their final status, so that he who asks late is told why and not merely that.
 * Bounded three ways, by count, by age and by the bytes of results; the oldest goes first. Ages are looked at when
 * another worker ends, so an idle postmaster is not woken to forget.
 */
import type { Limits } from './limits.js';
import { PersistentMap } from './persistentMap.js';
import type { WorkerKey } from './workerHandle.js';
import { formatKey } from './workerHandle.js';
import type { WorkerStatus } from './workerStatus.js';

interface LastWord {
  readonly status: WorkerStatus;
  readonly registrationKey: string | null;
  readonly keptUntil: number;
}

export interface LastWords {
  /** By arrival: the words from `first` up to, but without, `next` are kept. */
  readonly words: PersistentMap<number, LastWord>;
  readonly byKey: PersistentMap<string, number>;
  readonly first: number;
  readonly next: number;
  /** Results that are still kept start here; those of older words were given up. */
  readonly firstResult: number;
  readonly resultBytes: number;
}

export const NO_LAST_WORDS: LastWords = {
  words: PersistentMap.empty(),
  byKey: PersistentMap.empty(),
  first: 0,
  next: 0,
  firstResult: 0,
  resultBytes: 0,
};

export interface Kept {
  readonly lastWords: LastWords;
  /** The keys of registrations whose worker nobody remembers any more. */
  readonly forgotten: readonly string[];
}

export function keepLastWord(
  kept: LastWords,
  limits: Limits,
  at: number,
  status: WorkerStatus,
  registrationKey: string | null,
): Kept {
  const word: LastWord = { status, registrationKey, keptUntil: at + limits.finalWordsKeptMs };
  const added: LastWords = {
    words: kept.words.set(kept.next, word),
    byKey: kept.byKey.set(formatKey(status), kept.next),
    first: kept.first,
    next: kept.next + 1,
    firstResult: kept.firstResult,
    resultBytes: kept.resultBytes + resultBytesOf(status),
  };
  return forgetOld(added, limits, at);
}

export function lastWordOf(kept: LastWords, key: WorkerKey): WorkerStatus | undefined {
  const number = kept.byKey.get(formatKey(key));
  return number === undefined ? undefined : kept.words.get(number)?.status;
}

export function forgetOld(kept: LastWords, limits: Limits, at: number): Kept {
  const { next } = kept;
  let { words, byKey, first, firstResult, resultBytes } = kept;
  const forgotten: string[] = [];
  for (let oldest = words.get(first); oldest !== undefined; oldest = words.get(first)) {
    if (next - first <= limits.finalWordsKept && oldest.keptUntil > at) break;
    resultBytes -= resultBytesOf(oldest.status);
    words = words.delete(first);
    byKey = byKey.delete(formatKey(oldest.status));
    if (oldest.registrationKey !== null) forgotten.push(oldest.registrationKey);
    first += 1;
  }
  firstResult = Math.max(firstResult, first);
  for (; resultBytes > limits.resultBytesKept && firstResult < next; firstResult += 1) {
    const word = words.get(firstResult);
    if (word?.status.result?.state !== 'bytes') continue;
    resultBytes -= resultBytesOf(word.status);
    words = words.set(firstResult, { ...word, status: { ...word.status, result: RESULT_GIVEN_UP } });
  }
  return { lastWords: { words, byKey, first, next, firstResult, resultBytes }, forgotten };
}

const RESULT_GIVEN_UP = {
  state: 'problem',
  code: 'ERR_RESULT_FORGOTTEN',
  message: 'the result is no longer kept',
  hint: 'ask for results as workers end, or raise resultBytesKept',
} as const;

function resultBytesOf(status: WorkerStatus): number {
  return status.result?.state === 'bytes' ? status.result.bytes.byteLength : 0;
}
