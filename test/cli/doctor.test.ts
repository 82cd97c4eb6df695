/** What `bgworker doctor` finds: on made-up machines, beside real postmasters, and as a command. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkSharedMemory } from '../../src/cli/doctor/container.js';
import { checkCopies } from '../../src/cli/doctor/copies.js';
import { CHECKS, examine } from '../../src/cli/doctor/examine.js';
import type { Check, Finding } from '../../src/cli/doctor/finding.js';
import { checkVersion } from '../../src/cli/doctor/postmaster.js';
import { report } from '../../src/cli/doctor/report.js';
import { checkNode, checkNodeOptions, checkPlatform } from '../../src/cli/doctor/runtime.js';
import type { Scene, SceneOptions } from '../../src/cli/doctor/scene.js';
import { gatherScene } from '../../src/cli/doctor/scene.js';
import { startPostmaster } from '../../src/index.js';
import { deadRecord } from '../postmaster/deadPostmaster.js';
import { untilAsked } from '../process/support/patience.js';

const command = fileURLToPath(new URL('../../src/postmaster/command.cjs', import.meta.url));
const idle = fileURLToPath(new URL('../../../test/fixtures/process/workers.mjs', import.meta.url));
const linuxOnly = { skip: process.platform === 'linux' ? false : 'needs /proc' };
const container = ['--pid', '--fork', '--mount-proc'];
const containers = {
  skip: spawnSync('unshare', [...container, 'true']).status === 0 ? false : 'unshare(1) may not make a pid namespace',
};
const MiB = 1024 ** 2;

let root = '';
let count = 0;

before(() => {
  root = mkdtempSync(join(tmpdir(), 'bgworker-doctor-test-'));
});

after(() => {
  rmSync(root, { recursive: true, force: true });
});

function folder(files: Readonly<Record<string, string>> = {}): string {
  count += 1;
  const path = join(root, String(count));
  mkdirSync(path, { mode: 0o700 });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

/** The verdict and the words of the checks that are asked for, by name. */
async function look(options: SceneOptions): Promise<Record<string, string>> {
  const findings = await examine(await gatherScene(options));
  return Object.fromEntries(
    findings.map(({ check, verdict, found, advice }) => [check, `${verdict}: ${found} → ${advice ?? ''}`]),
  );
}

test('a small container is warned of, with the numbers that would do', linuxOnly, async () => {
  const machine = folder({
    '/proc/self/cgroup': '0::/\n',
    '/proc/self/mountinfo': '30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
    '/proc/self/limits':
      'Limit                     Soft Limit           Hard Limit           Units\nMax open files            128                  128                  files\n',
    '/proc/1/comm': 'node\n',
    '/proc/7/stat': '7 (sh) Z 1 7 7',
    '/sys/fs/cgroup/cpu.max': '10000 100000\n',
    '/sys/fs/cgroup/memory.max': `${256 * MiB}\n`,
    '/sys/fs/cgroup/pids.max': '50\n',
  });
  const config = join(folder({ 'bgworker.config.json': '{ "maxWorkerProcesses": 16 }' }), 'bgworker.config.json');
  const { processors, memory, sharedMemory, openFiles, processes, firstProcess, ...others } = await look({
    directory: folder(),
    root: machine,
    config,
  });
  assert.match(processors ?? '', /^warning: 0.1 by .*cpu.max.*500 ms to boot/);
  assert.match(memory ?? '', /^warning: 256 MiB .* 16 slots.* maxWorkerProcesses to 4, .* 1024 MiB/);
  assert.match(sharedMemory ?? '', /^warning: there is no \/dev\/shm, .* → .*--shm-size/);
  assert.match(openFiles ?? '', /^warning: 128 open files, and 16 slots may need 180/);
  assert.match(processes ?? '', /^warning: 50 threads by .*pids.max, and 16 slots may need 206/);
  assert.match(firstProcess ?? '', /^warning: node is process 1.*zombies by now: 1.*bgworker-init/);
  assert.match(others['config'] ?? '', /^ok: .*bgworker.config.json, 0 workers/);
});

