/**
 * PostgreSQL's rules of the worker's side, as far as the core decides what follows from them, one test each with the
 * rule retold. What happens inside the process is shown with real processes; docs/postgresql-rules.md says where.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Trial } from '../core/transcript.js';

test('R-WK-1: a request to stop that comes before the function is entered is not lost', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'terminate 1 0:1');
  assert.ok(trial.after('forked 0:1').includes('ask 0:1#1 (101) to stop: terminate'));
});

test('R-WK-3: who ended because it was asked to was terminated', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'up 0:1', 'terminate 1 0:1', 'said 0:1 stoppedAsAsked');
  assert.match(trial.after('exited 0:1 0')[0] ?? '', /: terminated \(escalated false/);
});

test('R-WK-4: an uncaught error is a failure, and is told', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure', 'up 0:1', 'said 0:1 threw');
  assert.match(trial.after('exited 0:1 1')[0] ?? '', /threw \(error "no".*again at 1000/);
});

test('R-WK-5: returning is done for good', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure', 'up 0:1', 'said 0:1 returned');
  assert.match(trial.after('exited 0:1 0')[0] ?? '', /returned .*final/);
});

test('R-WK-8: exit 0 without having returned is no success', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure', 'up 0:1');
  assert.match(trial.after('exited 0:1 0')[0] ?? '', /again at 1000/);
});

test('R-WK-8: who ends before its function was entered has failed, and crashed nobody', () => {
  const trial = new Trial();
  trial.after('register 1 a crashGroup=g', 'register 1 b crashGroup=g', 'up 1:1', 'forked 0:1');
  assert.ok(!trial.after('exited 0:1 SIGSEGV').some((line) => line.startsWith('kill')));
});
