/**
 * A spare: how it boots, what it becomes when its job comes, when it refuses, and how it ends without ever having had
 * one. From `loading` on it is a worker like any other.
 */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { test } from 'node:test';
import { stateOf, until } from '../postmaster/processState.js';
import { resultOf, withSpare } from './spares.js';
import type { WorkerProcess } from './workerProcess.js';
import { withWorker } from './workerProcess.js';

const packageUrl = new URL('../../src/index.js', import.meta.url).href;

/** A moment when no spare had been made. */
const LONG_AGO = new Date(2020, 1, 1);

test('a spare says when it is idle, and acknowledges its job before it imports anything', () =>
  withSpare(
    { files: { 'a.mjs': 'export default (ctx, arg) => [ctx.entry.name, arg]' }, arg: [1, 2] },
    async (spare) => {
      spare.giveJob();
      assert.deepEqual(await resultOf(spare), ['tested', [1, 2]]);
      assert.equal(spare.types, 'hello idle loading entered said');
      assert.deepEqual(await spare.ended, { code: 0, signal: null });
      assert.equal(spare.stderr, '');
    },
  ));

test('a job that comes in one piece with what an idle spare was told before does not hold the process', () =>
  withSpare({ files: { 'a.mjs': 'globalThis.ran = true;' }, functionName: null }, async (spare) => {
    const orders = spare.child.stdio[4] as Writable;
    orders.cork();
    spare.order({ type: 'rehearsal' });
    spare.giveJob();
    orders.uncork();
    // A script has returned when its event loop is empty.
    assert.equal((await spare.said())?.word, 'returned');
    assert.equal(spare.types, 'hello idle loading entered said');
  }));

test('after a rehearsal an idle spare still waits for its job', () =>
  withSpare({ files: { 'a.mjs': 'export default () => 1' } }, async (spare) => {
    for (let time = 0; time < 3; time += 1) spare.order({ type: 'rehearsal' });
    await until(() => stateOf(spare.child.pid ?? 0) === 'S', 'it sleeps');
    spare.giveJob();
    assert.equal(await resultOf(spare), 1);
  }));

test('a preloaded module is evaluated once, before there is a job, and is the one that the worker imports', () =>
  withSpare(
    {
      files: {
        'a.mjs': "import { count } from './pre.mjs'; export default () => count",
        'pre.mjs': 'console.log("evaluated"); export const count = { evaluated: true }.evaluated',
      },
      preload: ['pre.mjs'],
    },
    async (spare) => {
      await spare.hears(/evaluated/);
      spare.giveJob();
      assert.equal(await resultOf(spare), true);
      assert.equal(spare.stdout, 'evaluated\n');
      assert.deepEqual(spare.of('log'), []);
    },
  ));

const graph = {
  'a.mjs': 'export default () => {}',
  'pre.mjs': "import './inner.mjs'; import './common.cjs'; await import('./lazy.mjs');",
  'inner.mjs': 'export const inner = 1;',
  'lazy.mjs': 'export const lazy = 1;',
  'common.cjs': "module.exports = require('./data.json');",
  'data.json': '{"one":1}',
  'package.json': '{}',
};

const changes: readonly [title: string, file: string | null, change: (directory: string) => void][] = [
  ['the module itself', 'pre.mjs', (at) => writeFileSync(join(at, 'pre.mjs'), '1')],
  ['a module that it imports', 'inner.mjs', (at) => writeFileSync(join(at, 'inner.mjs'), '1')],
  ['one that it imports later', 'lazy.mjs', (at) => unlinkSync(join(at, 'lazy.mjs'))],
  ['one that it requires', 'common.cjs', (at) => writeFileSync(join(at, 'common.cjs'), '1')],
  ['what is required of that', 'data.json', (at) => writeFileSync(join(at, 'data.json'), '{}')],
  [
    'an older file in its place',
    'inner.mjs',
    (at) => {
      writeFileSync(join(at, 'older.mjs'), graph['inner.mjs']);
      utimesSync(join(at, 'older.mjs'), LONG_AGO, LONG_AGO);
      renameSync(join(at, 'older.mjs'), join(at, 'inner.mjs'));
    },
  ],
  ['where its imports lead', 'package.json', (at) => writeFileSync(join(at, 'package.json'), '{"imports":{}}')],
  ['nothing of it', null, (at) => writeFileSync(join(at, 'another.mjs'), '1')],
];

