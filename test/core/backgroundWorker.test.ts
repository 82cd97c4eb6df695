/**
 * The definition of a worker: every field with what it may be, what it may not be, and what a refusal says.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackgroundWorker } from '../../src/core/index.js';
import { checkBackgroundWorker, completeBackgroundWorker, MAX_INTERVAL_MS } from '../../src/core/index.js';

const minimal = completeBackgroundWorker({ name: 'a', module: 'file:///w.js', cwd: '/' });
const restarts = { restart: 'onFailure' };
const long = (length: number): string => 'x'.repeat(length);
const backoff = { factor: 2, maxMs: 60_000, jitter: 0.2 };
const cycle: { self?: unknown } = {};
cycle.self = cycle;

interface Field {
  readonly good: readonly unknown[];
  readonly bad: readonly unknown[];
  /** What makes the good values possible. */
  readonly beside?: object;
}

const nobody = [undefined, Symbol('x'), 5n, cycle];
const notText = ['a\0b', 1, null, ['a'], ...nobody];
const notInterval = [-1, Number.NaN, MAX_INTERVAL_MS + 1, Number.POSITIVE_INFINITY, '5', ...nobody];

const FIELDS: { readonly [field in keyof BackgroundWorker]: Field } = {
  name: { good: ['a', long(255), 'é✓'], bad: ['', long(256), ...notText] },
  type: { good: ['', 'pruner'], bad: [long(256), ...notText] },
  module: { good: ['file:///a/b.js'], bad: ['/a/b.js', 'data:text/javascript,1', 'https://x/y.js', ...notText] },
  functionName: { good: ['default', 'main', null], bad: ['', long(256), 1, ...nobody] },
  args: { good: [[], ['a', '']], bad: ['a', [1], ['a\0'], null, ...nobody] },
  mainArg: {
    good: [
      { kind: 'none' },
      { kind: 'bytes', bytes: new Uint8Array(3) },
      { kind: 'bytes', bytes: Buffer.from('a') },
      { kind: 'file', file: 'abc_-09', sizeBytes: 67_108_864 },
    ],
    bad: [
      { kind: 'bytes', bytes: 'a' },
      { kind: 'file', file: '../x', sizeBytes: 1 },
      { kind: 'file', file: 'x', sizeBytes: 67_108_865 },
      { kind: 'file', file: 'x', sizeBytes: -1 },
      { kind: 'other' },
      {},
      'a',
      null,
      [],
      ...nobody,
    ],
  },
  class: { good: ['default', 'parallel', 'A-b_9'], bad: ['', '9a', 'a b', long(65), ...notText] },
  startTime: { good: ['postmasterStart', 'afterEarly'], bad: ['consistentState', 0, ...nobody] },
  readiness: { good: ['implicit', 'explicit'], bad: [true, ...nobody] },
  restart: { good: ['never', 'onFailure', 'always'], bad: [-1, null, ...nobody] },
  restartTimeMs: { good: [0, 0.5, MAX_INTERVAL_MS], bad: notInterval },
  restartBackoff: {
    good: [null, backoff, { factor: 1, maxMs: 0, jitter: 1 }],
    bad: [
      {},
      { ...backoff, factor: 0.5 },
      { ...backoff, maxMs: -1 },
      { ...backoff, jitter: 1.1 },
      { ...backoff, other: 1 },
      [],
      ...nobody,
    ],
    beside: restarts,
  },
  restartIntensity: {
    good: [null, { deaths: 1, periodMs: 1 }],
    bad: [
      { deaths: 0, periodMs: 1 },
      { deaths: 1.5, periodMs: 1 },
      { deaths: 1 },
      { deaths: 1_001, periodMs: 1 },
      ...nobody,
    ],
  },
  crashGroup: { good: [null, 'g'], bad: ['', long(256), ...nobody] },
  lifetime: { good: ['postmaster', 'client'], bad: [null, ...nobody] },
  ifNameTaken: { good: [null, 'throw', 'useIt', 'replace'], bad: ['', false, ...nobody] },
  maxRunMs: { good: [null, 1, MAX_INTERVAL_MS], bad: [0, ...notInterval] },
  terminateTimeoutMs: { good: [0, MAX_INTERVAL_MS], bad: [null, ...notInterval] },
  cwd: { good: ['/', '/a b'], bad: ['', 'a', './a', ...notText] },
  env: {
    good: [{}, { A: '', B_1: 'x' }],
    bad: [{ A: 1 }, { 'A=B': 'x' }, { '': 'x' }, { A: 'a\0' }, null, [], ...nobody],
  },
  execArgv: { good: [[], ['--import', 'x']], bad: [[''], [1], 'x', ...nobody] },
  nodePath: { good: [null, '/usr/bin/node'], bad: ['', 1, ...nobody] },
  output: { good: [null, 'inherit', 'raw', 'log', 'ignore'], bad: ['pipe', ...nobody] },
  resourceLimits: {
    good: [
      { maxOldSpaceMb: null, maxRssBytes: null },
      { maxOldSpaceMb: 64, maxRssBytes: 1_048_576 },
    ],
    bad: [{}, { maxOldSpaceMb: 0, maxRssBytes: null }, { maxOldSpaceMb: null, maxRssBytes: 1_000 }, null, ...nobody],
  },
  attach: { good: [true, false], bad: [null, 'yes', 0, ...nobody] },
  nice: { good: [-20, 0, 19], bad: [-21, 20, 0.5, null, ...nobody] },
  notifyPid: { good: [null, 2, 2_147_483_647], bad: [0, 1, -5, 2.5, ...nobody] },
};