test('shared memory: what cannot be written is told before its size, and what is free beside it', () => {
  const told = (root: string): string => JSON.stringify(checkSharedMemory({ root, platform: 'linux' } as Scene));
  const machine = folder({ '/dev/shm/x': '' });
  assert.match(told(machine), /MiB, of which \d+ MiB are free/);
  assert.match(told(folder({ '/dev/shm': '' })), /cannot be written/);
});

test('a Node that is too old, at its end or unknown is told from one that is tested', () => {
  const now = new Date('2026-06-01');
  const verdicts = ['v18.20.0', 'v20.18.3', 'v20.19.0', 'v22.13.0', 'v23.1.0'].map(
    (nodeVersion) => checkNode({ nodeVersion, now } as Scene).verdict,
  );
  assert.deepEqual(verdicts, ['problem', 'problem', 'warning', 'ok', 'warning']);
  const platforms = ['linux', 'darwin', 'win32'].map((platform) => checkPlatform({ platform } as Scene).verdict);
  assert.deepEqual(platforms, ['ok', 'warning', 'problem']);
});

test('options of Node that would break children are named', () => {
  const rows = [
    ['', 'ok'],
    ['--max-old-space-size=512 --import /srv/trace.mjs', 'ok'],
    ['--enable-source-maps --import ./trace.mjs', 'warning'],
    ['-r ../trace.cjs', 'warning'],
    ['--permission --allow-fs-read=*', 'problem'],
    ['--permission --allow-child-process', 'ok'],
  ] as const;
  for (const [options, verdict] of rows) {
    assert.equal(checkNodeOptions({ env: { NODE_OPTIONS: options } } as unknown as Scene).verdict, verdict, options);
  }
});

test('other copies of the package are found in node_modules, here and above, and inside of packages', () => {
  const project = folder({
    'node_modules/bgworker/package.json': '{ "version": "0.0.1" }',
    'node_modules/@scope/tool/node_modules/bgworker/package.json': '{ "version": "0.0.2" }',
    'packages/app/package.json': '{}',
  });
  const { verdict, found } = checkCopies({ cwd: join(project, 'packages/app') } as Scene);
  assert.equal(verdict, 'warning');
  assert.match(found, /0\.0\.1 in .*0\.0\.2 in /);
  assert.equal(checkCopies({ cwd: folder() } as Scene).verdict, 'ok');
});

test('a directory that others can open, or that cannot be made, is a problem, and so is a wrong configuration', async () => {
  const directory = folder();
  chmodSync(directory, 0o755);
  const config = join(
    folder({ 'bgworker.config.js': 'export default { maxWorkerProceses: 1 }' }),
    'bgworker.config.js',
  );
  const seen = await look({ directory, config });
  assert.match(seen['directory'] ?? '', /^problem: .*named by --directory: .*open to other users.* → run: chmod 700/);
  assert.match(seen['config'] ?? '', /^problem: .*bgworker\.config\.js.*maxWorkerProceses/);
  const file = join(folder({ file: '' }), 'file');
  const below = await CHECKS.directory({ place: { directory: join(file, 'below'), because: 'a test' } } as Scene);
  assert.equal(below.verdict, 'problem');
  const long = await CHECKS.directory({ place: { directory: `/tmp/${'x'.repeat(100)}`, because: 'a test' } } as Scene);
  assert.match(long.found, /too long for a socket/);
});

