/**
 * PostgreSQL's rules of registration, one test each, with the rule retold; where we differ on purpose the test shows
 * what we do instead. docs/postgresql-rules.md has them all.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackgroundWorker } from '../../src/core/index.js';
import {
  activityOf,
  checkBackgroundWorker,
  completeBackgroundWorker,
  formatHandle,
  initialState,
  MAX_INTERVAL_MS,
  parseHandle,
  tenantOf,
  transition,
} from '../../src/core/index.js';
import { defaultLimits } from '../../src/core/limits.js';
import { Trial } from '../core/transcript.js';

const definition = { name: 'a', module: 'file:///w.js', cwd: '/' };

function check(fields: Partial<BackgroundWorker>) {
  return checkBackgroundWorker({ ...completeBackgroundWorker(definition), ...fields });
}

test('R-REG-1: what was registered is what is started', () => {
  const worker = completeBackgroundWorker(definition);
  let { state } = transition(initialState('e', defaultLimits(4)), {
    type: 'clientConnected',
    at: 0,
    client: 1,
    worker: null,
  });
  const asked = { type: 'registrationRequested', at: 0, client: 1, request: 1, key: 'k', waitForSlot: false } as const;
  const { effects, ...next } = transition(state, { ...asked, worker });
  state = next.state;
  assert.equal(tenantOf(state, { slot: 0, generation: 1 })?.worker, worker);
  assert.ok(effects.some((effect) => effect.type === 'startWorker' && effect.worker === worker));
});

test('R-REG-2: a name may have any characters (PostgreSQL shows ? for what is not ASCII)', () => {
  assert.equal(check({ name: 'Jürgen ✓' }), undefined);
});

test('R-REG-11, R-REG-16: an unknown start time is refused (PostgreSQL accepts it and the worker never starts)', () => {
  const startTime = 'someday' as BackgroundWorker['startTime'];
  assert.equal(check({ startTime })?.code, 'ERR_INVALID_BACKGROUND_WORKER');
});

test('R-REG-12: an interval is 0 to 1000 days; anything else is refused', () => {
  for (const restartTimeMs of [0, MAX_INTERVAL_MS]) assert.equal(check({ restartTimeMs }), undefined);
  for (const restartTimeMs of [-1, -2, MAX_INTERVAL_MS + 1]) assert.ok(check({ restartTimeMs }));
});

test('R-REG-13: an interval of more than 24.8 days does not overflow', () => {
  const days = 30 * 86_400_000;
  const trial = new Trial();
  trial.after(`register 1 a restart=onFailure restartTimeMs=${days}`, 'up 0:1', 'exited 0:1 1');
  assert.ok(trial.after('show').includes(`next due at ${days}`));
});

test('R-REG-14: a parallel worker may not be restarted', () => {
  for (const restart of ['onFailure', 'always'] as const) {
    assert.match(check({ class: 'parallel', restart })?.message ?? '', /parallel workers may not be restarted/);
  }
  assert.equal(check({ class: 'parallel', restart: 'never' }), undefined);
});

test('R-REG-15: the type is the name where none is given', () => {
  assert.equal(completeBackgroundWorker(definition).type, 'a');
  const trial = new Trial();
  trial.after('register 1 a type=""');
  assert.deepEqual(
    [...activityOf(trial.state, 0)].map(({ type }) => type),
    ['a'],
  );
});

test('R-REG-16: empty names and unknown fields are refused (PostgreSQL does not look)', () => {
  assert.ok(check({ name: '' }));
  assert.ok(check({ flags: 1 } as object));
});

test('R-REG-22: more workers in the settings than slots: those that do not fit are not registered', () => {
  const trial = new Trial();
  trial.after('limits maxWorkerProcesses=1', 'early a', 'early b', 'begin');
  assert.deepEqual(trial.after('show'), ['0:1 a: starting', 'nothing is due']);
});

test('R-REG-23: workers of the settings get slots in the order listed (PostgreSQL: reversed), the early ones first', () => {
  const trial = new Trial();
  trial.after('early a', 'early b startTime=postmasterStart', 'early c startTime=postmasterStart', 'begin');
  const shown = trial.after('show');
  assert.deepEqual(shown.slice(0, 3), ['0:1 b: starting', '1:1 c: starting', '2:1 a: waiting for the early workers']);
});

test('R-REG-24: workers of the settings use the same slots as all others', () => {
  const answer = new Trial().after('limits maxWorkerProcesses=1', 'early a', 'begin', 'register 1 b');
  assert.match(answer[0] ?? '', /refused ERR_TOO_MANY_WORKERS/);
});

test('R-REG-31: what is not valid is refused before anything is looked at or changed', () => {
  const trial = new Trial();
  const answer = trial.after('limits maxWorkerProcesses=1', 'register 1 a', 'register 1 b maxRunMs=-1');
  assert.match(answer[0] ?? '', /refused ERR_INVALID_BACKGROUND_WORKER/);
  trial.after('up 0:1', 'exited 0:1 1');
  assert.match(trial.after('register 1 c')[0] ?? '', /registered 0:2/);
});

test('R-REG-33, R-REG-51: parallel workers have a limit of their own, a share of all slots', () => {
  const trial = new Trial();
  trial.after('limits maxWorkerProcesses=3 classes={"parallel":{"max":2,"reserved":0}}');
  trial.after('register 1 p class=parallel', 'register 1 p class=parallel');
  assert.match(trial.after('register 1 p class=parallel')[0] ?? '', /refused/);
  assert.match(trial.after('register 1 a')[0] ?? '', /registered 2:1/);
});

test('R-REG-34: the lowest free slot is reused first', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'register 1 b', 'register 1 c', 'spawnFailed 1:1', 'spawnFailed 0:1');
  assert.match(trial.after('register 1 d')[0] ?? '', /registered 0:2/);
  assert.match(trial.after('register 1 e')[0] ?? '', /registered 1:2/);
});

test('R-REG-35, R-REG-63: each tenant of a slot has a generation higher by one', () => {
  const trial = new Trial();
  for (const generation of [1, 2, 3]) {
    assert.match(trial.after('register 1 a')[0] ?? '', new RegExp(`registered 0:${generation} `));
    trial.after(`spawnFailed 0:${generation}`);
  }
});

test('R-REG-37: without a free slot the answer is no, at once, and nothing waits', () => {
  const trial = new Trial();
  const answer = trial.after('limits maxWorkerProcesses=1', 'register 1 a', 'register 1 b');
  assert.match(answer[0] ?? '', /refused ERR_TOO_MANY_WORKERS/);
  assert.ok(!trial.after('show').some((line) => line.startsWith('waiting for a slot')));
});

test('R-REG-37: beyond PostgreSQL, who asks for it may wait for a slot', () => {
  const trial = new Trial();
  trial.after('limits maxWorkerProcesses=1', 'register 1 a');
  assert.deepEqual(trial.after('register 1 b wait'), []);
  assert.ok(trial.after('spawnFailed 0:1').some((line) => line.includes('registered 0:2')));
});

test('R-REG-38: a handle is epoch, slot and generation, and can be written as text (PostgreSQL: private to a process)', () => {
  assert.equal(formatHandle({ epoch: 'k2v9x0ab', slot: 3, generation: 17 }), 'k2v9x0ab:3:17');
  assert.deepEqual(parseHandle('k2v9x0ab:3:17'), { epoch: 'k2v9x0ab', slot: 3, generation: 17 });
});

test('R-REG-39: registered means that the request is recorded, not that the worker will start', () => {
  const trial = new Trial();
  assert.match(trial.after('register 1 a')[0] ?? '', /registered 0:1 s0 notYetStarted/);
  assert.match(trial.after('spawnFailed 0:1')[0] ?? '', /stopped, died 1 of 1: spawnFailed/);
});

test('R-REG-40: a worker may register workers', () => {
  const trial = new Trial();
  trial.after('register 1 a', 'up 0:1', 'connect 2 in 0:1');
  assert.match(trial.after('register 2 b')[0] ?? '', /2 is answered: registered 1:1/);
});

test('R-REG-50: the number of slots can be changed by a reload (PostgreSQL: only at start)', () => {
  const trial = new Trial();
  trial.after('limits maxWorkerProcesses=1', 'register 1 a', 'reload maxWorkerProcesses=2');
  assert.match(trial.after('register 1 b')[0] ?? '', /registered 1:1/);
});

test('R-REG-51: by default parallel workers cannot take the last quarter of the slots (PostgreSQL: they can take all)', () => {
  assert.equal(defaultLimits(8).classes['parallel']?.max, 6);
  assert.equal(defaultLimits(1).classes['parallel']?.max, 1);
});

test('R-REG-61: a slot is free again before anybody is told', () => {
  const trial = new Trial();
  trial.after('limits maxWorkerProcesses=1', 'register 1 a', 'register 1 b wait', 'up 0:1');
  const [told, over, answered] = trial.after('exited 0:1 1');
  assert.match(told ?? '', /1 is told: 0:1 .* final/);
  assert.equal(over, '0:1 is over');
  assert.match(answered ?? '', /registered 0:2/);
});

test('R-REG-64: every status carries slot, generation and a number that rises by one', () => {
  const trial = new Trial();
  const lines = ['register 1 a', 'forked 0:1', 'entered 0:1', 'ready 0:1', 'exited 0:1 1'];
  const told = lines.map((line) => /0:1 s(\d)/.exec(trial.after(line)[0] ?? '')?.[1]);
  assert.deepEqual(told, ['0', '1', '2', '3', '4']);
});
