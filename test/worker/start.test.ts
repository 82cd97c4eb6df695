/**
 * How a start can end, as the worker tells it: every way in which a module or its export can fail is said in words,
 * before the process ends, and `entered` comes exactly when the worker's own function is called.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { introduce } from '../../src/protocol/index.js';
import { until } from '../postmaster/processState.js';
import type { WorkerOptions } from './workerProcess.js';
import { withWorker } from './workerProcess.js';

const ONE_FUNCTION: WorkerOptions = { files: { 'a.mjs': 'export default () => {}' } };

test('hello says which copy of the package runs, and comes before the job', () =>
  withWorker({ files: { 'a.mjs': 'export default () => {}' }, job: false }, async (worker) => {
    await worker.hears('hello');
    const [hello] = worker.of('hello');
    assert.deepEqual(hello, { type: 'hello', ...introduce(), pid: worker.child.pid });
  }));

test('a signal that ends the wait for the job is no death of the postmaster', () =>
  withWorker({ ...ONE_FUNCTION, job: false, execArgv: ['--inspect-port=0'] }, async (worker) => {
    const { pid } = worker.child;
    // The call it is in, and on which descriptor: it reads from 4, and does nothing else.
    await until(() => readFileSync(`/proc/${pid}/syscall`, 'latin1').split(' ')[1] === '0x4', 'it waits for its job');
    worker.child.kill('SIGUSR1');
    // It has come by then; whether it interrupts the read is up to the version of Node.
    const pending = (): string[] => readFileSync(`/proc/${pid}/status`, 'latin1').match(/^S(?:ig|hd)Pnd:.*$/gm) ?? [];
    await until(() => pending().length === 2 && pending().every((line) => /\t0+$/.test(line)), 'the signal is taken');
    worker.giveJob();
    assert.deepEqual(await worker.said(), { word: 'returned', asked: false, result: null });
  }));

test('a start tells each phase once and in order', () =>
  withWorker({ files: { 'a.mjs': 'export default () => {}' } }, async (worker) => {
    assert.deepEqual(await worker.said(), { word: 'returned', asked: false, result: null });
    assert.equal(worker.types, 'hello loading entered said');
    assert.deepEqual(await worker.ended, { code: 0, signal: null });
  }));

interface FailedStart extends WorkerOptions {
  readonly title: string;
  readonly said: object | undefined;
  readonly code?: number;
  readonly signal?: string;
}

const failedStarts: readonly FailedStart[] = [
  {
    title: 'process.exit(7) at import',
    files: { 'a.mjs': 'process.exit(7)' },
    said: { word: 'exiting', code: 7 },
    code: 7,
  },
  {
    title: 'process.exit(0) at import',
    files: { 'a.mjs': 'process.exit(0)' },
    said: { word: 'exiting', code: 0 },
    code: 0,
  },
  {
    title: 'SIGKILL at import',
    files: { 'a.mjs': "process.kill(process.pid, 'SIGKILL'); await new Promise(() => setInterval(() => {}, 9e9))" },
    said: undefined,
    signal: 'SIGKILL',
  },
  { title: 'abort at import', files: { 'a.mjs': 'process.abort()' }, said: undefined, signal: 'SIGABRT' },
  {
    title: 'an export that is missing',
    files: { 'a.mjs': 'export const one = 1; export function two() {}' },
    functionName: 'three',
    said: { word: 'exportMissing', name: 'three', exports: ['one', 'two'] },
    code: 1,
  },
  {
    title: 'an export that is no function',
    files: { 'a.mjs': 'export const one = 1' },
    functionName: 'one',
    said: { word: 'exportMissing', name: 'one', exports: ['one'] },
    code: 1,
  },
  {
    title: 'an export that CommonJS does not have',
    files: { 'a.cjs': 'const make = () => ({ one() {}, two() {} }); module.exports = make();' },
    functionName: 'three',
    said: { word: 'exportMissing', name: 'three', exports: ['default', 'one', 'two'] },
    code: 1,
  },
  {
    title: 'a top-level await for what cannot come',
    files: { 'a.mjs': 'await new Promise(() => {})' },
    said: { word: 'neverSettled' },
    code: 13,
  },
];

for (const { title, said, code = null, signal = null, ...options } of failedStarts) {
  test(`${title} is told`, () =>
    withWorker(options, async (worker) => {
      assert.deepEqual(await worker.said(), said);
      assert.deepEqual(await worker.ended, { code, signal });
      assert.deepEqual(worker.of('entered'), []);
    }));
}

test('a module that is missing is told with its path', () =>
  withWorker({ files: {}, module: 'gone.mjs' }, async (worker) => {
    const said = await worker.said();
    assert.equal(said?.word, 'moduleNotFound');
    assert.equal(said.path, fileURLToPath(worker.module));
    assert.equal(said.error.code, 'ERR_MODULE_NOT_FOUND');
    assert.equal((await worker.ended).code, 1);
  }));

test('a module that is missing deeper down is told with the path of that one', () =>
  withWorker({ files: { 'a.mjs': "import './gone.mjs'" } }, async (worker) => {
    const said = await worker.said();
    assert.equal(said?.word, 'moduleNotFound');
    assert.equal(said.path, fileURLToPath(new URL('gone.mjs', worker.module)));
  }));

test('a package that is missing is told by its name', () =>
  withWorker({ files: { 'a.mjs': "import 'no-such-package-of-ours'" } }, async (worker) => {
    const said = await worker.said();
    assert.equal(said?.word, 'moduleNotFound');
    assert.equal(said.path, 'no-such-package-of-ours');
  }));

test('an error thrown at import is told with its stack, cause and fields', () =>
  withWorker(
    { files: { 'a.mjs': "throw Object.assign(new RangeError('bad', { cause: new Error('why') }), { extra: 1 })" } },
    async (worker) => {
      const said = await worker.said();
      assert.equal(said?.word, 'moduleThrew');
      assert.equal(said.error.name, 'RangeError');
      assert.match(said.error.stack ?? '', /a\.mjs:1/);
      assert.equal(said.error.cause?.message, 'why');
      assert.deepEqual(said.error.fields, { extra: 1 });
    },
  ));

for (const [title, files, line] of [
  ['in the module itself', { 'a.mjs': 'const a = 1;\nconst b = ;\n' }, 2],
  ['in a module that it imports', { 'a.mjs': "import './b.mjs'", 'b.mjs': '\n\nconst b = ;\n' }, 3],
] as const) {
  test(`a syntax error ${title} is told with file and line`, () =>
    withWorker({ files }, async (worker) => {
      const said = await worker.said();
      assert.equal(said?.word, 'moduleThrew');
      assert.equal(said.error.name, 'SyntaxError');
      assert.equal(said.error.message, "Unexpected token ';'");
      const file = fileURLToPath(new URL(Object.keys(files).at(-1) ?? '', worker.module));
      assert.deepEqual(said.error.fields, { file, line });
      assert.ok(said.error.stack?.startsWith(`${file}:${line}\n`), said.error.stack);
      assert.equal(worker.stderr, '');
    }));
}

test('a syntax error in CommonJS is told with file and line by its own stack', () =>
  withWorker({ files: { 'a.cjs': 'const b = ;' } }, async (worker) => {
    const said = await worker.said();
    assert.equal(said?.word, 'moduleThrew');
    assert.match(said.error.stack ?? '', /a\.cjs:1\n/);
  }));

test('an import that another module does not export is told with file and line', () =>
  withWorker(
    { files: { 'a.mjs': "import { no } from './b.mjs'", 'b.mjs': 'export const yes = 1' } },
    async (worker) => {
      const said = await worker.said();
      assert.equal(said?.word, 'moduleThrew');
      assert.match(said.error.stack ?? '', /a\.mjs:1\n/);
    },
  ));

test('an error of something the module began is told while the module still loads', () =>
  withWorker(
    {
      files: {
        'a.mjs': "setTimeout(() => { throw new Error('early') }); await new Promise(() => setInterval(() => {}, 9e6))",
      },
    },
    async (worker) => {
      const said = await worker.said();
      assert.equal(said?.word, 'threw');
      assert.equal(said.error.message, 'early');
      assert.deepEqual(worker.of('entered'), []);
    },
  ));

test('a top-level await with something still open waits', () =>
  withWorker(
    { files: { 'a.mjs': "setInterval(() => {}, 9e6); console.log('here'); await new Promise(() => {})" } },
    async (worker) => {
      await worker.hears(/here/);
      // What it prints and what it tells come by two ways.
      await worker.hears('loading');
      assert.equal(worker.types, 'hello loading');
    },
  ));

for (const [title, files, functionName] of [
  [
    'a worker value',
    { 'a.mjs': "import { defineWorker } from 'INDEX'; export const w = defineWorker(import.meta, () => 'ok')" },
    'w',
  ],
  [
    'a function of CommonJS that Node cannot see',
    { 'a.cjs': "const all = {}; all.w = () => 'ok'; module.exports = all;" },
    'w',
  ],
  ['the function that is module.exports', { 'a.cjs': "module.exports = () => 'ok'" }, 'default'],
  [
    'the default of a compiled module',
    { 'a.cjs': "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = () => 'ok'" },
    'default',
  ],
] as const) {
  const index = new URL('../../src/worker/index.js', import.meta.url).href;
  test(`${title} is found`, () => {
    const texts = Object.entries(files).map(([name, text]) => [name, text.replace('INDEX', index)]);
    return withWorker({ files: Object.fromEntries(texts), functionName }, async (worker) => {
      const said = await worker.said();
      assert.deepEqual(said, { word: 'returned', asked: false, result: { state: 'bytes' } });
    });
  });
}

for (const [title, options] of [
  ['while running', { module: 'running.mjs', functionName: 'exhaustsHeap' }],
  ['at import', { files: { 'a.mjs': 'const kept = []; for (;;) kept.push(new Array(10_000).fill(kept.length))' } }],
] as const) {
  test(`a heap exhausted ${title} leaves a report for the postmaster`, () =>
    withWorker({ ...options, execArgv: ['--max-old-space-size=20'] }, async (worker) => {
      assert.equal(await worker.said(), undefined);
      assert.equal((await worker.ended).signal, 'SIGABRT');
      const report = join(worker.directory, 'reports', '3-7-1.json');
      const { header } = JSON.parse(readFileSync(report, 'utf8')) as { header: { trigger: string } };
      assert.equal(header.trigger, 'OOMError');
    }));
}

test('a worker that ends well leaves no report', () =>
  withWorker({ module: 'running.mjs', functionName: 'throws' }, async (worker) => {
    await worker.ended;
    assert.equal(existsSync(join(worker.directory, 'reports', '3-7-1.json')), false);
  }));

test('a script is entered when it is evaluated, and has returned when its event loop is empty', () =>
  withWorker(
    {
      files: { 'a.mjs': "setTimeout(() => console.log(process.argv.slice(1).join(' ')), 1)" },
      functionName: null,
      worker: { args: ['--flag', 'x y'] },
    },
    async (worker) => {
      assert.deepEqual(await worker.said(), { word: 'returned', asked: false, result: null });
      assert.equal(worker.types, 'hello loading entered said');
      assert.equal(worker.stdout, `${fileURLToPath(worker.module)} --flag x y\n`);
      assert.equal((await worker.ended).code, 0);
    },
  ));

test('started by hand, it says who starts it, and ends', async () => {
  const { spawnSync } = await import('node:child_process');
  const main = fileURLToPath(new URL('../../src/worker/boot.cjs', import.meta.url));
  const { BGWORKER_ROLE: _, ...env } = process.env;
  const { status, stderr } = spawnSync(process.execPath, [main], { env, encoding: 'utf8' });
  assert.equal(status, 64);
  assert.match(stderr, /started by the postmaster/);
});
