/**
 * The guardian, with real processes and real kills: what must be gone is gone, and nobody else is harmed.
 *
 * The postmaster is a fixture: a small program that holds a guardian and workers of three kinds and obeys one-line orders.
 * `BGWORKER_TEST_SHELL` names another shell to run all of it with (a link to busybox named ash, bash as sh).
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BgworkerError } from '../../src/base/index.js';
import type { GuardianDeath } from '../../src/postmaster/guardian.js';
import { Guardian } from '../../src/postmaster/guardian.js';
import { isGone, killAll, stateOf, until, untilGone } from './processState.js';

const shell = process.env['BGWORKER_TEST_SHELL'] ?? '/bin/sh';
const graceMs = 200;
/** So long that one is told from two also where a machine is late by half of it. */
const longGraceMs = 1_000;
const linuxOnly = { skip: process.platform === 'linux' ? false : 'needs /proc' };

const program = `
  import { spawn } from 'node:child_process';
  import { writeSync } from 'node:fs';
  import { createInterface } from 'node:readline';
  import { Guardian } from ${JSON.stringify(new URL('../../src/postmaster/guardian.js', import.meta.url).href)};
  const options = JSON.parse(process.argv[1]);
  const say = (what) => process.stdout.write(JSON.stringify(what) + '\\n');
  const guardian = Guardian.start({
    ...options,
    now: () => performance.now(),
    onDeath: (death) => say({ death, guardian: guardian.pid }),
    onFailure: (error) => say({ failure: error.code }),
  });
  const start = (command, cookie = options.epoch) => {
    const child = spawn('/bin/sh', ['-c', command], {
      detached: true, stdio: 'ignore', env: { PATH: process.env.PATH, BGWORKER_EPOCH: cookie },
    });
    child.unref();
    return child.pid;
  };
  const orders = {
    workers() {
      const busy = start('while :; do :; done');
      const stopped = start('exec sleep 60');
      const stray = start('exec sleep 60');
      const stranger = start('exec sleep 60', 'somebody-else');
      process.kill(stopped, 'SIGSTOP');
      guardian.add(busy);
      guardian.add(stopped);
      say({ busy, stopped, stray, stranger });
    },
    // A group that was told in the very instant of death, and one without the cookie, which only the list can find.
    addAndDie() {
      const kept = start('exec sleep 60', 'somebody-else');
      const deleted = start('exec sleep 60', 'somebody-else');
      guardian.add(deleted);
      for (let group = 1_000_000_000; group < 1_000_000_100; group += 1) guardian.add(group);
      guardian.delete(deleted);
      guardian.add(kept);
      writeSync(1, JSON.stringify({ kept, deleted }) + '\\n');
      process.kill(process.pid, 'SIGKILL');
    },
    end() { guardian.end(); guardian.end(); say({ ended: true }); },
    leave() { guardian.end(); process.exit(); },
    closeInput() { input.close(); process.stdin.destroy(); },
  };
  const input = createInterface({ input: process.stdin });
  input.on('line', (order) => orders[order]());
  // A test that was ended itself leaves nothing running: the guardian sees to that.
  process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'));
  say({ guardian: guardian.pid });
`;

let epoch = '';
const started: number[] = [];

beforeEach(() => {
  epoch = randomBytes(8).toString('hex');
});

afterEach(() => {
  killAll(started.splice(0));
});

type Postmaster = Awaited<ReturnType<typeof startPostmaster>>['postmaster'];

type Options = { applicationLifeLine?: number; removeDirectory?: string; graceMs?: number };

async function startPostmaster(options: Options = {}) {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', program, JSON.stringify({ epoch, graceMs, shell, ...options })],
    { stdio: ['pipe', 'pipe', 'inherit', options.applicationLifeLine === undefined ? 'ignore' : 'pipe'] },
  );
  assert(child.pid !== undefined && child.stdout !== null);
  started.push(child.pid);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const hear = async (): Promise<Record<string, number>> => {
    const line = await within(5000, lines.next(), 'a line of the postmaster');
    assert(line.done !== true, 'the postmaster ended its output');
    return JSON.parse(line.value);
  };
  const hearPids = async (): Promise<Record<string, number>> => {
    const pids = await hear();
    started.push(...Object.values(pids));
    return pids;
  };
  const order = (word: string): unknown => child.stdin?.write(`${word}\n`);
  const postmaster = { child, pid: child.pid, order, hear, hearPids };
  const guardian = pidNamed(await hearPids(), 'guardian');
  return { postmaster, guardian };
}

function pidNamed(pids: Record<string, number>, name: string): number {
  const pid = pids[name];
  assert(pid !== undefined, `no pid named ${name}`);
  return pid;
}

async function within<T>(limitMs: number, promise: Promise<T>, what: string): Promise<T> {
  const controller = new AbortController();
  const limit = sleep(limitMs, undefined, { signal: controller.signal }).then(() =>
    assert.fail(`no ${what} in ${limitMs} ms`),
  );
  try {
    return await Promise.race([promise, limit]);
  } finally {
    controller.abort();
    limit.catch(() => {});
  }
}

