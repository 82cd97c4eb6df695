/**
 * What a spare takes on with its job: all by which a worker could tell that its process is older than it is, but what
 * spare.ts names.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackgroundWorker } from '../../src/core/index.js';
import { resultOf, withSpare } from './spares.js';
import type { WorkerOptions } from './workerProcess.js';
import { withWorker } from './workerProcess.js';

const lookAround = `
export default () => ({
  cwd: process.cwd(),
  title: process.title,
  argv: process.argv.length,
  report: process.report.directory + '/' + process.report.filename,
  env: Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(BGWORKER_|SEEN_)/.test(name))),
});`;

for (const [title, worker, expected] of [
  ['attached', {}, ['BGWORKER_DIR', 'BGWORKER_EPOCH', 'SEEN_GIVEN', 'SEEN_INHERITED', 'SEEN_SET']],
  ['not attached', { attach: false }, ['BGWORKER_EPOCH', 'SEEN_GIVEN', 'SEEN_INHERITED', 'SEEN_SET']],
] as const satisfies [string, Partial<BackgroundWorker>, string[]][]) {
  test(`a spare becomes its worker's process: ${title}`, () =>
    withSpare(
      {
        files: { 'a.mjs': lookAround, 'pre.mjs': 'process.env.SEEN_SET = "by pre"; process.chdir("/usr")' },
        preload: ['pre.mjs'],
        env: { SEEN_INHERITED: 'yes', SEEN_GIVEN: 'not this', BGWORKER_DIR: '/of/somebody', BGWORKER_EPOCH: 'e1' },
        worker: { ...worker, cwd: '/', env: { SEEN_GIVEN: 'this', BGWORKER_ROLE: 'x', BGWORKER_EPOCH: 'x' } },
      },
      async (spare) => {
        spare.giveJob();
        const { env, ...rest } = (await resultOf(spare)) as { env: Record<string, string> };
        assert.deepEqual(rest, {
          cwd: '/',
          title: 'bgworker: tested',
          argv: 2,
          report: `${spare.directory}/reports/3-7-1.json`,
        });
        assert.deepEqual(Object.keys(env).sort(), expected);
        assert.equal(env['BGWORKER_DIR'] ?? spare.directory, spare.directory);
        assert.equal(env['BGWORKER_EPOCH'], 'e1');
        assert.equal(env['SEEN_GIVEN'], 'this');
        assert.equal(env['SEEN_INHERITED'], 'yes');
      },
    ));
}

test('a script finds itself as if it had been started by hand', () =>
  withSpare(
    {
      files: { 'a.mjs': 'console.log("argv", process.argv.slice(1).join())' },
      functionName: null,
      worker: { args: ['x'] },
    },
    async (spare) => {
      spare.giveJob();
      assert.equal((await spare.said())?.word, 'returned');
      assert.equal(spare.stdout, `argv ${spare.directory}/a.mjs,x\n`);
    },
  ));

for (const [title, cwd, errno] of [
  ['is missing', '/no/such/directory', 'ENOENT'],
  ['is a file', '/etc/passwd', 'ENOTDIR'],
] as const) {
  test(`a working directory that ${title} is refused, in the words of a cold start`, () =>
    withSpare({ files: { 'a.mjs': 'console.log("imported")' }, worker: { cwd } }, async (spare) => {
      spare.giveJob();
      await spare.ended;
      assert.deepEqual(spare.of('refused'), [
        { type: 'refused', because: { why: 'system', errno, what: `enter the working directory ${cwd}` } },
      ]);
      assert.equal(spare.types, 'hello idle refused');
      assert.equal(spare.stdout, '');
    }));
}

const inspectProcess = `
import { readdirSync } from 'node:fs';
import 'node:util'; // Opens standard error on Node 22 and later, and the runtime imports it too.
import os from 'node:os';
export default (ctx) => ({
  listeners: Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)])),
  title: process.title, argv: process.argv, execArgv: process.execArgv, cwd: process.cwd(), umask: process.umask(),
  exitCode: process.exitCode ?? null, priorities: [...new Set(readdirSync('/proc/self/task').map((thread) => os.getPriority(Number(thread))))], env: Object.entries(process.env).sort(),
  report: JSON.stringify([process.report.directory, process.report.filename, process.report.reportOnFatalError]),
  resources: process.getActiveResourcesInfo(), globals: Object.getOwnPropertyNames(globalThis),
  runtime: Object.keys(globalThis[Symbol.for('bgworker.runtime')]), aborted: ctx.signal.aborted,
});`;

test('a worker cannot tell by its process that it was a spare, nor that a job was rehearsed', () => {
  const options: WorkerOptions = { files: { 'a.mjs': inspectProcess }, worker: { nice: 3, attach: false } };
  // The postmaster makes a process for a job in its directory and with its environment.
  const env = { BGWORKER_EPOCH: 'e1', GIVEN: '1' };
  return withWorker({ ...options, env }, (cold) =>
    withSpare({ ...options, worker: { ...options.worker, env } }, async (spare) => {
      spare.giveJob();
      const [found, expected] = [await resultOf(spare), await resultOf(cold)];
      const inDirectory = (json: string) => json.replaceAll(spare.directory, cold.directory);
      assert.deepEqual(JSON.parse(inDirectory(JSON.stringify(found))), JSON.parse(JSON.stringify(expected)));
      assert.equal(cold.stderr + spare.stderr, '');
    }),
  );
});

test('a cold start loads nothing that a start does not need', () =>
  withWorker(
    {
      files: {
        'a.mjs': `import { Session } from 'node:inspector';
          export default () => {
            const session = new Session(), urls = [];
            session.connect();
            session.on('Debugger.scriptParsed', ({ params: { url } }) => urls.push(url));
            session.post('Debugger.enable');
            return urls.filter((url) => url.startsWith('file:')).map((url) => url.slice(url.lastIndexOf('/') + 1)).sort();
          };`,
      },
    },
    async (worker) => {
      assert.deepEqual(await resultOf(worker), ['a.mjs', 'boot.cjs']);
    },
  ));
