/** `bgworker run` and `bgworker ps`, as scripts see them: exit codes, the last line of --json, signals. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { isGone, until } from '../postmaster/processState.js';
import { fixturePath, launch, root } from './support/fixtures.js';
import { untilAsked } from './support/patience.js';
import { childrenOf, kill } from './support/processes.js';
import type { Scene } from './support/scene.js';
import { sceneOf } from './support/scene.js';

const MAIN = `${root}dist/src/postmaster/command.cjs`;
const MODULE = fixturePath('cli.mjs');
const PATIENCE_MS = 30_000;
/** Something hangs. */
const SUITE_MS = 180_000;

describe('bgworker run', { concurrency: 3, timeout: SUITE_MS }, () => {
  test('--json: the last line of standard output is one object that says all', async (t) => {
    const { code, stdout } = await bgworker(sceneOf(t), ['run', MODULE, '--arg', '{"n":1}', '--json']);
    assert.equal(code, 0);
    const { handle, pid, ...said } = lastLine(stdout);
    assert.match(String(handle), /^[0-9a-z]+:0:1$/);
    assert(Number.isInteger(pid));
    assert.deepEqual(said, {
      name: 'cli.mjs',
      status: 'started',
      phase: 'running',
      reason: null,
      willRestart: false,
      retryAt: null,
      exit: { code: 0, signal: null },
      result: { got: { n: 1 } },
      problem: null,
    });
  });

  test('--json begins a line of its own behind output that has no end', async (t) => {
    const { stdout, stderr } = await bgworker(sceneOf(t), ['run', `${MODULE}#prints`, '--json']);
    assert.equal(stdout.split('\n')[0], 'no end of line');
    assert.equal(lastLine(stdout)['status'], 'started');
    assert.equal(stderr, 'nor here');
  });

  test('--json of a worker that could not be started: code 70, and the reason with its error', async (t) => {
    const missing = fixturePath('isNotThere.mjs');
    const { code, stdout } = await bgworker(sceneOf(t), ['run', missing, '--json']);
    assert.equal(code, 70);
    const said = lastLine(stdout);
    assert.equal(said['status'], 'stopped');
    assert.equal(said['phase'], 'loading');
    assert.deepEqual(said['exit'], { code: 1, signal: null });
    const reason = said['reason'] as Record<string, unknown>;
    assert.equal(reason['kind'], 'moduleNotFound');
    assert.equal(reason['path'], missing);
    assert.deepEqual([reason['code'], reason['signal'], reason['output']], [1, null, '']);
    assert.equal((reason['error'] as Record<string, unknown>)['name'], 'Error');
    assert.equal(said['result'], null);
  });

  test('--print prints what the function returned, and nothing where it returned nothing', async (t) => {
    const scene = sceneOf(t);
    const printed = await bgworker(scene, ['run', MODULE, '--arg', '{"n":1}', '--print']);
    assert.deepEqual([printed.code, printed.stdout], [0, '{"got":{"n":1}}\n']);
    const text = await bgworker(scene, ['run', `${MODULE}#says`, '--arg', '"a text"', '--print']);
    assert.equal(text.stdout, 'a text\n');
  });

  test('--json says why what was returned cannot be had, for what returned well has no reason', async (t) => {
    const { code, stdout } = await bgworker(sceneOf(t), ['run', `${MODULE}#unsendable`, '--json']);
    assert.equal(code, 1);
    const { reason, result, problem } = lastLine(stdout);
    assert.deepEqual([reason, result], [null, null]);
    assert.equal((problem as Record<string, unknown>)['code'], 'ERR_NOT_SERIALIZABLE');
  });

  test('--json of a result that JSON cannot say is still one line', async (t) => {
    const { code, stdout, stderr } = await bgworker(sceneOf(t), ['run', `${MODULE}#unspeakable`, '--json']);
    assert.equal(code, 0, stderr);
    assert.equal(lastLine(stdout)['status'], 'started');
  });

  for (const { what, words, code, says } of [
    { what: 'returned', words: [MODULE], code: 0, says: /^$/ },
    { what: 'exited with 3', words: [`${MODULE}#exits`, '--arg', '3'], code: 3, says: /exit.*3/s },
    { what: 'was killed', words: [`${MODULE}#dies`, '--arg', '"SIGKILL"'], code: 137, says: /SIGKILL/ },
    { what: 'died of SIGUSR2', words: [`${MODULE}#dies`, '--arg', '"SIGUSR2"'], code: 140, says: /SIGUSR2/ },
    { what: 'returned what cannot be sent', words: [`${MODULE}#unsendable`], code: 1, says: /ERR_NOT_SERIALIZABLE/ },
    {
      what: 'is a script that ends itself',
      words: ['--script', fixturePath('endsItself.mjs'), '0'],
      code: 0,
      says: /^$/,
    },
    {
      what: 'is a script that ends itself with 3',
      words: ['--script', fixturePath('endsItself.mjs'), '3'],
      code: 3,
      says: /3/,
    },
    { what: 'threw', words: [`${MODULE}#throws`], code: 1, says: /RangeError: thrown while running[\s\S]*cli\.mjs:/ },
    { what: 'has no such export', words: [`${MODULE}#red`], code: 70, says: /red[\s\S]*reads/ },
    { what: 'cannot be loaded', words: [fixturePath('isNotThere.mjs')], code: 70, says: /isNotThere\.mjs/ },
    {
      what: 'ran too long',
      words: [`${MODULE}#waits`, '--max-run-ms', '1500'],
      code: 1,
      says: /1500 ms\n {2}hint: raise --max-run-ms$/m,
    },
    { what: 'is asked for badly', words: [MODULE, '--arg', '{'], code: 64, says: /JSON/ },
    { what: 'has an unknown option', words: [MODULE, '--colour'], code: 64, says: /colour/ },
    { what: 'is not named', words: [], code: 64, says: /module/ },
  ]) {
    test(`exits with ${code} when the worker ${what}`, async (t) => {
      const ended = await bgworker(sceneOf(t), ['run', ...words]);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, says);
    });
  }

  test('an unknown command is a usage error', async (t) => {
    assert.equal((await bgworker(sceneOf(t), ['fly'])).code, 64);
  });

  test('standard input is the worker’s, or the argument with --arg -', async (t) => {
    const scene = sceneOf(t);
    const passed = await bgworker(scene, ['run', `${MODULE}#reads`, '--json'], 'typed by hand');
    assert.equal(lastLine(passed.stdout)['result'], 'typed by hand');
    const argument = await bgworker(scene, ['run', MODULE, '--arg', '-', '--json'], '[1, 2]');
    assert.deepEqual(lastLine(argument.stdout)['result'], { got: [1, 2] });
  });

  test('--set makes an object, of JSON where it is JSON and text where it is not', async (t) => {
    const { stdout } = await bgworker(sceneOf(t), [
      'run',
      MODULE,
      '--json',
      '--set',
      'depth=2',
      'url=https://x.org/?a=b',
    ]);
    assert.deepEqual(lastLine(stdout)['result'], { got: { depth: 2, url: 'https://x.org/?a=b' } });
  });

  test('--script runs a program with its arguments until its event loop is empty', async (t) => {
    const script = fixturePath('cliScript.mjs');
    const { code, stdout } = await bgworker(sceneOf(t), ['run', '--script', script, 'one', 'two']);
    assert.equal(code, 0);
    assert.equal(stdout, '["one","two"]\nlate\n');
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal} asks the worker to stop, and ends when it has`, async (t) => {
      const scene = sceneOf(t);
      const running = start(scene, ['run', `${MODULE}#waits`]);
      const pid = await printedPid(scene, running);
      kill(running.child.pid, signal);
      const { code, stdout } = await running.ended;
      assert.notEqual(code, 0);
      assert.match(stdout, /stopped in order/);
      assert(isGone(pid));
    });
  }

  test('a second Ctrl-C kills a worker that does not stop', async (t) => {
    const scene = sceneOf(t);
    const running = start(scene, ['run', `${MODULE}#stubborn`]);
    const pid = await printedPid(scene, running);
    kill(running.child.pid, 'SIGINT');
    await until(() => running.stdout().includes('no\n'), 'it has heard the first', PATIENCE_MS);
    kill(running.child.pid, 'SIGINT');
    assert.equal((await running.ended).code, 137);
    assert(isGone(pid));
  });

  test('kill -9 leaves no worker', async (t) => {
    const scene = sceneOf(t);
    const running = start(scene, ['run', `${MODULE}#stubborn`]);
    const pid = await printedPid(scene, running);
    for (const child of childrenOf(running.child.pid ?? 0)) scene.add(child);
    kill(running.child.pid);
    await until(() => isGone(pid), 'the guardian ends the worker', PATIENCE_MS);
  });
});

