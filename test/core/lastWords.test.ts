/**
 * The memory of workers that ended: bounded by count, age and bytes of results, the oldest first.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LastWords } from '../../src/core/lastWords.js';
import { forgetOld, keepLastWord, lastWordOf, NO_LAST_WORDS } from '../../src/core/lastWords.js';
import { defaultLimits } from '../../src/core/limits.js';
import { stopReason } from '../../src/core/stopReason.js';
import type { WorkerStatus } from '../../src/core/workerStatus.js';

const limits = defaultLimits(4);

function wordOf(generation: number, resultBytes: number | null = null): WorkerStatus {
  const circumstances = {
    phase: null,
    pid: null,
    code: null,
    signal: null,
    output: '',
    attempt: 1,
    forkedAt: null,
    enteredAt: null,
    stoppedAt: 0,
  };
  return {
    slot: 0,
    generation,
    name: 'a',
    startedFrom: null,
    sequence: 1,
    status: 'stopped',
    phase: null,
    pid: null,
    attempts: 1,
    deaths: 1,
    reason: stopReason({ kind: 'returned' }, circumstances),
    final: true,
    willRestart: false,
    retryAt: null,
    result: resultBytes === null ? null : { state: 'bytes', bytes: new Uint8Array(resultBytes) },
  };
}

function keep(kept: LastWords, status: WorkerStatus, changed: Partial<typeof limits> = {}, at = 0) {
  return keepLastWord(kept, { ...limits, ...changed }, at, status, `key ${status.generation}`);
}

test('the oldest goes when there are too many, and its registration with it', () => {
  const one = keep(NO_LAST_WORDS, wordOf(1), { finalWordsKept: 2 });
  const two = keep(one.lastWords, wordOf(2), { finalWordsKept: 2 });
  const three = keep(two.lastWords, wordOf(3), { finalWordsKept: 2 });
  assert.deepEqual([one.forgotten, two.forgotten, three.forgotten], [[], [], ['key 1']]);
  const found = [1, 2, 3].map((generation) => lastWordOf(three.lastWords, { slot: 0, generation })?.generation);
  assert.deepEqual(found, [undefined, 2, 3]);
});

test('when none are to be kept, none is', () => {
  const { lastWords, forgotten } = keep(NO_LAST_WORDS, wordOf(1), { finalWordsKept: 0 });
  assert.deepEqual(forgotten, ['key 1']);
  assert.equal(lastWordOf(lastWords, { slot: 0, generation: 1 }), undefined);
  assert.equal(lastWords.words.size, 0);
});

test('what is too old goes when another comes', () => {
  const one = keep(NO_LAST_WORDS, wordOf(1), { finalWordsKeptMs: 100 }, 0);
  const two = keep(one.lastWords, wordOf(2), { finalWordsKeptMs: 100 }, 99);
  const three = keep(two.lastWords, wordOf(3), { finalWordsKeptMs: 100 }, 100);
  assert.deepEqual([two.forgotten, three.forgotten], [[], ['key 1']]);
});

test('results give way before words do, the oldest first', () => {
  let kept = NO_LAST_WORDS;
  for (const generation of [1, 2, 3]) kept = keep(kept, wordOf(generation, 40), { resultBytesKept: 100 }).lastWords;
  const results = [1, 2, 3].map((generation) => lastWordOf(kept, { slot: 0, generation })?.result);
  assert.deepEqual(
    results.map((result) => (result?.state === 'problem' ? result.code : result?.bytes.length)),
    ['ERR_RESULT_FORGOTTEN', 40, 40],
  );
  assert.equal(kept.resultBytes, 80);
});

test('a result that is too big alone is given up at once, and the word is kept', () => {
  const { lastWords } = keep(NO_LAST_WORDS, wordOf(1, 101), { resultBytesKept: 100 });
  assert.equal(lastWordOf(lastWords, { slot: 0, generation: 1 })?.result?.state, 'problem');
  assert.equal(lastWords.resultBytes, 0);
});

test('lowered limits forget at once', () => {
  let kept = NO_LAST_WORDS;
  for (const generation of [1, 2, 3]) kept = keep(kept, wordOf(generation, 10)).lastWords;
  const { lastWords, forgotten } = forgetOld(kept, { ...limits, finalWordsKept: 1 }, 0);
  assert.deepEqual(forgotten, ['key 1', 'key 2']);
  assert.deepEqual([lastWords.words.size, lastWords.byKey.size, lastWords.resultBytes], [1, 1, 10]);
});