for (const [field, { good, bad, beside }] of Object.entries(FIELDS)) {
  test(`${field}: what it may be`, () => {
    for (const value of good) assert.equal(check({ ...beside, [field]: value }), undefined);
  });

  test(`${field}: what it may not be is refused with its name, its value and what would be right`, () => {
    for (const value of bad) {
      const refusal = check({ ...beside, [field]: value });
      assert.equal(refusal?.code, 'ERR_INVALID_BACKGROUND_WORKER', `accepted: ${String(value)}`);
      assert.match(refusal.message, new RegExp(`^background worker.*: ${field} is not valid$`));
      assert.ok(refusal.detail?.startsWith(`${field} is `) && refusal.detail.length < 200);
      assert.ok(refusal.hint !== undefined && refusal.hint !== '');
    }
  });
}

test('a field that there is not is refused, and the likely one named', () => {
  assert.deepEqual(check({ restart_time_ms: 5 }), {
    code: 'ERR_INVALID_BACKGROUND_WORKER',
    message: 'background worker "a": unknown field',
    detail: 'restart_time_ms is no field of a background worker',
    hint: 'did you mean restartTimeMs?',
  });
  assert.equal(check({ restrat: 'always' })?.hint, 'did you mean restart?');
  assert.match(check({ zzz: 1 })?.hint ?? '', /^the fields are name, type, module/);
  assert.ok(check({ toString: 1 }) !== undefined, 'what every object has is no field either');
});

test('the first field that is wrong is the one that is named', () => {
  const refusal = check({ restart: 'sometimes', nice: 99 });
  assert.equal(refusal?.message, 'background worker "a": restart is not valid');
});

for (const [what, fields, message] of [
  [
    'a parallel worker that comes back',
    { class: 'parallel', restart: 'always' },
    'parallel workers may not be restarted',
  ],
  ['a backoff without a restart', { restartBackoff: backoff }, 'a backoff needs a restart'],
  [
    'a script with a mainArg',
    { functionName: null, mainArg: { kind: 'bytes', bytes: new Uint8Array() } },
    'a script takes no mainArg',
  ],
] as const) {
  test(`${what} is refused`, () => assert.equal(check(fields)?.message, `background worker "a": ${message}`));
}

test('the defaults are valid, complete, and what the documentation says', () => {
  assert.equal(checkBackgroundWorker(minimal), undefined);
  const { type, functionName, restart, restartTimeMs, restartIntensity, terminateTimeoutMs, startTime, lifetime } =
    minimal;
  assert.deepEqual(
    { type, functionName, restart, restartTimeMs, restartIntensity, terminateTimeoutMs, startTime, lifetime },
    {
      type: 'a',
      functionName: 'default',
      restart: 'never',
      restartTimeMs: 1_000,
      restartIntensity: { deaths: 10, periodMs: 60_000 },
      terminateTimeoutMs: 5_000,
      startTime: 'afterEarly',
      lifetime: 'postmaster',
    },
  );
  const withBackoff = completeBackgroundWorker({
    name: 'a',
    module: 'file:///w.js',
    cwd: '/',
    restartBackoff: backoff,
  });
  assert.equal(withBackoff.restartIntensity, null, 'a backoff calms itself');
});

function check(fields: object) {
  return checkBackgroundWorker({ ...minimal, ...fields } as BackgroundWorker);
}