test('a postmaster is asked how it is: its version, its slots, its spares', async (t) => {
  const directory = folder();
  const broken = join(folder({ 'broken.mjs': 'process.exit(3);' }), 'broken.mjs');
  const client = await startPostmaster({
    directory,
    maxWorkerProcesses: 1,
    spareWorkers: 1,
    preload: [broken],
    logLevel: 'silent',
    output: 'ignore',
  });
  t.after(() => client.close());
  const handle = await client.module(idle).launch('idle');
  await untilAsked(async () => (await client.spares()).retryAt !== null, 'a spare has died');
  const scene = await gatherScene({ directory });
  const verdictOf = async (check: Check): Promise<string> => {
    const { verdict, found } = (await check(scene)) as Finding;
    return `${verdict}: ${found}`;
  };
  assert.match(await verdictOf(CHECKS.postmaster), new RegExp(`^ok: pid ${client.postmasterPid}, running`));
  assert.match(await verdictOf(CHECKS.version), /^ok: .*, as this command$/);
  assert.match(await verdictOf(CHECKS.slots), /^warning: 1 of 1 in use/);
  assert.match(await verdictOf(CHECKS.spares), /^warning: \d+ died by themselves/);
  assert.equal((await CHECKS.leftovers(scene)).found, 'none');

  const { postmaster } = scene;
  assert(postmaster.state === 'answers');
  const updated = folder({ 'package.json': '{ "version": "9.0.0" }' });
  const versions = [
    { path: updated, version: '0.1.0' },
    { path: updated, version: '9.0.0' },
    { path: '/gone', version: '0.1.0' },
  ].map((copy) => {
    const status = { ...postmaster.status, ...copy };
    return checkVersion({ ...scene, postmaster: { ...postmaster, status } })?.verdict;
  });
  assert.deepEqual(versions, ['warning', 'warning', 'problem']);

  process.kill(client.postmasterPid, 'SIGSTOP');
  try {
    const seen = await look({ directory, patienceMs: 100 });
    assert.match(seen['postmaster'] ?? '', /^problem: .*has not answered within 100 ms/);
    assert.equal(seen['slots'], undefined);
  } finally {
    process.kill(client.postmasterPid, 'SIGCONT');
  }
  await handle.terminate();
});

test('processes that a dead postmaster left are named', linuxOnly, async (t) => {
  const epoch = `doctor${process.pid}`;
  const directory = folder({ 'postmaster.pid': deadRecord(epoch) });
  const stray = spawn('/bin/sh', ['-c', 'echo; read line'], {
    env: { BGWORKER_EPOCH: epoch },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  t.after(() => stray.kill('SIGKILL'));
  // Its environment is ours until it has become the shell.
  await once(stray.stdout, 'data');
  const scene = await gatherScene({ directory });
  const { verdict, found } = await CHECKS.leftovers(scene);
  assert.equal(verdict, 'warning');
  assert.match(found, new RegExp(`: ${stray.pid}, of ${directory}$`));
  assert.equal(CHECKS.postmaster(scene).verdict, 'ok');
});

test('the command says all of it as JSON, and ends with 1 if something does not work', () => {
  const directory = folder();
  const env = { ...process.env, BGWORKER_DIR: directory };
  const doctor = (...args: string[]) =>
    spawnSync(process.execPath, [command, 'doctor', ...args], { encoding: 'utf8', env, cwd: root });
  const fine = doctor('--json');
  assert.equal(fine.status, 0, fine.stdout + fine.stderr);
  const told = JSON.parse(fine.stdout);
  assert.deepEqual([told.ok, told.directory], [true, directory]);
  const names: string[] = told.checks.map(({ check }: { check: string }) => check);
  const absent = Object.keys(CHECKS).filter((name) => !names.includes(name));
  assert.deepEqual(absent, ['version', 'slots', 'spares'], 'of a postmaster that is not there');

  chmodSync(directory, 0o777);
  const open = doctor();
  assert.equal(open.status, 1);
  assert.match(open.stdout, /^problem {2}directory .*\n +→ run: chmod 700 /m);
  assert.match(open.stdout, /\n\n1 problem(, \d warnings?)?\n$/);
});

test('the report is aligned, wraps at the edge of the terminal, and shows no control characters', () => {
  const text = report(
    [
      { check: 'node', verdict: 'ok', found: 'v24', advice: null },
      {
        check: 'directory',
        verdict: 'problem',
        found: 'it is open to all \u001b[2J of them',
        advice: 'run: chmod 700',
      },
    ],
    { columns: 40, hasColors: false },
  );
  assert.equal(
    text,
    `ok       node       v24
problem  directory  it is open to all
                    ?[2J of them
                    → run: chmod 700

1 problem`,
  );
});

test('as process 1, Node is named as one that does not wait for orphans', containers, () => {
  const { stdout } = spawnSync('unshare', [...container, process.execPath, command, 'doctor', '--json'], {
    encoding: 'utf8',
  });
  const finding = JSON.parse(stdout).checks.find(({ check }: { check: string }) => check === 'firstProcess');
  assert.match(finding.found, /^node is process 1/);
});
