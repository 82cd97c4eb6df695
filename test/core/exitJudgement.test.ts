/**
 * How an end is judged, as a full table: how far it had come, what it said, how it ended, whether we had made it stop.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeExit } from '../../src/core/exitJudgement.js';
import type { ExitFacts, Saying } from '../../src/core/index.js';
import type { Stop, StopByUs, Up } from '../../src/core/state.js';

const error = { name: 'Error', message: 'no' };
const NEVER = Number.POSITIVE_INFINITY;

const SAYINGS: { readonly [word in Saying['word']]: Saying } = {
  moduleNotFound: { word: 'moduleNotFound', path: '/w.js', error },
  moduleThrew: { word: 'moduleThrew', error },
  exportMissing: { word: 'exportMissing', name: 'default', exports: [] },
  neverSettled: { word: 'neverSettled' },
  returned: { word: 'returned', asked: false, result: null },
  threw: { word: 'threw', error },
  stoppedAsAsked: { word: 'stoppedAsAsked', by: 'signal' },
  exiting: { word: 'exiting', code: 0 },
};
const returnedAsAsked: Saying = { word: 'returned', asked: true, result: null };

/** Said, how it ended, the kind, the verdict. */
type Row = readonly [Saying | null, number | string, string, string];

const PHASES = ['forked', 'runtime', 'loading', 'running', 'ready'] as const;

function judge(
  phase: Up['phase'],
  saying: Saying | null,
  how: number | string,
  stop: Stop | null,
  outOfMemory = false,
) {
  const entered = phase === 'running' || phase === 'ready';
  const run: Up = {
    state: 'up',
    pid: 1,
    phase,
    forkedAt: 0,
    enteredAt: entered ? 1 : null,
    waitEvent: null,
    saying,
    leaveBy: null,
    stop,
    takeBy: NEVER,
    limitAt: NEVER,
    measureAt: NEVER,
  };
  const exit: ExitFacts = {
    code: typeof how === 'number' ? how : null,
    signal: typeof how === 'string' ? how : null,
    output: '',
    outOfMemory,
  };
  const { cause, verdict } = judgeExit(run, exit, 1_000);
  return { cause, kind: cause.kind, verdict };
}

function stopBy(cause: StopByUs, killed: boolean): Stop {
  const killAt = killed ? NEVER : 5_000;
  return { cause, afterwards: 'asPolicySays', withGroup: cause.why === 'crashGroup', killAt, killed };
}

const RUNNING: readonly Row[] = [
  [SAYINGS.returned, 0, 'returned', 'success'],
  [returnedAsAsked, 0, 'returned', 'success'],
  [SAYINGS.returned, 1, 'exited', 'failure'],
  [SAYINGS.returned, 7, 'exited', 'crash'],
  [SAYINGS.returned, 'SIGSEGV', 'signaled', 'crash'],
  [SAYINGS.threw, 0, 'threw', 'failure'],
  [SAYINGS.threw, 1, 'threw', 'failure'],
  [SAYINGS.threw, 7, 'threw', 'failure'],
  [SAYINGS.neverSettled, 13, 'neverSettled', 'failure'],
  [SAYINGS.neverSettled, 0, 'neverSettled', 'failure'],
  [SAYINGS.stoppedAsAsked, 0, 'signaled', 'failure'],
  [SAYINGS.stoppedAsAsked, 'SIGTERM', 'signaled', 'failure'],
  [SAYINGS.exiting, 0, 'exitedWithoutReturning', 'success'],
  [SAYINGS.exiting, 1, 'exited', 'failure'],
  [SAYINGS.exiting, 7, 'exited', 'crash'],
  [null, 0, 'exited', 'failure'],
  [null, 1, 'exited', 'failure'],
  [null, 2, 'exited', 'crash'],
  [null, 7, 'exited', 'crash'],
  [null, 'SIGTERM', 'signaled', 'crash'],
  [null, 'SIGKILL', 'signaled', 'crash'],
  [null, 'SIGSEGV', 'signaled', 'crash'],
];

for (const [saying, how, kind, verdict] of RUNNING) {
  for (const phase of ['running', 'ready'] as const) {
    test(`${phase}, said ${saying?.word ?? 'nothing'}, ended with ${how}: ${kind}, a ${verdict}`, () => {
      const judged = judge(phase, saying, how, null);
      assert.deepEqual([judged.kind, judged.verdict], [kind, verdict]);
    });
  }
}

const LOADING: readonly (readonly [Saying | null, number | string, string])[] = [
  [SAYINGS.moduleNotFound, 1, 'moduleNotFound'],
  [SAYINGS.moduleThrew, 1, 'moduleThrew'],
  [SAYINGS.threw, 7, 'moduleThrew'],
  [SAYINGS.exportMissing, 1, 'exportMissing'],
  [SAYINGS.neverSettled, 13, 'neverSettled'],
  [SAYINGS.exiting, 0, 'diedBeforeRunning'],
  [SAYINGS.exiting, 7, 'diedBeforeRunning'],
  [SAYINGS.stoppedAsAsked, 0, 'signaled'],
  [null, 0, 'diedBeforeRunning'],
  [null, 7, 'diedBeforeRunning'],
  [null, 'SIGKILL', 'signaled'],
  [null, 'SIGSEGV', 'signaled'],
];

