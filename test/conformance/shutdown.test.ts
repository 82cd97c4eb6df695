/**
 * PostgreSQL's rules of shutdown and crash, one test each, with the rule retold; where we differ on purpose the test
 * shows what we do instead. docs/postgresql-rules.md has them all.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Trial } from '../core/transcript.js';

test('R-SM-1: when a shutdown begins, who has not started is forgotten, and who runs is asked to stop', () => {
  const trial = new Trial();
  trial.after('early x startTime=postmasterStart', 'begin', 'register 1 a', 'up 0:1', 'up 1:1');
  trial.after('register 1 b restart=always', 'up 2:1', 'exited 2:1 1');
  const lines = trial.after('shutdown fast');
  assert.deepEqual(
    lines.filter((line) => line.startsWith('ask')),
    ['ask 0:1#1 (101) to stop: postmasterShutdown', 'ask 1:1#1 (102) to stop: postmasterShutdown'],
  );
  assert.ok(lines.some((line) => line.startsWith('1 is told: 2:1') && line.endsWith('final')));
});

test('R-SM-2, R-SM-3: it ends when the last worker is gone, and not before', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'register 1 b', 'up 0:1', 'up 1:1', 'shutdown fast');
  assert.ok(!trial.after('exited 0:1 0').includes('exit'));
  assert.ok(trial.after('exited 1:1 0').includes('exit'));
});

for (const [first, second, lines] of [
  ['smart', 'fast', ['ask 0:1#1 (101) to stop: postmasterShutdown']],
  ['smart', 'immediate', ['kill 0:1#1 (101)']],
  ['fast', 'immediate', ['kill 0:1#1 (101)']],
  ['fast', 'smart', []],
  ['fast', 'fast', []],
  ['immediate', 'fast', []],
  ['immediate', 'smart', []],
  ['smart', 'smart', []],
] as const) {
  test(`R-SM-10: a mode can be raised and not lowered: ${first}, then ${second}`, () => {
    assert.deepEqual(new Trial().after('register 1 a', 'up 0:1', `shutdown ${first}`, `shutdown ${second}`), lines);
  });
}

test('R-SM-11: who ignores the request does not hold up a fast shutdown for ever (PostgreSQL: it does)', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'up 0:1', 'shutdown fast');
  assert.deepEqual(trial.after('+5000 clock'), ['kill 0:1#1 (101)']);
});

test('R-SM-12: a smart shutdown waits for clients and not for workers', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'up 0:1', 'connect 2 in 0:1');
  assert.deepEqual(trial.after('shutdown smart'), []);
  assert.deepEqual(trial.after('gone 1'), ['ask 0:1#1 (101) to stop: postmasterShutdown']);
});

test('R-SM-13: a shutdown while the early workers start stops them too', () => {
  const trial = new Trial();
  trial.after('early x startTime=postmasterStart', 'early y', 'begin', 'forked 0:1');
  assert.ok(trial.after('shutdown fast').includes('ask 0:1#1 (101) to stop: postmasterShutdown'));
});

test('R-SM-14: of several requests that come together the strongest counts', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'up 0:1', 'shutdown smart', 'shutdown immediate', 'shutdown fast');
  assert.ok(trial.after('show').includes('0:1 a: being killed'));
});

test('R-SM-20: exit other than 0 or 1, or a signal, is a crash of the group; nothing else is', () => {
  for (const [how, isCrash] of [
    ['0', false],
    ['1', false],
    ['2', true],
    ['7', true],
    ['SIGKILL', true],
    ['SIGSEGV', true],
  ] as const) {
    const trial = new Trial();
    trial.after('register 1 a crashGroup=g', 'register 1 b crashGroup=g', 'up 0:1', 'up 1:1');
    const kills = trial.after(`exited 0:1 ${how}`).filter((line) => line.startsWith('kill'));
    assert.equal(kills.length > 0, isCrash, how);
  }
});

test('R-SM-21: only the first crash acts', () => {
  const trial = new Trial();
  trial.after('register 1 a crashGroup=g', 'register 1 b crashGroup=g', 'register 1 c crashGroup=g');
  trial.after('up 0:1', 'up 1:1', 'up 2:1');
  const kill = (line: string): boolean => line.startsWith('kill');
  assert.equal(trial.after('exited 0:1 SIGSEGV').filter(kill).length, 2);
  assert.equal(trial.after('exited 1:1 SIGSEGV').filter(kill).length, 0);
});

test('R-SM-22: in an immediate shutdown a crash is nothing', () => {
  const trial = new Trial();
  trial.after('register 1 a crashGroup=g restart=always', 'register 1 b crashGroup=g', 'up 0:1', 'up 1:1');
  trial.after('shutdown immediate');
  assert.match(trial.after('exited 0:1 SIGKILL')[0] ?? '', /postmasterShutdown .*final/);
});

test('R-SM-23: after a crash its group begins anew, and nobody else (PostgreSQL: everything)', () => {
  const trial = new Trial();
  trial.after('register 1 a crashGroup=g', 'register 1 b crashGroup=g restart=always', 'register 1 c');
  trial.after('up 0:1', 'up 1:1', 'up 2:1', 'exited 0:1 SIGSEGV');
  assert.ok(trial.after('exited 1:1 SIGKILL').includes('start 1:1#2 b'));
  assert.ok(trial.after('show').includes('2:1 c: running'));
});

test('R-SM-25: a loop of crashes has a limit (PostgreSQL: none)', () => {
  const trial = new Trial();
  trial.after('register 1 a restart=onFailure restartTimeMs=0 crashGroup=g');
  for (let n = 1; n < 10; n += 1) trial.after('up 0:1', 'exited 0:1 SIGSEGV');
  assert.match(trial.after('up 0:1', 'exited 0:1 SIGSEGV')[0] ?? '', /crashLoop .*final/);
});

test('R-SM-30: who has to go at once is killed at once, with its process group (PostgreSQL: after 5 seconds)', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'up 0:1');
  assert.deepEqual(trial.after('shutdown immediate'), ['kill 0:1#1 (101)']);
});
