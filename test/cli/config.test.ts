/** What a configuration file says, in every form it may have; and what is told about one that is wrong. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { BgworkerError } from '../../src/base/index.js';
import { findConfigFile } from '../../src/cli/config/configFile.js';
import { evaluateConfig } from '../../src/cli/config/evaluate.js';
import { loadConfig } from '../../src/cli/config/loadConfig.js';
import { readOverrides } from '../../src/cli/config/overrides.js';
import { readConfig } from '../../src/cli/config/readConfig.js';
import { findDirectory } from '../../src/client/index.js';
import type { BackgroundWorker } from '../../src/core/index.js';
import { changeSettings, readSettings } from '../../src/postmaster/settings.js';

const folder = mkdtempSync(join(tmpdir(), 'bgw-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, 'jobs.js'), 'export function prune() {}\n');
const FILE = join(folder, 'bgworker.config.js');

async function workersOf(...workers: readonly object[]): Promise<readonly BackgroundWorker[]> {
  return (await readConfig({ workers }, FILE))['workers'] as readonly BackgroundWorker[];
}

describe('a worker of a configuration', () => {
  test('has its paths from the folder of the file, and restarts by default', async () => {
    const [worker] = await workersOf({ module: './jobs.js#prune', arg: 1, env: { A: 'b' } });
    assert.ok(worker);
    const { name, module, functionName, cwd, restart, restartBackoff, env, mainArg } = worker;
    assert.deepEqual(
      { name, module, functionName, cwd, restart, restartBackoff, env, kind: mainArg.kind },
      {
        name: 'prune',
        module: pathToFileURL(join(folder, 'jobs.js')).href,
        functionName: 'prune',
        cwd: folder,
        restart: 'onFailure',
        restartBackoff: { factor: 2, maxMs: 60_000, jitter: 0.2 },
        env: { A: 'b' },
        kind: 'bytes',
      },
    );
  });

  test('may be a script with arguments, in a directory of its own', async () => {
    const [worker] = await workersOf({ script: './jobs.js', args: ['--x'], cwd: 'below', restart: 'always' });
    assert.deepEqual([worker?.functionName, worker?.args, worker?.cwd], [null, ['--x'], join(folder, 'below')]);
  });

  test('of several instances is several workers, each of which knows its number', async () => {
    const workers = await workersOf({ name: 'web', module: './jobs.js', instances: 3 });
    assert.deepEqual(
      workers.map(({ name, type, env }) => [name, type, env['BGWORKER_INSTANCE']]),
      [
        ['web-1', 'web', '1'],
        ['web-2', 'web', '2'],
        ['web-3', 'web', '3'],
      ],
    );
  });
});

describe('what is wrong is told with the place in the file, and what to write', () => {
  for (const { what, config, detail, hint } of [
    { what: 'no object', config: 5, detail: 'it is no object', hint: /defineConfig/ },
    { what: 'workers that are no list', config: { workers: {} }, detail: 'workers is no list', hint: /\[/ },
    {
      what: 'a worker that runs nothing',
      config: { workers: [{ name: 'x' }] },
      detail: 'workers[0] says nothing to run',
      hint: /module/,
    },
    {
      what: 'a worker that runs two things',
      config: { workers: [{ module: './jobs.js', script: './jobs.js' }] },
      detail: 'workers[0] has module and script',
      hint: /one of/,
    },
    {
      what: 'a module that is missing',
      config: { workers: [{ module: './jobs.js' }, { module: './job.js#prune' }] },
      detail: `workers[1].module: ${join(folder, 'job.js')} is missing`,
      hint: /relative to the configuration file/,
    },
    {
      what: 'a value out of its range',
      config: { workers: [{ module: './jobs.js', restart: 'sometimes' }] },
      detail: 'workers[0]: restart is "sometimes"',
      hint: /never, onFailure, always/,
    },
    {
      what: 'a field that is misspelt',
      config: { workers: [{ module: './jobs.js', restart_time_ms: 5 }] },
      detail: 'workers[0]: restart_time_ms is no field of a background worker',
      hint: /did you mean restartTimeMs/,
    },
    {
      what: 'a number of instances that is none',
      config: { workers: [{ module: './jobs.js', instances: '2' }] },
      detail: 'workers[0].instances is "2"',
      hint: /whole number/,
    },
    {
      what: 'a field of another process manager',
      config: { workers: [{ script: './jobs.js', max_memory_restart: '1G' }] },
      detail: 'workers[0].max_memory_restart is no field of a worker',
      hint: /maxRssBytes/,
    },
    {
      what: 'a variable that is no text',
      config: { workers: [{ script: './jobs.js', env: { PORT: 8080 } }] },
      detail: 'workers[0]: env is an object with PORT',
      hint: /PORT/,
    },
    {
      what: 'no instances',
      config: { workers: [{ script: './jobs.js', instances: 0 }] },
      detail: 'workers[0].instances is 0',
      hint: /1 to 1000/,
    },
    {
      what: 'two of one name',
      config: { workers: [{ script: './jobs.js' }, { module: './jobs.js' }] },
      detail: 'two workers are named "jobs.js"',
      hint: /a name of its own/,
    },
    { what: 'a directory', config: { directory: '/x' }, detail: 'directory is set', hint: /BGWORKER_DIR/ },
    { what: 'a logger', config: { logger: {} }, detail: 'logger is set', hint: /JSON lines/ },
  ]) {
    test(what, async () => {
      await assert.rejects(readConfig(config, FILE), (error) => {
        assert(error instanceof BgworkerError);
        assert.equal(error.code, 'ERR_INVALID_CONFIG');
        assert.equal(error.detail, `${FILE}: ${detail}`);
        assert.match(error.hint ?? '', hint);
        return true;
      });
    });
  }
});

describe('a configuration file', { concurrency: 2 }, () => {
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const WAITS = write(
    'waits.mjs',
    `console.log('waiting'); await new Promise((done) => setTimeout(done, 60_000)); export default {};`,
  );
  const EVALUATE = JSON.stringify(new URL('../../src/cli/config/evaluate.js', import.meta.url).href);

  for (const [name, text] of [
    ['plain.mjs', 'export default { maxWorkerProcesses: 7 };'],
    ['function.mjs', 'export default async () => ({ maxWorkerProcesses: 7 });'],
    ['common.cjs', 'module.exports = { maxWorkerProcesses: 7 };'],
    ['transpiled.cjs', 'exports.__esModule = true; exports.default = { maxWorkerProcesses: 7 };'],
    ['data.json', '{ "maxWorkerProcesses": 7 }'],
  ] as const) {
    test(`${name} says what it exports`, async () => {
      assert.deepEqual({ ...((await loadConfig(write(name, text))) as object) }, { maxWorkerProcesses: 7 });
    });
  }

  test('is evaluated in a process of its own: over the defaults, and below the command line', async () => {
    const file = write(
      'own.mjs',
      `process.title = 'changed'; globalThis.left = 1; setInterval(() => {}, 1e6);
       export default { maxWorkerProcesses: 7, finalWordsKept: 5, workers: [{ module: './jobs.js#prune', arg: { big: 1n } }] };`,
    );
    const settings = await evaluateConfig(file, { maxWorkerProcesses: 32, spareWorkers: 2 }, { finalWordsKept: 6 });
    const { limits, workers } = settings;
    assert.deepEqual([limits.maxWorkerProcesses, limits.finalWordsKept, limits.spareWorkers], [7, 6, 2]);
    assert.equal(workers[0]?.mainArg.kind, 'bytes');
    assert.equal('left' in globalThis, false);
  });

  test('is not blamed for what the command line says', async () => {
    const wrong = evaluateConfig(write('innocent.mjs', 'export default {};'), {}, { maxWorkerProcesses: -1 });
    await assert.rejects(wrong, { code: 'ERR_INVALID_SETTING', detail: 'maxWorkerProcesses is -1' });
  });

  test('makes sense of what the command line says', async () => {
    const file = write('many.mjs', 'export default { maxWorkerProcesses: 100 };');
    const { limits } = await evaluateConfig(file, { maxWorkerProcesses: 32 }, { classes: { web: { reserved: 40 } } });
    assert.equal(limits.classes['web']?.reserved, 40);
  });

  for (const { what, name, text, detail, hint } of [
    {
      what: 'that throws is shown as Node shows it, with its line',
      name: 'throws.mjs',
      text: 'const a = 1;\nthrow new Error("no database");\n',
      detail: /throws\.mjs \(exit 1\)\n.*throws\.mjs:2\n.*no database/s,
      hint: /above/,
    },
    {
      what: 'that throws is shown with its own frames only',
      name: 'frames.mjs',
      text: 'throw new Error("no database");\n',
      detail: /Error: no database\n {4}at file:\S*frames\.mjs:1:7$/,
      hint: /above/,
    },
    {
      what: 'that imports what is not installed is shown with the fields of the error',
      name: 'imports.mjs',
      text: 'import "no-such-package";\n',
      detail: /\nError \[ERR_MODULE_NOT_FOUND\]: .*no-such-package.*\n\{\n {2}code: 'ERR_MODULE_NOT_FOUND'\n\}$/,
      hint: /above/,
    },
    {
      what: 'that waits for what never comes says so',
      name: 'unsettled.mjs',
      text: 'export default () => new Promise(() => {});',
      detail: /unsettled\.mjs \(exit 13\)$/,
      hint: /never settled/,
    },
    {
      what: 'with a syntax error is shown with its line',
      name: 'syntax.mjs',
      text: 'export default {\n  workers: [ }\n};\n',
      detail: /syntax\.mjs:2\n/,
      hint: /above/,
    },
    {
      what: 'that ends by itself says so',
      name: 'exits.mjs',
      text: 'process.exit(0);',
      detail: /exits\.mjs \(exit 0\)$/,
      hint: /process\.exit/,
    },
    {
      what: 'with a setting that is not valid names it',
      name: 'setting.mjs',
      text: 'export default { max_worker_processes: 5 };',
      detail: /setting\.mjs: there is no setting max_worker_processes$/,
      hint: /did you mean maxWorkerProcesses/,
    },
    {
      what: 'that exports nothing by default says what it exports',
      name: 'named.mjs',
      text: 'export const config = {};',
      detail: /named\.mjs exports config/,
      hint: /export default/,
    },
    {
      what: 'that is no JSON says where',
      name: 'broken.json',
      text: '{ "a": 1, }',
      detail: /broken\.json: .*JSON/,
      hint: /no comma/,
    },
  ]) {
    test(what, async () => {
      await assert.rejects(evaluateConfig(write(name, text), {}, {}), (error) => {
        assert(error instanceof BgworkerError, String(error));
        assert.equal(error.code, 'ERR_INVALID_CONFIG');
        assert.match(error.detail ?? '', detail);
        assert.match(error.hint ?? '', hint);
        return true;
      });
    });
  }

  test('is there when its process is gone, whoever that has left behind with its output', async () => {
    const file = write(
      'leaves.mjs',
      `import { spawn } from 'node:child_process';
       const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'inherit'], detached: true });
       child.unref();
       export default { workers: [{ module: './jobs.js', env: { PID: String(child.pid) } }] };`,
    );
    const { workers } = await evaluateConfig(file, { maxWorkerProcesses: 1 }, {});
    process.kill(Number(workers[0]?.env['PID']), 'SIGKILL');
  });

  test('that waits for something is given up when nobody wants it any more', async () => {
    const controller = new AbortController();
    const waiting = evaluateConfig(WAITS, {}, {}, controller.signal);
    controller.abort();
    await assert.rejects(waiting, { code: 'ERR_INVALID_CONFIG', detail: /aborted/ });
  });

  test('that waits for something ends with whoever has asked for it, however that ends', async () => {
    const asks = `import { evaluateConfig } from ${EVALUATE}; await evaluateConfig(process.argv[1], {}, {});`;
    const asking = spawn(process.execPath, ['--input-type=module', '-e', asks, WAITS], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const [printed] = await once(asking.stderr, 'data');
    asking.kill('SIGKILL');
    // Its standard output is the asking one's standard error: the end of that is the end of both.
    await once(asking.stderr.resume(), 'end');
    assert.match(String(printed), /^waiting/);
  });

  test('cannot be evaluated, and does no harm, where no descriptor is left', () => {
    const tries = `
      import { openSync } from 'node:fs';
      import { evaluateConfig } from ${EVALUATE};
      import { sendByCommand } from ${JSON.stringify(new URL('../../src/postmaster/notifyCommand.js', import.meta.url).href)};
      try { for (;;) openSync('/dev/null'); } catch {}
      const { code, detail } = await evaluateConfig(process.argv[1], {}, {}).catch((error) => error);
      console.log(code, detail, await sendByCommand('/bin/true', '/nowhere', 'READY=1'));`;
    const words = ['-c', 'ulimit -n 256; exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', tries, WAITS];
    const { status, stdout, stderr } = spawnSync('sh', words, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^ERR_INVALID_CONFIG .*EMFILE.*EMFILE/);
  });

  test('in TypeScript runs where Node runs it, and elsewhere says what to do', async () => {
    const file = write('typed.mts', 'const slots: number = 7;\nexport default { maxWorkerProcesses: slots };\n');
    if (process.features['typescript' as never] !== undefined && process.features['typescript' as never] !== false) {
      assert.equal((await evaluateConfig(file, {}, {})).limits.maxWorkerProcesses, 7);
    } else
      await assert.rejects(evaluateConfig(file, {}, {}), { message: /cannot run TypeScript/, hint: /--import tsx/ });
  });
});

describe('the place', () => {
  test('is the nearest folder with a configuration; two files in one are refused', () => {
    const project = join(folder, 'project');
    const below = join(project, 'src/deep');
    mkdirSync(below, { recursive: true });
    writeFileSync(join(project, 'bgworker.config.mjs'), '');
    assert.equal(findConfigFile(undefined, below), join(project, 'bgworker.config.mjs'));
    assert.equal(findDirectory(below, {}), join(project, '.bgworker'));
    writeFileSync(join(project, 'bgworker.config.json'), '{}');
    assert.throws(() => findConfigFile(undefined, below), { message: /two configuration files/ });
    assert.equal(findConfigFile('bgworker.config.json', project), join(project, 'bgworker.config.json'));
    assert.throws(() => findConfigFile('other.js', project), { message: /missing/ });
  });

  test("of a project that lies too deep for a socket is one of its own below the user's", () => {
    const [one, other] = ['a', 'b'].map((name) => join(folder, 'x'.repeat(100), name));
    const homes = [one, other].map((project = '') => {
      mkdirSync(project, { recursive: true });
      writeFileSync(join(project, 'bgworker.config.json'), '{}');
      return findDirectory(project, {});
    });
    for (const home of homes) assert.match(home, /\/bgworker-\d+\/project-[0-9a-f]{12}$/);
    assert.notEqual(homes[0], homes[1]);
  });
});

test('a setting of the command line is JSON, or else text; an unknown one is refused with the likely name, or those there are', () => {
  assert.deepEqual(readOverrides(['maxWorkerProcesses=4', 'output=log', 'spareIdleMs=null']), {
    maxWorkerProcesses: 4,
    output: 'log',
    spareIdleMs: null,
  });
  for (const [text, hint] of [
    ['slots=4', /^there are maxWorkerProcesses/],
    ['maxWorkerProceses=4', /^did you mean maxWorkerProcesses\?$/],
    ['directory=/x', /--directory <path>$/],
    ['output', /^such as maxWorkerProcesses=8/],
    ['=4', /^such as maxWorkerProcesses=8/],
  ] as const) {
    assert.throws(() => readOverrides([text]), { code: 'ERR_USAGE', detail: text, hint });
  }
});

test('who changes how many slots there are leaves the classes that were set; the share of parallel follows', () => {
  const set = readSettings({ maxWorkerProcesses: 32, classes: { web: { max: 3, reserved: 2 } } });
  const { classes } = changeSettings(set, { maxWorkerProcesses: 40 }).limits;
  assert.deepEqual(classes, { parallel: { max: 30, reserved: 0 }, web: { max: 3, reserved: 2 } });
  const own = readSettings({ maxWorkerProcesses: 32, maxParallelWorkers: 5 });
  assert.equal(changeSettings(own, { maxWorkerProcesses: 40 }).limits.classes['parallel']?.max, 5);
});

test('without a runtime directory that we may look at, a user has one among the temporary ones', () => {
  for (const XDG_RUNTIME_DIR of [`/${'x'.repeat(300)}`, '/dev/null/x', 'relative']) {
    assert.match(findDirectory('/', { XDG_RUNTIME_DIR }), /\/bgworker-\d+$/);
  }
});