describe('bgworker ps', { concurrency: 3, timeout: SUITE_MS }, () => {
  test('lists the workers of a postmaster, as a table or as a line of JSON each', async (t) => {
    const scene = sceneOf(t);
    const client = await scene.postmaster();
    const empty = await bgworker(scene, ['ps', '--directory', client.directory]);
    assert.deepEqual([empty.code, empty.stdout], [0, 'no background workers\n']);
    const handle = await launch(client, 'idle', undefined, { name: 'red\u001b[31m' });
    const table = await bgworker(scene, ['ps', '--directory', client.directory]);
    assert.equal(table.code, 0);
    assert.match(table.stdout, new RegExp(`^HANDLE +NAME .*\\n${handle.id} +red\\?\\[31m +.* started +${handle.pid} `));
    const json = await bgworker(scene, ['ps', '--json'], '', { BGWORKER_DIR: client.directory });
    assert.equal(json.code, 0);
    const row = lastLine(json.stdout);
    assert.deepEqual([row['handle'], row['pid'], row['status']], [handle.id, handle.pid, 'started']);
    await client.reload({ spareWorkers: 1 });
    await untilAsked(async () => (await client.spares()).idle === 1, 'a spare is idle');
    const withSpares = await bgworker(scene, ['ps', '--directory', client.directory]);
    assert.match(withSpares.stdout, /\n\nspares: 1 idle, 0 booting, 1 wanted\n$/);
  });

  test('exits with 69 where no postmaster is', async (t) => {
    const scene = sceneOf(t);
    const { code, stderr } = await bgworker(scene, ['ps', '--directory', scene.directory()]);
    assert.equal(code, 69);
    assert.match(stderr, /no postmaster/);
  });
});

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout(): string;
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function bgworker(scene: Scene, words: readonly string[], stdin = '', env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const running = start(scene, words, env);
  running.child.stdin?.end(stdin);
  return running.ended;
}

function start(scene: Scene, words: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const { BGWORKER_DIR: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [MAIN, ...words], { env: { ...inherited, ...env } });
  scene.add(child.pid);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stdout, stderr }));
  return { child, ended, stdout: () => stdout };
}

/** The worker says its own, when it is ready for what the test has in mind. */
async function printedPid(scene: Scene, running: Running): Promise<number> {
  let over = false;
  void running.ended.then(() => {
    over = true;
  });
  await until(() => over || /^\d+\n/.test(running.stdout()), 'the worker runs', PATIENCE_MS);
  assert(!over, 'it has ended');
  const pid = Number.parseInt(running.stdout(), 10);
  scene.add(pid);
  return pid;
}

function lastLine(stdout: string): Record<string, unknown> {
  const lines = stdout.split('\n');
  assert.equal(lines.pop(), '', 'the output ends with an end of line');
  return JSON.parse(lines.pop() ?? '');
}