for (const [saying, how, kind] of LOADING) {
  for (const phase of ['runtime', 'loading'] as const) {
    test(`${phase}, said ${saying?.word ?? 'nothing'}, ended with ${how}: ${kind}, a failed start and no crash`, () => {
      const judged = judge(phase, saying, how, null);
      assert.deepEqual([judged.kind, judged.verdict], [kind, 'failure']);
    });
  }
}

for (const how of [0, 1, 9, 'SIGKILL']) {
  test(`forked, ended with ${how}: it died before Node was up`, () => {
    const judged = judge('forked', null, how, null);
    assert.deepEqual([judged.kind, judged.verdict], ['diedBeforeRuntime', 'failure']);
  });
}

test('heap exhausted comes before all else: a crash of who was running, a failure of who was not', () => {
  for (const phase of PHASES) {
    for (const stop of [null, stopBy({ why: 'terminate' }, true)]) {
      const judged = judge(phase, SAYINGS.exiting, 'SIGABRT', stop, true);
      const entered = phase === 'running' || phase === 'ready';
      assert.deepEqual([judged.kind, judged.verdict], ['outOfMemory', entered ? 'crash' : 'failure']);
    }
  }
});

const STOPS: readonly (readonly [StopByUs, running: string, loading: string])[] = [
  [{ why: 'terminate' }, 'terminated', 'terminatedBeforeStart'],
  [{ why: 'restart' }, 'terminated', 'terminatedBeforeStart'],
  [{ why: 'ranTooLong' }, 'ranTooLong', 'ranTooLong'],
  [{ why: 'memoryLimit', rssBytes: 5 }, 'memoryLimit', 'memoryLimit'],
  [{ why: 'clientGone' }, 'clientGone', 'clientGone'],
  [{ why: 'crashGroup', origin: 'a' }, 'crashGroup', 'crashGroup'],
  [{ why: 'lostConnection' }, 'lostConnection', 'lostConnection'],
  [{ why: 'postmasterShutdown', mode: 'fast' }, 'postmasterShutdown', 'postmasterShutdown'],
];

for (const [cause, running, loading] of STOPS) {
  test(`made to stop (${cause.why}): that is why, whatever the code, and no crash`, () => {
    for (const saying of [null, SAYINGS.stoppedAsAsked, SAYINGS.neverSettled, SAYINGS.exiting, returnedAsAsked]) {
      for (const how of [0, 1, 7, 143, 'SIGTERM']) {
        const judged = judge('running', saying, how, stopBy(cause, false));
        assert.deepEqual([judged.kind, judged.verdict], [running, 'failure']);
      }
    }
    for (const phase of ['forked', 'runtime', 'loading'] as const) {
      assert.equal(judge(phase, null, 'SIGKILL', stopBy(cause, true)).kind, loading);
      assert.equal(judge(phase, SAYINGS.moduleThrew, 1, stopBy(cause, false)).kind, 'moduleThrew');
    }
  });

  test(`made to stop (${cause.why}), but it had returned by itself, or threw something else`, () => {
    assert.equal(judge('running', SAYINGS.returned, 0, stopBy(cause, true)).kind, 'returned');
    assert.equal(judge('running', SAYINGS.returned, 0, stopBy(cause, true)).verdict, 'success');
    assert.equal(judge('running', SAYINGS.threw, 1, stopBy(cause, false)).kind, 'threw');
  });
}

test('a signal is ours if it is SIGTERM, or SIGKILL once we killed; any other is a crash, though we had asked', () => {
  const asked = stopBy({ why: 'terminate' }, false);
  const killed = stopBy({ why: 'terminate' }, true);
  assert.equal(judge('running', null, 'SIGTERM', asked).verdict, 'failure');
  assert.equal(judge('running', null, 'SIGKILL', killed).verdict, 'failure');
  assert.equal(judge('running', null, 'SIGKILL', asked).verdict, 'crash');
  assert.equal(judge('running', null, 'SIGSEGV', killed).verdict, 'crash');
  assert.equal(judge('running', null, 'SIGSEGV', asked).kind, 'terminated');
});

test('the cause says whether it had to be killed, and how long it might have run', () => {
  assert.deepEqual(judge('running', null, 0, stopBy({ why: 'terminate' }, false)).cause, {
    kind: 'terminated',
    escalated: false,
  });
  for (const phase of ['loading', 'running'] as const) {
    assert.deepEqual(judge(phase, null, 'SIGKILL', stopBy({ why: 'ranTooLong' }, true)).cause, {
      kind: 'ranTooLong',
      maxRunMs: 1_000,
      escalated: true,
    });
  }
});

test('a script that calls process.exit(0) on its top level is done; a function that does has failed to start', () => {
  const run: Up = {
    state: 'up',
    pid: 1,
    phase: 'loading',
    forkedAt: 0,
    enteredAt: null,
    waitEvent: null,
    saying: { word: 'exiting', code: 0 },
    leaveBy: null,
    stop: null,
    takeBy: NEVER,
    limitAt: NEVER,
    measureAt: NEVER,
  };
  const exit: ExitFacts = { code: 0, signal: null, output: '', outOfMemory: false };
  assert.deepEqual(judgeExit(run, exit, null, true), { cause: { kind: 'exitedWithoutReturning' }, verdict: 'success' });
  assert.deepEqual(judgeExit(run, exit, null, false), { cause: { kind: 'diedBeforeRunning' }, verdict: 'failure' });
});
