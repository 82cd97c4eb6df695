/** The service manager is told over a real socket, with koffi and without it, and a deaf one harms nobody. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { LogFields } from '../../src/postmaster/log.js';
import { Log } from '../../src/postmaster/log.js';
import { findNotifyCommand } from '../../src/postmaster/notifyCommand.js';
import { ServiceNotifier } from '../../src/postmaster/systemd.js';
import { ServiceManager } from './serviceManager.js';

const linuxOnly = { skip: process.platform === 'linux' ? false : 'systemd is there on Linux only' };
const commandOnly = { skip: findNotifyCommand(process.env) === undefined ? 'systemd-notify is not in PATH' : false };
const fixture = (name: string) => fileURLToPath(new URL(`../../../test/fixtures/postmaster/${name}`, import.meta.url));

let root = '';
let path = '';
let manager: ServiceManager;
const logged: { readonly message: string; readonly fields: LogFields }[] = [];
const log = new Log((_level, message, fields) => logged.push({ message, fields }), 'info');

before(() => {
  root = mkdtempSync(join(tmpdir(), 'bgworker-systemd-'));
  path = join(root, 'notify');
  manager = new ServiceManager(path);
});

after(() => {
  manager.close();
  rmSync(root, { recursive: true, force: true });
});

async function open(env: NodeJS.ProcessEnv): Promise<ServiceNotifier> {
  const notifier = await ServiceNotifier.open(env, log);
  assert.ok(notifier, 'somebody wants to be told');
  return notifier;
}

test('the service manager is told of being ready, of its status, of a reload and of the end', linuxOnly, async () => {
  const notifier = await open({ NOTIFY_SOCKET: path });
  notifier.ready('listens in /run/bgworker');
  assert.deepEqual(await manager.read(), { READY: '1', STATUS: 'listens in /run/bgworker' });
  notifier.status('3 workers\nREADY=1');
  assert.deepEqual(await manager.read(), { STATUS: '3 workers READY=1' }, 'a status cannot say anything else');

  const sentAtUs = process.hrtime.bigint() / 1_000n;
  notifier.reloading();
  const { RELOADING, MONOTONIC_USEC } = await manager.read();
  assert.equal(RELOADING, '1');
  assert.ok(BigInt(MONOTONIC_USEC ?? 0) >= sentAtUs, 'not before the signal that asked for it');

  notifier.stopping('ends 3 workers', { withinMs: 6_000.5 });
  const end = { STOPPING: '1', STATUS: 'ends 3 workers', EXTEND_TIMEOUT_USEC: '6000500' };
  assert.deepEqual(await manager.read(), end);
  notifier.close();
  notifier.status('nobody hears this');
  assert.deepEqual(manager.readAll(), []);
  assert.deepEqual(logged.splice(0), []);
});

test('a reload that ends in a shutdown does not take the shutdown back', linuxOnly, async () => {
  const notifier = await open({ NOTIFY_SOCKET: path });
  notifier.reloading();
  notifier.stopping('stopping');
  notifier.ready('nothing was reloaded: the postmaster is shutting down');
  assert.deepEqual(
    manager.readAll().map(({ RELOADING, STOPPING, READY }) => RELOADING ?? STOPPING ?? READY),
    ['1', '1'],
  );
  notifier.close();
});

test('an abstract socket is told too, and by a process that is not the main one who is', linuxOnly, async () => {
  const name = `@bgworker-test-${process.pid}`;
  const abstract = new ServiceManager(name);
  const notifier = await open({ NOTIFY_SOCKET: name, SYSTEMD_EXEC_PID: '1' });
  notifier.ready('listens');
  assert.deepEqual(await abstract.read(), { READY: '1', STATUS: 'listens', MAINPID: String(process.pid) });
  notifier.close();
  abstract.close();
});

test('workers inherit nothing of it, whether or not anybody can be told', linuxOnly, async () => {
  const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '1000000', WATCHDOG_PID: String(process.pid), OTHER: 'stays' };
  (await open(env)).close();
  assert.deepEqual(env, { OTHER: 'stays' });
  assert.equal(await ServiceNotifier.open({}, log), null);
  const unreachable = { NOTIFY_SOCKET: 'vsock:2:1234', PATH: root };
  assert.equal(await ServiceNotifier.open(unreachable, log), null);
  assert.deepEqual(unreachable, { PATH: root });
  const [complaint] = logged.splice(0);
  assert.match(String(complaint?.fields['hint']), /koffi/);
});

test('keep-alives come twice in each interval of the watchdog, and from the event loop', linuxOnly, async () => {
  const intervalMs = 40;
  const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: String(intervalMs * 1_000), WATCHDOG_PID: String(process.pid) };
  const startedAt = performance.now();
  const notifier = await open(env);
  for (let count = 1; count <= 4; count += 1) assert.deepEqual(await manager.read(), { WATCHDOG: '1' });
  assert.ok(performance.now() - startedAt >= 2 * intervalMs - 2, 'four of them, in two intervals');
  manager.readAll();
  // A hung postmaster.
  const hungUntil = performance.now() + 3 * intervalMs;
  while (performance.now() < hungUntil);
  assert.deepEqual(manager.readAll(), []);
  notifier.close();
});

test('a watchdog that waits for another process is not fed, and the log says what to change', linuxOnly, async () => {
  const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' };
  const notifier = await open(env);
  notifier.ready('listens');
  assert.deepEqual(await manager.read(), { READY: '1', STATUS: 'listens' });
  notifier.close();
  assert.deepEqual(
    logged.splice(0).map(({ fields }) => fields['expectedPid']),
    ['1'],
  );
});

test(
  'a manager that does not read holds nobody up, and hears the newest of each kind in order',
  linuxOnly,
  async () => {
    const notifier = await open({ NOTIFY_SOCKET: path });
    const room = Number(readFileSync('/proc/sys/net/unix/max_dgram_qlen', 'utf8')) + 1;
    for (let count = 1; count <= room + 50; count += 1) notifier.status(String(count));
    notifier.reloading();
    notifier.ready('has reloaded');
    notifier.status('last');
    assert.equal(manager.readAll().length, room);
    // The one that was on its way; what waited behind it.
    assert.deepEqual(await manager.read(), { STATUS: String(room + 1) });
    assert.equal((await manager.read())['RELOADING'], '1');
    assert.deepEqual(await manager.read(), { READY: '1', STATUS: 'has reloaded' });
    assert.deepEqual(await manager.read(), { STATUS: 'last' });
    notifier.close();
  },
);

test('a manager that is gone is complained about once', linuxOnly, async () => {
  const notifier = await open({ NOTIFY_SOCKET: join(root, 'nobody') });
  notifier.ready('listens');
  notifier.status('still there');
  notifier.close();
  assert.deepEqual(
    logged.splice(0).map(({ fields }) => fields['reason']),
    ['ENOENT'],
  );
});

test('without koffi the manager is told by systemd-notify, in order', commandOnly, async (t) => {
  const args = ['--import', fixture('withoutKoffi.mjs'), fixture('notifiesService.mjs')];
  const program = promisify(execFile)(process.execPath, args, { env: { ...process.env, NOTIFY_SOCKET: path } });
  t.after(() => program.child.kill('SIGKILL'));
  assert.equal((await readMessage())['READY'], '1');
  assert.equal((await readMessage())['STOPPING'], '1');
  program.child.stdin?.end();
  assert.match((await program).stdout, /"level":"info".*NotifyAccess=all.*koffi was left out/);
});

/** `systemd-notify` sends a BARRIER=1 behind each message, to know when it was read. */
async function readMessage(): Promise<Record<string, string>> {
  const message = await manager.read();
  return message['BARRIER'] === undefined ? message : readMessage();
}
