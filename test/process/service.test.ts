/** A daemon as a service, and as the command of a container: the manager is told, and signals take the way through init. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '../../src/index.js';
import { ServiceManager } from '../postmaster/serviceManager.js';
import { fixturePath, root } from './support/fixtures.js';
import { COMMAND, Project } from './support/project.js';
import { sceneOf } from './support/scene.js';

const INIT = `${root}dist/src/cli/init.sh`;
const linuxOnly = { skip: process.platform === 'linux' ? false : 'systemd is there on Linux only' };

test(
  'a service tells its manager of start, life, reload and end, and its workers know nothing of it',
  linuxOnly,
  async (t) => {
    const scene = sceneOf(t);
    const project = new Project(scene, { workers: [{ module: `${fixturePath('daemon.mjs')}#stays` }] });
    const socket = join(project.directory, 'notify');
    const manager = new ServiceManager(socket);
    t.after(() => manager.close());
    const { BGWORKER_DIR: _, ...env } = process.env;
    const init = spawn('/bin/sh', [INIT, process.execPath, COMMAND, 'start', '--foreground'], {
      cwd: project.directory,
      stdio: 'ignore',
      // As if systemd had started somebody else, who has started the daemon.
      env: { ...env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: '40000', SYSTEMD_EXEC_PID: '1' },
    });
    scene.add(init.pid);
    let keepAlives = 0;
    const read = async (): Promise<Record<string, string>> => {
      const message = await manager.read();
      if (message['WATCHDOG'] === undefined) return message;
      keepAlives += 1;
      return read();
    };

    const { READY, MAINPID, STATUS } = await read();
    assert.equal(READY, '1');
    assert.match(STATUS ?? '', new RegExp(project.home));
    const client = await connect({ directory: project.home });
    scene.watch(client.postmasterPid, client.epoch, project.home);
    assert.equal(MAINPID, String(client.postmasterPid));
    const [worker] = await client.activity();
    const handle = await client.handle(String(worker?.handle));
    await handle.waitForStartup();
    const inherited = readFileSync(`/proc/${handle.pid}/environ`, 'utf8');
    assert.match(inherited, /SYSTEMD_EXEC_PID/);
    assert.doesNotMatch(inherited, /NOTIFY_SOCKET|WATCHDOG_/);
    await client.close();

    init.kill('SIGHUP');
    assert.equal((await read())['RELOADING'], '1');
    assert.equal((await read())['READY'], '1');
    while (keepAlives < 3) keepAlives += (await manager.read())['WATCHDOG'] === '1' ? 1 : 0;
    init.kill('SIGTERM');
    const exit = once(init, 'exit');
    const stopping = await read();
    assert.equal(stopping['STOPPING'], '1');
    // As long as its worker has to stop, and a little more.
    assert(Number(stopping['EXTEND_TIMEOUT_USEC']) >= 5_000_000, stopping['EXTEND_TIMEOUT_USEC']);
    assert.deepEqual(await exit, [0, null]);
  },
);
