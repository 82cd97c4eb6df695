/**
 * PostgreSQL's rules of what a handle says and does, as far as the core decides them, one test each with the rule
 * retold. The waits themselves are the client's; docs/postgresql-rules.md says where each rule is shown.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Trial } from '../core/transcript.js';

test('R-API-2: started means that the function was entered (PostgreSQL: that there is a process)', () => {
  const trial = new Trial();
  trial.after('register 1 a');
  assert.match(trial.after('forked 0:1')[0] ?? '', /notYetStarted, forked as 101/);
  assert.deepEqual(trial.after('runtime 0:1'), []);
  assert.match(trial.after('entered 0:1')[0] ?? '', /started, running as 101/);
});

test('R-API-3: stopped says why (PostgreSQL: seven causes that look alike)', () => {
  const endings: readonly (readonly [readonly string[], RegExp])[] = [
    [['up 0:1', 'said 0:1 returned', 'exited 0:1 0'], /: returned /],
    [['up 0:1', 'said 0:1 threw', 'exited 0:1 1'], /: threw /],
    [['terminate 1 0:1', 'forked 0:1', 'exited 0:1 0'], /: terminatedBeforeStart /],
    [['spawnFailed 0:1'], /: spawnFailed /],
    [['up 0:1', 'shutdown fast', 'exited 0:1 SIGTERM'], /: postmasterShutdown /],
  ];
  for (const [lines, reason] of endings) {
    assert.match(new Trial().after('register 1 a', ...lines)[0] ?? '', reason);
  }
});

test('R-API-4: one handle sees every start and death of a worker that is restarted', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure restartTimeMs=0');
  assert.match(trial.after('up 0:1').at(-1) ?? '', /0:1 s\d started, running as 101/);
  assert.match(trial.after('exited 0:1 1')[0] ?? '', /0:1 s\d stopped/);
  assert.match(trial.after('up 0:1').at(-1) ?? '', /0:1 s\d started, running as 102/);
});

test('R-API-5: notYetStarted never comes back', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure restartTimeMs=0', 'spawnFailed 0:1');
  for (const line of ['forked 0:1', 'exited 0:1 1', 'forked 0:1']) {
    assert.match(trial.after(line)[0] ?? '', /0:1 s\d stopped/);
  }
});

test('R-API-11: who asks after the fact is answered at once', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'up 0:1', 'connect 2');
  assert.match(trial.after('watch 2 0:1')[0] ?? '', /2 is answered: 0:1 s\d started/);
  trial.after('exited 0:1 1', 'connect 3');
  assert.match(trial.after('watch 3 0:1')[0] ?? '', /3 is answered: 0:1 s\d stopped, .*final/);
});

test('R-API-12: any client may watch any worker (PostgreSQL: only the process named when it was registered)', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'connect 2', 'watch 2 0:1');
  assert.equal(trial.after('forked 0:1').filter((line) => line.includes('is told')).length, 2);
});

test('R-API-14: who stops waiting harms no worker', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'up 0:1', 'unwatch 1 0:1');
  assert.ok(trial.after('show').includes('0:1 a: running'));
});

test('R-API-20: a worker that cannot start can be terminated', () => {
  const trial = new Trial();
  trial.after('early x startTime=postmasterStart readiness=explicit', 'begin', 'up 0:1', 'register 1 a');
  assert.ok(trial.after('terminate 1 1:1').some((line) => line.includes('final')));
});

test('R-API-22: who asks for the end of a worker that is restarted can tell it from a death (PostgreSQL: cannot)', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure', 'up 0:1');
  assert.doesNotMatch(trial.after('exited 0:1 1')[0] ?? '', /final/);
  assert.match(trial.after('terminate 1 0:1')[1] ?? '', /final/);
});

test('R-API-30: terminate with an older generation does nothing', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'spawnFailed 0:1', 'register 1 b', 'up 0:2');
  assert.equal(trial.after('terminate 1 0:1').length, 1);
  assert.ok(trial.after('show').includes('0:2 b: running'));
});

test('R-API-31: terminate is safe at any time, and the next tenant of the slot is not harmed', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'spawnFailed 0:1', 'terminate 1 0:1');
  assert.ok(trial.after('register 1 b').includes('start 0:2#1 b'));
});

test('R-API-32: right after the request the status is what it was', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'up 0:1');
  assert.match(trial.after('terminate 1 0:1')[0] ?? '', /1 is answered: 0:1 s\d started/);
  assert.match(trial.after('status 1 0:1')[0] ?? '', /started/);
});

test('R-API-33: who was terminated while it ran is not restarted, whatever its code', () => {
  for (const how of ['0', '1', '7', 'SIGTERM']) {
    const trial = new Trial();
    trial.after('register 1 a restart=always', 'up 0:1', 'terminate 1 0:1');
    assert.match(trial.after(`exited 0:1 ${how}`)[0] ?? '', /terminated .*final/);
    assert.deepEqual(trial.after('show'), ['nothing is due']);
  }
});

test('R-API-35: who does not obey is killed after its time (PostgreSQL: never)', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'up 0:1', 'terminate 1 0:1');
  assert.deepEqual(trial.after('+4999 clock'), []);
  assert.deepEqual(trial.after('+1 clock'), ['kill 0:1#1 (101)']);
});

test('R-API-36: whoever has the handle may terminate', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'up 0:1', 'connect 2');
  assert.ok(trial.after('terminate 2 0:1').includes('ask 0:1#1 (101) to stop: terminate'));
});

test('R-API-50: a handle outlives its worker safely', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'up 0:1', 'exited 0:1 7', 'register 1 b', 'up 0:2');
  assert.match(trial.after('status 1 0:1')[0] ?? '', /0:1 s\d stopped, .*exit 7.*final/);
  assert.match(trial.after('restart 1 0:1')[0] ?? '', /refused ERR_WORKER_ENDED/);
});

test('R-API-51: a handle of a generation that was not there yet belongs to nobody', () => {
  assert.match(new Trial().after('register 1 a', 'status 1 0:2')[0] ?? '', /refused ERR_UNKNOWN_WORKER/);
});
