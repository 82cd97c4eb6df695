/** A postmaster that stays: `bgworker start`, `stop`, `reload`, `status`, and the signals of a service manager. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connect } from '../../src/index.js';
import { isGone, until } from '../postmaster/processState.js';
import { fixturePath } from './support/fixtures.js';
import { PATIENCE_MS, untilAsked } from './support/patience.js';
import { guardianOf, kill } from './support/processes.js';
import { COMMAND, finished, Project } from './support/project.js';
import { sceneOf } from './support/scene.js';

const WORKERS = fixturePath('daemon.mjs');
/** Something hangs. */
const SUITE_MS = 180_000;

describe('a daemon', { concurrency: 2, timeout: SUITE_MS }, () => {
  test('starts once, outlives the command, is asked how it is, and stops', async (t) => {
    const project = new Project(sceneOf(t), { maxWorkerProcesses: 5, workers: [{ module: `${WORKERS}#stays` }] });
    const { pid, directory } = await project.start();
    assert.equal(directory, project.home);

    const again = await project.run('start');
    assert.equal(again.code, 0);
    assert.match(again.stdout, new RegExp(`already running: process ${pid}, in ${directory}`));

    const status = await project.json('status');
    const { version, state, slots, configFile, logFile, settings } = status;
    assert.equal(status['pid'], pid);
    assert.deepEqual(
      { version, state, slots, configFile, logFile },
      {
        version: '0.1.0',
        state: 'running',
        slots: { used: 1, max: 5 },
        configFile: join(project.directory, 'bgworker.config.json'),
        logFile: join(project.home, 'bgworker.log'),
      },
    );
    assert.equal((settings as Record<string, unknown>)['spareWorkers'], 2);
    const shown = await project.run('status');
    assert.match(shown.stdout, /^workers +1 of 5 slots$/m);

    const stopped = await project.json('stop');
    assert.deepEqual(stopped, { pid, epoch: status['epoch'], directory, mode: 'fast' });
    // Gone means gone: the next one can be started there at once.
    const next = await project.start();
    assert.notEqual(next.pid, pid);
    await project.run('stop', '-m', 'immediate');
    const asked = await project.run('status');
    assert.equal(asked.code, 69);
    assert.match(asked.stderr, /ERR_NO_POSTMASTER/);
  });

  test('takes from a configuration that is read again what can be taken, and says so', async (t) => {
    const notes = join(sceneOf(t).directory(), 'notes');
    const worker = (name: string, more: object = {}): object => ({
      name,
      module: `${WORKERS}#notes`,
      arg: notes,
      ...more,
    });
    const workers = [worker('kept'), worker('gone'), worker('changed')];
    const project = new Project(sceneOf(t), { maxWorkerProcesses: 8, spareWorkers: 0, workers });
    const { pid } = await project.start();
    await until(() => linesOf(notes).length === 3, 'all three are up', PATIENCE_MS);

    const relisted = [worker('kept'), worker('changed', { maxRunMs: 600_000 }), worker('new')];
    const config = { maxWorkerProcesses: 9, spareWorkers: 0, postmasterDeathGraceMs: 500, workers: relisted };
    project.write('bgworker.config.json', JSON.stringify(config));
    const report = await project.json('reload');
    assert.deepEqual(report, {
      changed: [{ name: 'maxWorkerProcesses', from: 8, to: 9 }],
      needRestart: [{ name: 'postmasterDeathGraceMs', from: 1_000, to: 500 }],
      workers: [
        { name: 'kept', change: 'unchanged', ended: null },
        { name: 'changed', change: 'replaced', ended: null },
        { name: 'new', change: 'started', ended: null },
        { name: 'gone', change: 'stopped', ended: null },
      ],
    });
    const wanted = ['gone stop', 'changed stop', 'new up', 'kept reload'];
    await until(() => wanted.every((line) => linesOf(notes).includes(line)), wanted.join(), PATIENCE_MS);
    await until(() => linesOf(notes).filter((line) => line === 'changed up').length === 2, 'replaced', PATIENCE_MS);

    // A mistake changes nothing, and is told; by a signal it is told in the log.
    project.write('bgworker.config.json', JSON.stringify({ maxWorkerProcesses: -1 }));
    const wrong = await project.run('reload');
    assert.equal(wrong.code, 64);
    assert.match(wrong.stderr, /bgworker\.config\.json: maxWorkerProcesses is -1\n.*at least 0/s);
    const log = join(project.home, 'bgworker.log');
    process.kill(pid, 'SIGHUP');
    await until(() => readFileSync(log, 'utf8').includes('nothing was reloaded'), 'the log says so', PATIENCE_MS);
    assert.deepEqual((await project.json('status'))['slots'], { used: 3, max: 9 });

    project.write('bgworker.config.json', JSON.stringify({ ...config, maxWorkerProcesses: 10 }));
    process.kill(pid, 'SIGHUP');
    await until(() => readFileSync(log, 'utf8').includes('configuration read again'), 'the log says so', PATIENCE_MS);
    assert.deepEqual((await project.json('status'))['slots'], { used: 3, max: 10 });
    await project.run('stop');
  });

  test('started by several at once is one, and each of them is told so', async (t) => {
    const scene = sceneOf(t);
    const project = new Project(scene, { spareWorkers: 0 });
    const starts = await Promise.all(Array.from({ length: 4 }, () => project.json('start')));
    for (const { pid, epoch, directory } of starts) scene.watch(Number(pid), String(epoch), String(directory));
    assert.equal(new Set(starts.map(({ pid }) => pid)).size, 1);
    assert.deepEqual(starts.map(({ alreadyRunning }) => alreadyRunning).sort(), [false, true, true, true]);
    const logFile = join(String(starts[0]?.['directory']), 'bgworker.log');
    assert.deepEqual(
      starts.map((start) => start['logFile']),
      [logFile, logFile, logFile, logFile],
    );
    await project.run('stop');
  });

  test("in the foreground is the command itself, with its workers' output, until SIGTERM", async (t) => {
    const scene = sceneOf(t);
    const project = new Project(scene, { workers: [{ module: `${WORKERS}#prints` }] });
    const child = project.spawn(['start', '--foreground', '-c', 'maxWorkerProcesses=3', '-c', 'spareWorkers=0']);
    const ended = finished(child);
    assert(child.stdout !== null);
    await once(child.stdout, 'data');
    const client = await scene.client(project.home);
    assert.equal(client.postmasterPid, child.pid);
    assert.equal((await client.postmasterStatus()).slots.max, 3);
    scene.watch(client.postmasterPid, client.epoch, client.directory);
    child.kill('SIGTERM');
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0);
    assert.equal(stdout, 'printed by a worker\n');
    const said = stderr.split('\n').filter((line) => line !== '');
    for (const line of said) assert.equal(JSON.parse(line).name, 'bgworker');
    assert.equal(await client.waitForClose(), 'shutdown');
  });

  test('that can have no guardian goes down by itself, and its exit code says that nobody wanted it', async (t) => {
    const project = new Project(sceneOf(t));
    const child = project.spawn(['start', '--foreground', '--directory', project.home, '-c', 'spareWorkers=0']);
    const ended = finished(child);
    const killing = setInterval(() => {
      const guardian = guardianOf(child.pid ?? 0);
      if (guardian !== undefined) kill(guardian);
    }, 5);
    const { code, stderr } = await ended;
    clearInterval(killing);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /"level":60/);
  });

  test('says in the terminal why it could not be started, and leaves nothing', async (t) => {
    const project = new Project(sceneOf(t), { workers: [{ module: './isNotThere.js' }] });
    const { code, stderr } = await project.run('start');
    assert.equal(code, 64);
    assert.match(stderr, /bgworker\.config\.json: workers\[0\]\.module: .*isNotThere\.js is missing/);
    assert.equal(existsSync(join(project.home, 'postmaster.sock')), false);
    const named = await project.run('start', './server.js');
    assert.equal(named.code, 64);
    assert.match(named.stderr, /bgworker launch \.\/server\.js/);
  });

  test('has a disk that is full: what cannot be written is lost, and it serves', async (t) => {
    const project = new Project(sceneOf(t));
    project.write('bgworker.config.mjs', `console.error('is lost'); export default { workers: [] };`);
    mkdirSync(project.home, { mode: 0o700 });
    symlinkSync('/dev/full', join(project.home, 'bgworker.log'));
    const { pid } = await project.start();
    assert.equal((await project.run('reload')).code, 0);
    assert.equal((await project.json('status'))['pid'], pid);
  });

  test('whose log cannot be written says so', async (t) => {
    const project = new Project(sceneOf(t), {});
    mkdirSync(join(project.home, 'bgworker.log'), { recursive: true, mode: 0o700 });
    const { code, stderr } = await project.run('start');
    assert.equal(code, 70);
    assert.match(stderr, /the log of the postmaster cannot be written .*\n.*EISDIR/);
  });

  test('of one project does not meet that of another, and BGWORKER_DIR leads to the one that is named', async (t) => {
    const scene = sceneOf(t);
    const [one, other] = [3, 4].map((slots) => new Project(scene, { maxWorkerProcesses: slots, spareWorkers: 0 }));
    assert(one !== undefined && other !== undefined);
    const [first, second] = await Promise.all([one.start(), other.start()]);
    assert.notEqual(first.directory, second.directory);
    assert.deepEqual((await one.json('status'))['slots'], { used: 0, max: 3 });
    assert.deepEqual((await other.json('status'))['slots'], { used: 0, max: 4 });
    const named = await finished(one.spawn(['status', '--json'], { BGWORKER_DIR: other.home }));
    assert.equal(JSON.parse(named.stdout).pid, second.pid);
    await one.run('stop');
    assert.equal((await other.run('status')).code, 0);
    await other.run('stop');
  });

  test('that a worker has started outlives that worker and its postmaster', async (t) => {
    const scene = sceneOf(t);
    const project = new Project(scene, { spareWorkers: 0 });
    const host = await scene.postmaster();
    const script = join(project.directory, 'starts.mjs');
    project.write(
      'starts.mjs',
      `import { spawnSync } from 'node:child_process';
      const { status } = spawnSync(process.execPath, ['${COMMAND}', 'start', '--directory', '${project.home}']);
      process.exit(status);`,
    );
    const starter = await host.script(script).register({ env: { BGWORKER_DIR: project.home } });
    await starter.waitForShutdown();
    const client = await scene.client(project.home);
    scene.watch(client.postmasterPid, client.epoch, client.directory);
    process.kill(host.postmasterPid, 'SIGKILL');
    assert.equal(await host.waitForClose(), 'postmasterDied');
    await until(() => isGone(host.postmasterPid), 'it is gone', PATIENCE_MS);
    assert.equal((await client.postmasterStatus()).state, 'running');
    await client.shutdown();
  });

  test('ends by a smart shutdown when the last client has left, who waits for it not counted', async (t) => {
    const scene = sceneOf(t);
    const project = new Project(scene, { spareWorkers: 0 });
    const { pid } = await project.start();
    const client = await connect({ directory: project.home });
    const stopping = project.spawn(['stop', '-m', 'smart']);
    const stopped = once(stopping, 'exit');
    const isWaiting = async (): Promise<boolean> => (await client.postmasterStatus()).state === 'waitingForClients';
    await untilAsked(isWaiting, 'it waits for its clients');
    assert.equal(stopping.exitCode, null);
    await client.close();
    assert.deepEqual(await stopped, [0, null]);
    await until(() => isGone(pid), 'it is gone', PATIENCE_MS);
  });

  test('redeployed fifty times, has one worker of that name, and one process', async (t) => {
    const scene = sceneOf(t);
    const project = new Project(scene, { spareWorkers: 1, maxWorkerProcesses: 4 });
    const { directory } = await project.start();
    const pids = new Set<number | null>();
    for (let deploy = 0; deploy < 50; deploy += 1) {
      // Each deploy is a program of its own that knows nothing of the one before.
      const client = await connect({ directory });
      const handle = await client
        .module(WORKERS)
        .launch('stays', undefined, { name: 'server', ifNameTaken: 'replace', waitForSlot: true });
      pids.add(handle.pid);
      await client.close();
    }
    const client = await scene.client(directory);
    const rows = await client.activity();
    assert.deepEqual(
      rows.map(({ name, status }) => ({ name, status })),
      [{ name: 'server', status: 'started' }],
    );
    assert.equal(pids.size, 50);
    await until(
      () => [...pids].filter((pid) => pid !== null && !isGone(pid)).length === 1,
      'only one is left',
      PATIENCE_MS,
    );
    await client.shutdown();
  });
});

function linesOf(file: string): readonly string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
}
