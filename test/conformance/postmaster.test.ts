/**
 * PostgreSQL's rules of what its postmaster does with workers, one test each, with the rule retold; where we differ on
 * purpose the test shows what we do instead. docs/postgresql-rules.md has them all.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Trial } from '../core/transcript.js';

test('R-PM-3: a second terminate asks nobody a second time', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'up 0:1', 'terminate 1 0:1');
  assert.ok(!trial.after('terminate 1 0:1').some((line) => line.startsWith('ask') || line.startsWith('kill')));
});

test('R-PM-3: who has no process when it is terminated has stopped, and is told so at once', () => {
  const trial = new Trial();
  trial.after('early x startTime=postmasterStart', 'begin', 'register 1 a');
  assert.match(trial.after('terminate 1 1:1')[1] ?? '', /1 is told: 1:1 s1 stopped, .*terminatedBeforeStart, final/);
});

test('R-PM-4: who registers in a shutdown is refused (PostgreSQL: registered, and stopped at once)', () => {
  assert.match(new Trial().after('shutdown fast', 'register 1 a')[0] ?? '', /refused ERR_SHUTTING_DOWN/);
});

test('R-PM-10, R-SM-21: nobody of a crash group starts before it is down', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure restartTimeMs=0 crashGroup=g', 'register 1 b crashGroup=g');
  trial.after('up 0:1', 'up 1:1');
  assert.ok(!trial.after('exited 0:1 SIGSEGV').some((line) => line.startsWith('start')));
  assert.ok(!trial.after('register 1 c crashGroup=g').some((line) => line.startsWith('start')));
  const starts = trial.after('exited 1:1 SIGKILL').filter((line) => line.startsWith('start'));
  assert.deepEqual(starts, ['start 0:1#2 a', 'start 2:1#1 c']);
});

test('R-PM-11: so many starts in one pass, and others are served before the next (PostgreSQL: 100, here 8)', () => {
  const trial = new Trial();
  trial.after('limits maxWorkerProcesses=20', ...Array.from({ length: 20 }, (_, n) => `early w${n}`));
  const passes = [trial.after('begin'), trial.after('clock'), trial.after('clock'), trial.after('clock')];
  assert.deepEqual(
    passes.map((pass) => pass.length),
    [8, 8, 4, 0],
  );
});

test('R-PM-11: a failed start does not stop the others', () => {
  const trial = new Trial();
  trial.after('limits maxStartsPerPass=1', 'early a', 'early b', 'begin');
  assert.deepEqual(
    trial.after('spawnFailed 0:1', 'clock').filter((line) => line.startsWith('start')),
    ['start 1:1#1 b'],
  );
});

test('R-PM-12: one pass has one time: what falls due by it is done, what comes after is not', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure restartTimeMs=10', 'register 1 b restart=onFailure restartTimeMs=20');
  trial.after(
    'register 1 c restart=onFailure restartTimeMs=21',
    'spawnFailed 0:1',
    'spawnFailed 1:1',
    'spawnFailed 2:1',
  );
  assert.deepEqual(trial.after('+20 clock'), ['start 0:1#2 a', 'start 1:1#2 b']);
});

test('R-PM-15: a condition gates starting only', () => {
  const trial = new Trial();
  trial.after(
    'early x startTime=postmasterStart restart=always',
    'early a',
    'begin',
    'up 0:1',
    'up 1:1',
    'exited 0:1 1',
  );
  assert.ok(trial.after('show').includes('1:1 a: running'));
});

test('R-PM-16, R-SM-12: while a smart shutdown waits for clients, workers are registered and started', () => {
  const answer = new Trial().after('shutdown smart', 'register 1 a');
  assert.match(answer[0] ?? '', /registered/);
  assert.deepEqual(answer.slice(1), ['start 0:1#1 a']);
});

test('R-PM-20: the pid is told before the end is', () => {
  const trial = new Trial();
  trial.after('register 1 a');
  assert.match(trial.after('forked 0:1')[0] ?? '', /s1 notYetStarted, forked as 101/);
  assert.match(trial.after('exited 0:1 1')[0] ?? '', /s2 stopped/);
});

test('R-PM-21, R-PM-22: a process that cannot be made is a failure; without a restart the worker has stopped at once', () => {
  const trial = new Trial();
  trial.after('register 1 a');
  assert.match(trial.after('spawnFailed 0:1 ENOMEM')[0] ?? '', /stopped, .*spawnFailed \(errno ENOMEM.*final/);
  assert.deepEqual(trial.after('show'), ['nothing is due']);
});

test('R-PM-23: a failed start of a worker that is restarted is told at once, with the time of the next (PostgreSQL: not at all)', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure restartTimeMs=2000');
  assert.match(trial.after('spawnFailed 0:1')[0] ?? '', /stopped, .*spawnFailed .*again at 2000/);
  assert.deepEqual(trial.after('+2000 clock'), ['start 0:1#2 a']);
});

test('R-PM-24: interval 0 and a permanent fault end in a crash loop (PostgreSQL: a hot loop for ever)', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure restartTimeMs=0');
  for (let n = 1; n < 10; n += 1) assert.ok(trial.after('spawnFailed 0:1').includes(`start 0:1#${n + 1} a`));
  assert.match(trial.after('spawnFailed 0:1')[0] ?? '', /crashLoop \(deaths 10, periodMs 60000, last spawnFailed/);
});

for (const [how, words, kept] of [
  ['0 after returning', ['said 0:1 returned', 'exited 0:1 0'], false],
  ['1', ['exited 0:1 1'], true],
  ['0 without a word', ['exited 0:1 0'], true],
  ['7', ['exited 0:1 7'], true],
  ['SIGKILL', ['exited 0:1 SIGKILL'], true],
] as const) {
  test(`R-PM-30: exit ${how}: ${kept ? 'restarted' : 'done for good'}, and nobody else is harmed (PostgreSQL resets all on a crash)`, () => {
    const trial = new Trial();
    trial.after('register 1 a restart=onFailure', 'register 1 b', 'up 0:1', 'up 1:1');
    const told = trial.after(...words)[0] ?? '';
    assert.match(told, kept ? /again at 1000/ : /returned .*final/);
    assert.ok(trial.after('show').includes('1:1 b: running'));
  });
}

test('R-PM-31: status first, slot freed next, notification last: who reacts to it finds the slot', () => {
  const trial = new Trial();
  trial.after('limits maxWorkerProcesses=1', 'register 1 a', 'up 0:1');
  assert.match(trial.after('exited 0:1 1')[0] ?? '', /final/);
  assert.match(trial.after('register 1 b')[0] ?? '', /registered 0:2/);
});

test('R-PM-32: the death of a client cancels its notifications and no worker', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'up 0:1');
  assert.deepEqual(trial.after('gone 1'), []);
  assert.ok(trial.after('show').includes('0:1 a: running'));
  assert.ok(!trial.after('exited 0:1 1').some((line) => line.includes('is told')));
});

test('R-PM-34: after each end it is looked who can start', () => {
  const trial = new Trial();
  trial.after('early x startTime=postmasterStart', 'early a', 'begin');
  assert.ok(trial.after('spawnFailed 0:1').includes('start 1:1#1 a'));
});

test('R-PM-40: the interval counts from the reap', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure restartTimeMs=3000', 'up 0:1', '+700 exited 0:1 1');
  assert.deepEqual(trial.after('+2999 clock'), []);
  assert.deepEqual(trial.after('+1 clock'), ['start 0:1#2 a']);
});

test('R-PM-41: the interval is the same every time, unless a backoff is asked for', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure restartTimeMs=100');
  for (const attempt of [2, 3, 4, 5]) {
    trial.after('up 0:1', 'exited 0:1 1');
    assert.deepEqual(trial.after('+100 clock'), [`start 0:1#${attempt} a`]);
  }
});

test('R-PM-42: the postmaster sleeps until the next thing is due, and no longer or shorter', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure restartTimeMs=500', 'register 1 b restart=onFailure restartTimeMs=300');
  trial.after('spawnFailed 0:1', 'spawnFailed 1:1');
  assert.ok(trial.after('show').includes('next due at 300'));
});

test('R-PM-43: a smart shutdown does not delay restarts (PostgreSQL: by up to a minute)', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure', 'up 0:1', 'shutdown smart', 'exited 0:1 1');
  assert.ok(trial.after('show').includes('next due at 1000'));
  assert.deepEqual(trial.after('+1000 clock'), ['start 0:1#2 a']);
});

test('R-PM-44: intervals are of the monotonic clock, which comes with each event (PostgreSQL: the wall clock)', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure', 'up 0:1', '+123456 exited 0:1 1');
  assert.ok(trial.after('show').includes('next due at 124456'));
});

test('R-PM-45: a SIGTERM from anyone but us is a failure, and the worker comes back', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure', 'up 0:1', 'said 0:1 stoppedAsAsked by=signal');
  assert.match(trial.after('exited 0:1 0')[0] ?? '', /signaled .*again at 1000/);
});

test('R-PM-50: whoever watches is told of every end, exactly once (PostgreSQL: not when a worker is forgotten)', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure', 'spawnFailed 0:1');
  const told = [...trial.after('terminate 1 0:1'), ...trial.after('terminate 1 0:1'), ...trial.after('+5000 clock')];
  assert.equal(told.filter((line) => line.startsWith('1 is told') && line.includes('final')).length, 1);
});

test('R-PM-51: a worker that was never started and is forgotten reads as stopped', () => {
  const trial = new Trial();
  trial.after(
    'limits finalWordsKept=0',
    'early x startTime=postmasterStart',
    'begin',
    'register 1 a',
    'terminate 1 1:1',
  );
  assert.match(trial.after('status 1 1:1')[0] ?? '', /1:1 slast stopped, .*forgotten, final/);
});

test('R-PM-52: a shutdown answers for everybody who was not started, watched or not (PostgreSQL: only the watched)', () => {
  const trial = new Trial();
  trial.after('early x startTime=postmasterStart', 'early y', 'begin', 'register 1 a');
  const lines = trial.after('shutdown fast');
  assert.ok(lines.some((line) => line.startsWith('report, since its registrant is not told: 1:1')));
  assert.ok(lines.some((line) => line.startsWith('1 is told: 2:1 s1 stopped')));
});

test('R-PM-53: when a group is down its workers come up at once, the interval notwithstanding', () => {
  const trial = new Trial();
  trial.after('register 1 a crashGroup=g', 'register 1 b restart=onFailure restartTimeMs=5000 crashGroup=g');
  trial.after('up 0:1', 'up 1:1', 'exited 0:1 SIGSEGV');
  assert.ok(trial.after('exited 1:1 SIGKILL').includes('start 1:1#2 b'));
});

test('R-PM-54: never restarted also means not after the crash of another', () => {
  const trial = new Trial();
  trial.after('register 1 a crashGroup=g', 'register 1 b crashGroup=g', 'up 0:1', 'up 1:1', 'exited 0:1 SIGSEGV');
  assert.match(trial.after('exited 1:1 SIGKILL')[0] ?? '', /crashGroup \(origin a.*final/);
});

test('R-PM-60: who is told late is told the newest, and by the number how much it missed', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'block 1', 'up 0:1', 'said 0:1 returned', 'exited 0:1 0');
  const told = trial.after('drain 1');
  assert.equal(told.length, 1);
  assert.match(told[0] ?? '', /0:1 s4 stopped/);
});

test('R-PM-62: a registrant that dies before its worker is started: the worker starts, and nobody is told', () => {
  const trial = new Trial();
  trial.after('early x startTime=postmasterStart', 'begin', 'register 1 a', 'gone 1');
  assert.deepEqual(trial.after('up 0:1'), ['start 1:1#1 a']);
  assert.deepEqual(trial.after('up 1:1'), []);
});
