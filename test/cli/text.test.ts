/** Text for a terminal: what is near a word, how wide a character is, and lines of a log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest, nearestFirst } from '../../src/base/index.js';
import { tableOf } from '../../src/cli/commands/ps.js';
import { EventLines } from '../../src/cli/eventLines.js';
import { readableLines } from '../../src/cli/log/logLine.js';
import { shortDuration } from '../../src/cli/moment.js';
import { paintFor } from '../../src/cli/paint.js';
import { clean, table } from '../../src/cli/table.js';
import { cut, widthOf } from '../../src/cli/width.js';
import type { Activity, WorkerEvent } from '../../src/client/index.js';

test('what was meant is what is fewest slips away; another word altogether is not offered', () => {
  const words = ['prune', 'report', 'Prime', 'hello', 'export'];
  assert.deepEqual(nearest('prnue', words), ['prune', 'Prime']);
  assert.deepEqual(nearest('rprot', words), ['report']);
  assert.deepEqual(nearest('PRUNE', words), ['prune', 'Prime']);
  assert.deepEqual(nearest('xyzzy', words), []);
  assert.deepEqual(nearest('', words), []);
  assert.equal(nearestFirst('helo', words)[0], 'hello');
  assert.equal(nearestFirst('helo', words).length, words.length);
});

test('a character takes no column, one or two, as terminals have it', () => {
  const widths: readonly (readonly [string, number])[] = [
    ['plain', 5],
    ['日本語', 6],
    ['한국', 4],
    ['ｱｲ', 2],
    ['é', 1],
    ['e\u0301', 1],
    ['ก็', 1],
    ['नि', 2],
    ['👩‍👩‍👧', 2],
    ['🇩🇪', 2],
    ['✅', 2],
    ['✓…—', 3],
    ['𠮷', 2],
  ];
  for (const [text, width] of widths) assert.equal(widthOf(text), width, text);
  assert.equal(cut('日本語テスト', 6), '日本…');
  assert.equal(cut('日本語', 6), '日本語');
  assert.equal(cut('abcdef', 4), 'abc…');
});

test('a table is aligned in columns of the screen, and no cell moves the cursor or turns the line', () => {
  const rows = [
    ['猫', 'x'],
    ['cat', 'y'],
    ['\u001b[2J', '\u202ez'],
  ];
  assert.equal(table(['NAME', 'A'], rows, 0), 'NAME  A\n猫    x\ncat   y\n?[2J  ?z');
  assert.equal(table(['NAME', 'STATE'], [['cat', 'a long state']], 10), 'NAME  STA…\ncat   a l…');
  assert.equal(clean('a\tb\u0007\u2028👩‍👧'), 'a  b??👩‍👧');
});

test('a line of the log is readable: time, level, who, what, its fields, and below it errors and output', () => {
  const time = new Date(2026, 0, 31, 10, 39, 6, 7).getTime();
  const show = (entry: object): string[] => readableLines(JSON.stringify({ time, ...entry }), (_how, text) => text);
  const own = { level: 30, pid: 1, name: 'bgworker' };
  assert.deepEqual(show({ ...own, epoch: 'abc', directory: '/tmp/a b', msg: 'postmaster started' }), [
    '2026-01-31 10:39:06.007 INFO  postmaster started epoch=abc directory="/tmp/a b"',
  ]);
  const ofWorker = { ...own, worker: 'prune', handle: 'abc:0:1', workerPid: 7 };
  assert.deepEqual(
    show({
      ...ofWorker,
      level: 50,
      n: 3,
      err: { name: 'E', message: 'no', stack: 'E: no\n    at f (/x.js:1:2)' },
      msg: 'bad\nvery',
    }),
    ['2026-01-31 10:39:06.007 ERROR prune: bad n=3', '    very', '    E: no', '      at f (/x.js:1:2)'],
  );
  const stopped = {
    reason: { kind: 'exited', code: 3 },
    output: 'one\ntwo\n',
    msg: 'background worker "prune" stopped',
  };
  assert.deepEqual(show({ ...own, worker: 'prune', handle: 'abc:0:1', level: 40, ...stopped }), [
    '2026-01-31 10:39:06.007 WARN  background worker "prune" stopped',
    '    it printed:',
    '      one',
    '      two',
  ]);
  for (const [line, shown] of [
    ['{"level":30}', '{"level":30}'],
    ['{', '{'],
    ['bell \u0007 and \u001b[31mred\u001b[0m', 'bell ? and red'],
  ] as const) {
    assert.deepEqual(
      readableLines(line, (_how, text) => text),
      [shown],
    );
  }
});

test('there is colour on a terminal that has colours, and nowhere else', () => {
  assert.equal(paintFor({ isTTY: true, hasColors: () => true })('failure', 'x'), '\u001b[31mx\u001b[39m');
  assert.equal(paintFor({ isTTY: true, hasColors: () => false })('failure', 'x'), 'x');
  assert.equal(paintFor({ isTTY: false, hasColors: () => true })('failure', 'x'), 'x');
});

test('a duration is said in the largest unit of which there is more than one', () => {
  const second = 1_000;
  assert.deepEqual(
    [0, 119 * second, 120 * second, 7_199 * second, 7_200 * second, 172_800 * second].map(shortDuration),
    ['0 s', '119 s', '2 min', '119 min', '2 h', '2 d'],
  );
});

test('a narrow terminal is shown fewer columns of bgworker ps, and what is not a terminal all of them', () => {
  const at = new Date();
  const resting: Activity = {
    slot: 0,
    generation: 1,
    handle: 'mwxhdkt114r7dp8:0:1',
    name: 'prune',
    type: 'prune',
    class: 'default',
    module: 'file:///x.js',
    functionName: 'prune',
    status: 'stopped',
    phase: null,
    state: 'restarting in 2.0 s',
    pid: null,
    startedFrom: null,
    attempts: 3,
    deaths: 3,
    reason: { kind: 'exited', code: 3, signal: null } as Activity['reason'],
    retryAt: at,
    forkedAt: null,
    progress: null,
    waitEvent: null,
  };
  const heads = (columns: number, rows: readonly Activity[]): string[] =>
    tableOf(rows, columns).split('\n')[0]?.split(/ +/) ?? [];
  assert.equal(heads(0, [resting]).join(), 'HANDLE,NAME,CLASS,STATUS,PID,UP,STARTS,PROGRESS,WAIT,STATE');
  // Nobody has progress or waits, and all are of the default class.
  assert.equal(heads(100, [resting]).join(), 'HANDLE,NAME,STATUS,PID,UP,STARTS,STATE');
  const busy: Activity = { ...resting, class: 'parallel', progress: { done: 1, total: 4 }, waitEvent: 'BgWorkerMain' };
  assert.equal(heads(200, [resting, busy]).join(), heads(0, [resting]).join());
  assert.equal(heads(80, [resting, busy]).join(), 'HANDLE,NAME,PID,UP,PROGRESS,STATE');
  assert.equal(heads(60, [resting, busy]).join(), 'HANDLE,NAME,PID,STATE');
  assert.match(tableOf([resting], 80), /exited 3, restarting in 2\.0 s$/);
  for (const line of tableOf([{ ...busy, name: '名'.repeat(100) }], 60).split('\n')) assert(widthOf(line) <= 60, line);
});

test('people read a line for each step that changes what they see, and what was missed', () => {
  const base = { handle: 'e:0:1', name: 'prune', sequence: 1, startedFrom: null, attempts: 1, deaths: 0, reason: null };
  const quiet = { final: false, willRestart: false, retryAt: null, missed: 0 } as const;
  const event = (more: Partial<WorkerEvent>): WorkerEvent => ({
    ...{ ...base, ...quiet, status: 'notYetStarted', phase: null, pid: null, at: new Date(2026, 0, 31, 23, 59, 58) },
    ...more,
  });
  const lines = new EventLines(new Date(2026, 0, 31));
  const of = (more: Partial<WorkerEvent>): string[] => lines.of(event(more));
  assert.deepEqual(of({ phase: 'forked', pid: 7 }), ['23:59:58.000  e:0:1  prune: starting, process 7']);
  assert.deepEqual(of({ phase: 'loading', pid: 7 }), []);
  assert.deepEqual(of({ status: 'started', phase: 'running', pid: 7, missed: 4 }), [
    '23:59:58.000  e:0:1  prune: 4 events were missed',
    '23:59:58.000  e:0:1  prune: started, process 7',
  ]);
  const reason = { kind: 'exited', code: 3, signal: null } as WorkerEvent['reason'];
  const tomorrow = new Date(2026, 1, 1, 0, 0, 1);
  const died = { status: 'stopped', deaths: 1, reason, willRestart: true, retryAt: tomorrow, at: tomorrow } as const;
  assert.deepEqual(of(died), [
    '2026-02-01',
    '00:00:01.000  e:0:1  prune: exited with code 3 before it returned; is started again at 00:00:01.000',
  ]);
});