for (const [title, file, change] of changes) {
  test(`a preloaded graph of which has changed: ${title}`, () =>
    withSpare({ files: graph, preload: ['pre.mjs'] }, async (spare) => {
      change(spare.directory);
      spare.giveJob();
      assert.deepEqual(await spare.ended, { code: 0, signal: null });
      if (file === null) assert.equal(spare.types, 'hello idle loading entered said');
      else {
        assert.equal(spare.types, 'hello idle refused');
        const [refused] = spare.of('refused');
        assert.deepEqual(refused?.because, { why: 'stale', file: join(spare.directory, file) });
      }
    }));
}

test('a preloaded module is stale when packages were installed since', () =>
  withWorker({ files: {}, job: false }, async ({ directory: at }) => {
    mkdirSync(join(at, 'app'));
    mkdirSync(join(at, 'node_modules'));
    const installed = join(at, 'node_modules', '.package-lock.json');
    for (const path of [installed, join(at, 'app', 'pre.mjs')]) writeFileSync(path, '');
    const module = join(at, 'app', 'pre.mjs');
    await withSpare({ files: { 'a.mjs': 'export default () => {}' }, preload: [module] }, async (spare) => {
      writeFileSync(installed, '{}');
      spare.giveJob();
      await spare.ended;
      assert.deepEqual(spare.of('refused')[0]?.because, { why: 'stale', file: installed });
    });
  }));

test('a preloaded file from a machine whose clock is ahead is not stale for that', () =>
  withWorker({ files: {}, job: false }, async ({ directory: at }) => {
    const module = join(at, 'pre.mjs');
    writeFileSync(module, '');
    utimesSync(module, new Date(2100, 1, 1), new Date(2100, 1, 1));
    await withSpare({ files: { 'a.mjs': 'export default () => 1' }, preload: [module] }, async (spare) => {
      spare.giveJob();
      assert.equal(await resultOf(spare), 1);
    });
  }));

test('a file that is changed while it is preloaded is stale', () =>
  withSpare(
    {
      files: {
        'a.mjs': 'export default () => {}',
        'pre.mjs': "import { appendFileSync } from 'node:fs'; appendFileSync(new URL(import.meta.url), '\\n')",
      },
      preload: ['pre.mjs'],
    },
    async (spare) => {
      spare.giveJob();
      await spare.ended;
      assert.deepEqual(spare.of('refused')[0]?.because, { why: 'stale', file: join(spare.directory, 'pre.mjs') });
    },
  ));

for (const [title, swap] of [
  [
    'a link',
    (at: string) => {
      symlinkSync('two', join(at, 'link'));
      renameSync(join(at, 'link'), join(at, 'current'));
    },
  ],
  [
    'a directory',
    (at: string) => {
      rmSync(join(at, 'current'));
      renameSync(join(at, 'two'), join(at, 'current'));
    },
  ],
] as const) {
  test(`a preloaded module is stale when another took its place by ${title}`, () =>
    withWorker({ files: {}, job: false }, async ({ directory: at }) => {
      for (const name of ['one', 'two']) {
        mkdirSync(join(at, name));
        writeFileSync(join(at, name, 'pre.mjs'), `export const is = '${name}'`);
      }
      symlinkSync('one', join(at, 'current'));
      const preload = [join(at, 'current/pre.mjs')];
      await withSpare({ files: { 'a.mjs': 'export default () => {}' }, preload }, async (spare) => {
        swap(at);
        spare.giveJob();
        await spare.ended;
        assert.deepEqual(spare.of('refused')[0]?.because, { why: 'stale', file: join(at, 'current/pre.mjs') });
      });
    }));
}

const failures: readonly [title: string, source: string, said: object, code: number][] = [
  ['throws', 'throw new RangeError("bad")', { word: 'moduleThrew' }, 1],
  ['is missing what it imports', "import './gone.mjs'", { word: 'moduleNotFound' }, 1],
  ['exits', 'process.exit(7)', { word: 'exiting', code: 7 }, 7],
  ['waits for what cannot come', 'await new Promise(() => {})', { word: 'neverSettled' }, 13],
  ['throws later', 'setTimeout(() => { throw new RangeError("late") })', { word: 'threw' }, 1],
];

for (const [title, source, expected, code] of failures) {
  test(`a module that ${title} ends the spare that preloads it, and it says why`, () =>
    withWorker({ files: { 'pre.mjs': source }, preload: ['pre.mjs'] }, async (spare) => {
      const said = (await spare.said()) as object;
      assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, said[key as never]])), expected);
      assert.deepEqual(await spare.ended, { code, signal: null });
    }));
}