/** The pid of the process that watches the application's line. */
async function watcherOf(guardian: number): Promise<number> {
  const children = (): string => readFileSync(`/proc/${guardian}/task/${guardian}/children`, 'latin1').trim();
  await until(() => children() !== '', 'there is a watcher');
  return Number(children());
}

function endApplication(postmaster: Postmaster): void {
  const lifeLine = postmaster.child.stdio[3] as Writable;
  lifeLine.destroy();
}

test(
  'a postmaster killed with SIGKILL takes a busy worker, a stopped one and a stray along after the grace',
  linuxOnly,
  async () => {
    const { postmaster, guardian } = await startPostmaster();
    postmaster.order('workers');
    const { busy = 0, stopped = 0, stray = 0, stranger = 0 } = await postmaster.hearPids();

    const killedAt = performance.now();
    postmaster.child.kill('SIGKILL');

    await until(() => [busy, stopped, stray].some(isGone), 'the first is gone');
    assert(performance.now() - killedAt >= graceMs, 'they had their grace');
    await untilGone([busy, stopped, stray, guardian]);
    assert(performance.now() - killedAt < graceMs + 1000);
    assert.equal(stateOf(stranger), 'S');
  },
);

test('what was added last before death is killed, and what was deleted is not', linuxOnly, async () => {
  const { postmaster, guardian } = await startPostmaster();
  postmaster.order('addAndDie');
  const { kept = 0, deleted = 0 } = await postmaster.hearPids();

  await untilGone([kept, guardian]);
  assert.equal(stateOf(deleted), 'S');
});

test('an orderly end kills nobody and removes nothing', linuxOnly, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'bgworker-guardian-'));
  try {
    const { postmaster, guardian } = await startPostmaster({ removeDirectory: directory });
    postmaster.order('workers');
    const pids = await postmaster.hearPids();

    postmaster.order('leave');

    await untilGone([postmaster.pid, guardian]);
    for (const pid of Object.values(pids)) assert(!isGone(pid));
    assert(existsSync(directory));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a killed guardian is replaced, and the replacement knows the groups', linuxOnly, async () => {
  const { postmaster, guardian } = await startPostmaster();
  postmaster.order('workers');
  const { busy = 0, stopped = 0, stray = 0 } = await postmaster.hearPids();

  process.kill(guardian, 'SIGKILL');

  const told = (await postmaster.hear()) as unknown as { death: GuardianDeath; guardian: number };
  started.push(told.guardian);
  assert.deepEqual(told.death, { pid: guardian, how: 'signal SIGKILL' });
  for (const pid of [busy, stopped, stray]) assert(!isGone(pid));
  postmaster.child.kill('SIGKILL');
  await untilGone([busy, stopped, stray, told.guardian]);
});

test(
  'the guardian is deaf to the signals of a terminal and of a shutdown, and carries no cookie',
  linuxOnly,
  async () => {
    const { postmaster, guardian } = await startPostmaster();
    postmaster.order('workers');
    const { busy = 0 } = await postmaster.hearPids();
    await until(
      () => /^SigIgn:\s*0*4007$/m.test(readFileSync(`/proc/${guardian}/status`, 'latin1')),
      'HUP INT QUIT TERM ignored',
    );

    for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const) process.kill(guardian, signal);

    assert(!readFileSync(`/proc/${guardian}/environ`, 'latin1').includes('BGWORKER_EPOCH'));
    postmaster.child.kill('SIGKILL');
    await untilGone([busy, guardian]);
  },
);

test(
  'the death of the application ends a stopped postmaster, its workers and its directory after one grace',
  linuxOnly,
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'bgworker-guardian-'));
    mkdirSync(join(directory, 'args'));
    writeFileSync(join(directory, 'args', 'one'), '');
    const { postmaster, guardian } = await startPostmaster({
      applicationLifeLine: 3,
      removeDirectory: directory,
      graceMs: longGraceMs,
    });
    postmaster.order('workers');
    const { busy = 0, stopped = 0, stray = 0 } = await postmaster.hearPids();
    postmaster.child.kill('SIGSTOP');

    const diedAt = performance.now();
    endApplication(postmaster);

    await untilGone([postmaster.pid]);
    assert(performance.now() - diedAt >= longGraceMs, 'it had its grace');
    await untilGone([busy, stopped, stray]);
    assert(performance.now() - diedAt < 2 * longGraceMs, 'they had no second one');
    await untilGone([guardian]);
    assert(!existsSync(directory));
  },
);