test('a preloaded module cannot start workers before there is a job, and uses the worker’s client from then on', () =>
  withSpare(
    {
      files: {
        'a.mjs': "import { again } from './pre.mjs'; export default again",
        'pre.mjs': `
          import { defineWorker, run } from './package.mjs';
          export const job = defineWorker(import.meta, () => {});
          export const again = () => run(job).then(() => 'ran', ({ code }) => code);
          console.log('first', await again());
          setTimeout(async () => console.log('later', await again()));`,
        'package.mjs': `export { run } from ${JSON.stringify(packageUrl)};
          export { defineWorker } from ${JSON.stringify(new URL('worker/index.js', packageUrl).href)};`,
      },
      preload: ['pre.mjs'],
      worker: { attach: false },
    },
    async (spare) => {
      await spare.hears(/later/);
      assert.equal(spare.stdout, 'first ERR_WORKER_LOADING\nlater ERR_WORKER_LOADING\n');
      spare.giveJob();
      assert.equal(await resultOf(spare), 'ERR_NOT_ATTACHED');
    },
  ));

/** A module that would live on. */
const tenacious = {
  'pre.mjs': "process.on('SIGTERM', () => console.log('heard')); setInterval(() => {}, 9e8)",
  'a.mjs': "export default () => new Promise(() => console.log('here'))",
};

for (const [title, ask, by] of [
  ['SIGTERM', (spare: WorkerProcess) => spare.child.kill('SIGTERM'), 'signal'],
  ['an order', (spare: WorkerProcess) => spare.order({ type: 'terminate', order: 'terminate' }), 'postmaster'],
  ["the postmaster's death", (spare: WorkerProcess) => spare.dieAsPostmaster(), 'postmaster'],
] as const) {
  for (const preload of [[], ['pre.mjs']]) {
    test(`an idle spare that has preloaded [${preload}] is ended by ${title}`, () =>
      withSpare({ files: tenacious, preload }, async (spare) => {
        ask(spare);
        assert.deepEqual(await spare.said(), { word: 'stoppedAsAsked', by });
        assert.deepEqual(await spare.ended, { code: 1, signal: null });
      }));
  }
}

test("a postmaster's death ends a spare that is still preloading", () =>
  withWorker(
    {
      files: { 'pre.mjs': "console.log('here'); await new Promise(() => setInterval(() => {}, 9e8))" },
      preload: ['pre.mjs'],
    },
    async (spare) => {
      await spare.hears(/here/);
      spare.dieAsPostmaster();
      assert.deepEqual(await spare.ended, { code: 1, signal: null });
    },
  ));

test('a preloaded module that listens for SIGTERM does so in the worker', () =>
  withSpare({ files: tenacious, preload: ['pre.mjs'], module: 'a.mjs' }, async (spare) => {
    spare.giveJob();
    await spare.hears(/here/);
    spare.terminate();
    await spare.hears(/heard/);
    assert.equal(await spare.of('said').length, 0);
  }));

test('a spare outlives reloads, and hears a job that comes in pieces', () =>
  withSpare(
    { files: { 'a.mjs': 'export default (ctx, arg) => arg.length' }, arg: 'x'.repeat(200_000) },
    async (spare) => {
      spare.order({ type: 'reload' });
      spare.child.kill('SIGHUP');
      spare.giveJob();
      assert.equal(await resultOf(spare), 200_000);
    },
  ));

test('what preloaded modules keep open, print or set as exit code is not held against the worker', () =>
  withSpare(
    {
      files: {
        'pre.mjs': `
          import { createServer } from 'node:net';
          console.log('printed'); process.exitCode = 3;
          await new Promise((resolve) => createServer().listen(0, resolve));`,
        'a.mjs': 'export default () => 1',
      },
      module: 'a.mjs',
      preload: ['pre.mjs'],
    },
    async (spare) => {
      spare.giveJob();
      assert.equal(await resultOf(spare), 1);
      assert.deepEqual(await spare.ended, { code: 0, signal: null });
      assert.deepEqual(spare.of('log'), []);
    },
  ));

test('what the worker itself left open is still named', () =>
  withSpare(
    {
      files: {
        'pre.mjs':
          "import { createServer } from 'node:net'; await new Promise((done) => createServer().listen(0, done));",
        'a.mjs': `import { createServer } from 'node:net';
          export default async () => { console.log('printed'); await new Promise((done) => createServer().listen(0, done)); }`,
      },
      module: 'a.mjs',
      preload: ['pre.mjs'],
    },
    async (spare) => {
      spare.giveJob();
      await spare.ended;
      assert.deepEqual(
        spare.of('log').map(({ fields }) => fields),
        [{ open: ['1 TCP server'] }],
      );
    },
  ));