test(
  'a postmaster that dies between the death of the application and its grace gives nobody a second grace',
  linuxOnly,
  async () => {
    const { postmaster, guardian } = await startPostmaster({ applicationLifeLine: 3, graceMs: longGraceMs });
    postmaster.order('workers');
    const { busy = 0 } = await postmaster.hearPids();

    const diedAt = performance.now();
    endApplication(postmaster);
    await sleep(longGraceMs / 2);
    postmaster.child.kill('SIGKILL');

    await untilGone([busy, guardian]);
    const tookMs = performance.now() - diedAt;
    assert(tookMs >= longGraceMs && tookMs < 1.5 * longGraceMs, `${tookMs} ms`);
  },
);

test(
  'a postmaster that leaves in order after the death of the application takes its watcher along',
  linuxOnly,
  async () => {
    const { postmaster, guardian } = await startPostmaster({ applicationLifeLine: 3 });
    postmaster.order('workers');
    const pids = await postmaster.hearPids();
    const children = (): string => readFileSync(`/proc/${guardian}/task/${guardian}/children`, 'latin1').trim();
    await until(() => children() !== '', 'there is a watcher');
    const watcher = Number(children());

    endApplication(postmaster);
    postmaster.order('leave');

    await untilGone([postmaster.pid, guardian, watcher]);
    for (const pid of Object.values(pids)) assert(!isGone(pid));
  },
);

test('a watcher whose main shell was killed goes with it', linuxOnly, async () => {
  const { postmaster, guardian } = await startPostmaster({ applicationLifeLine: 3 });
  const watcher = await watcherOf(guardian);

  process.kill(guardian, 'SIGKILL');

  const replaced = await postmaster.hear();
  started.push(pidNamed(replaced, 'guardian'));
  await untilGone([watcher]);
  postmaster.child.kill('SIGSTOP');
  endApplication(postmaster);
  await untilGone([postmaster.pid, pidNamed(replaced, 'guardian')]);
});

test('a guardian does not keep its postmaster alive', async () => {
  const { postmaster, guardian } = await startPostmaster();
  postmaster.order('closeInput');

  await within(2000, new Promise((done) => postmaster.child.once('exit', done)), 'end of the postmaster');
  await untilGone([guardian]);
});

test('a guardian that does not read is replaced once it is too far behind, and blocks nobody', linuxOnly, async () => {
  const deaths: GuardianDeath[] = [];
  const { guardian, failure } = startHere({ onDeath: (death) => deaths.push(death) });
  const { pid } = guardian;
  assert(pid !== undefined);
  process.kill(pid, 'SIGSTOP');

  for (let group = 1_000_000_000; group < 1_000_020_000; group += 1) guardian.add(group);

  await until(() => deaths.length > 0, 'the stopped one is dead');
  assert.deepEqual(deaths[0], { pid, how: 'signal SIGKILL' });
  guardian.end();
  assert.equal(failure(), undefined);
});

test('guardians that die one after the other are an error, said once, and the rest goes on without', async () => {
  let deaths = 0;
  const { guardian, failure } = startHere({ shell: '/nonexistent/sh', onDeath: () => (deaths += 1) });

  await until(() => failure() !== undefined, 'the failure is told');
  assert.equal(failure()?.code, 'ERR_GUARDIAN_FAILED');
  assert.match(failure()?.detail ?? '', /^5 guardians died within 10000 ms, the last one with: spawn .* ENOENT$/);
  assert.equal(deaths, 4);
  guardian.add(1_000_000_000);
  guardian.delete(1_000_000_000);
  guardian.end();
  assert.equal(guardian.pid, undefined);
});

test('deaths that are further apart than ten seconds are no failure', async () => {
  let time = 0;
  let deaths = 0;
  const { guardian, failure } = startHere({
    shell: '/bin/false',
    now: () => (time += 2_501),
    onDeath: () => {
      deaths += 1;
      if (deaths === 12) guardian.end();
    },
  });

  await until(() => deaths === 12, 'twelve deaths');
  assert.equal(failure(), undefined);
});

test("an application's life line in non-blocking mode is refused", linuxOnly, () => {
  const child = spawn('/bin/sleep', ['60'], { stdio: ['pipe', 'ignore', 'ignore'] });
  started.push(child.pid ?? 0);
  // Our end of a child's stdin is the one kind of descriptor here that is sure to be non-blocking.
  const descriptor = (child.stdin as unknown as { _handle: { fd: number } })._handle.fd;

  assert.throws(
    () => startHere({ applicationLifeLine: descriptor }),
    (error: BgworkerError) => error.code === 'ERR_LIFE_LINE_NON_BLOCKING',
  );
});

function startHere(options: {
  shell?: string;
  applicationLifeLine?: number;
  now?(): number;
  onDeath?(death: GuardianDeath): void;
}) {
  let failure: BgworkerError | undefined;
  const guardian = Guardian.start({
    epoch,
    graceMs,
    shell,
    now: () => performance.now(),
    onDeath: () => {},
    onFailure: (error) => {
      assert.equal(failure, undefined);
      failure = error;
    },
    ...options,
  });
  return { guardian, failure: () => failure };
}
