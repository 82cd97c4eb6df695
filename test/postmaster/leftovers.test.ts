/** What a dead postmaster left: strays are found, ended and waited for; its files are removed, and nobody else's. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { BgworkerError } from '../../src/base/index.js';
import {
  claimDirectory,
  makePrivateDirectory,
  owedEpochs,
  prepareDirectory,
  releaseDirectory,
} from '../../src/postmaster/directory.js';
import {
  clearClaimedDirectory,
  cookieOf,
  endStrays,
  findStrays,
  sweepPrivateDirectories,
} from '../../src/postmaster/leftovers.js';
import { deadRecord } from './deadPostmaster.js';
import { isGone, killAll, until } from './processState.js';

const linuxOnly = { skip: process.platform === 'linux' ? false : 'needs /proc' };
const started: number[] = [];
let root = '';
let count = 0;

before(() => {
  root = mkdtempSync(join(tmpdir(), 'bgworker-leftovers-'));
});

after(() => {
  rmSync(root, { recursive: true, force: true });
});

afterEach(() => {
  killAll(started.splice(0));
});

async function startStray(cookie: string, command = 'exec sleep 60'): Promise<number> {
  const child = spawn('/bin/sh', ['-c', `echo; ${command}`], {
    env: { PATH: process.env['PATH'], BEFORE: 'x', BGWORKER_EPOCH: cookie, BEHIND: 'x' },
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  assert(child.pid !== undefined);
  started.push(child.pid);
  // Its environment is that of our own process until it has become the shell.
  await once(child.stdout, 'data');
  // And while it becomes another program it has none.
  const isSettled = (): boolean => {
    const [environ, program] = ['environ', 'cmdline'].map((file) =>
      readFileSync(`/proc/${child.pid}/${file}`, 'latin1'),
    );
    return environ !== '' && command.includes('exec ') !== program?.startsWith('/bin/sh');
  };
  await until(isSettled, 'it is the program it is to be');
  return child.pid;
}

function someEpoch(): string {
  return randomBytes(8).toString('hex');
}

function deadDirectory(directory: string, epoch: string): string {
  prepareDirectory(directory);
  writeFileSync(join(directory, 'postmaster.pid'), deadRecord(epoch));
  return directory;
}

function freshPath(): string {
  count += 1;
  return join(root, `d${count}`);
}

test('a cookie is an entry of the environment, and only of a sound epoch', () => {
  assert.equal(cookieOf('abcdef0123456789'), 'BGWORKER_EPOCH=abcdef0123456789');
  for (const epoch of ['', 'short', 'with space', 'a/b/c/d/e', 'x'.repeat(65)]) assert.throws(() => cookieOf(epoch));
});

test('strays are those with exactly this cookie, stopped ones too, zombies not', linuxOnly, async () => {
  const epoch = someEpoch();
  const [stray, stopped] = await Promise.all([
    startStray(epoch),
    startStray(epoch),
    startStray(`${epoch}x`),
    startStray(`x${epoch}`),
  ]);
  process.kill(stopped, 'SIGSTOP');
  // A parent that never waits for its child: the child's end is a zombie.
  const parent = await startStray(epoch, 'sleep 0 & exec sleep 60');
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'latin1').trim();
  while (children !== '' && !isGone(Number(children))) await new Promise((done) => setImmediate(done));

  assert.deepEqual(findStrays(epoch).sort(), [stray, stopped, parent].sort());
});

test('ended strays are gone when that is said, and those of others live', linuxOnly, async () => {
  const epoch = someEpoch();
  const strays = await Promise.all([startStray(epoch), startStray(epoch, 'while :; do :; done')]);
  process.kill(strays[0], 'SIGSTOP');
  const stranger = await startStray(someEpoch());

  assert.deepEqual(await endStrays(epoch), []);

  for (const pid of strays) assert(isGone(pid));
  assert(!isGone(stranger));
});

test('within the grace strays may end by themselves', linuxOnly, async () => {
  const epoch = someEpoch();
  const path = freshPath();
  await startStray(epoch, `sleep 0.1; : >${path}`);

  assert.deepEqual(await endStrays(epoch, { graceMs: 5000 }), []);

  assert(existsSync(path));
});

test(
  'strays that remain make a start fail with their pids, and the next start finds them again',
  linuxOnly,
  async () => {
    const epoch = someEpoch();
    const stray = await startStray(epoch);
    const directory = deadDirectory(freshPath(), epoch);
    mkdirSync(join(directory, 'args'));
    writeFileSync(join(directory, 'args', 'one'), 'x');

    const claim = await claimDirectory(directory, { pid: process.pid, epoch: someEpoch() });
    await assert.rejects(clearClaimedDirectory(claim, { limitMs: 20, kill: () => {} }), (error) => {
      assert(error instanceof BgworkerError);
      assert.equal(error.code, 'ERR_STRAYS_REMAIN');
      assert.match(error.detail ?? '', new RegExp(`epoch ${epoch}, pid ${stray}$`));
      return true;
    });
    releaseDirectory(claim);
    assert.deepEqual(readdirSync(join(directory, 'args')), ['one']);
    assert.deepEqual(owedEpochs(directory), [epoch]);

    const next = await claimDirectory(directory, { pid: process.pid, epoch: someEpoch() });
    await clearClaimedDirectory(next);
    assert(isGone(stray));
    releaseDirectory(next);
  },
);

test('what a dead postmaster left in args and reports is removed, other files stay', async () => {
  const directory = deadDirectory(freshPath(), someEpoch());
  for (const folder of ['args', 'reports', 'logs']) {
    mkdirSync(join(directory, folder));
    writeFileSync(join(directory, folder, 'one'), 'x');
  }

  const claim = await claimDirectory(directory, { pid: process.pid, epoch: someEpoch() });
  await clearClaimedDirectory(claim);
  releaseDirectory(claim);

  assert.deepEqual(readdirSync(directory).sort(), ['args', 'logs', 'reports']);
  assert.deepEqual(readdirSync(join(directory, 'args')), []);
  assert.deepEqual(readdirSync(join(directory, 'reports')), []);
  assert.deepEqual(readdirSync(join(directory, 'logs')), ['one']);
});

test(
  'a sweep removes the private directories of the dead with their strays, and spares the living, the young and the stuck',
  linuxOnly,
  async () => {
    const base = freshPath();
    assert.deepEqual(await sweepPrivateDirectories(base), []);
    const [living, young, old, dead] = Array.from({ length: 4 }, () => makePrivateDirectory(base)) as [
      string,
      string,
      string,
      string,
    ];
    const claim = await claimDirectory(living, { pid: process.pid, epoch: someEpoch() });
    const longAgo = new Date(Date.now() - 2 * 3_600_000);
    utimesSync(old, longAgo, longAgo);
    utimesSync(living, longAgo, longAgo);
    const epoch = someEpoch();
    deadDirectory(dead, epoch);
    const stray = await startStray(epoch);

    assert.deepEqual(await sweepPrivateDirectories(base, { limitMs: 20, kill: () => {} }), [old]);
    assert.deepEqual(await sweepPrivateDirectories(base), [dead]);

    assert(isGone(stray));
    assert.deepEqual(readdirSync(join(base, 'embedded')).sort(), [living, young].map((path) => path.slice(-12)).sort());
    releaseDirectory(claim);
  },
);

test('two sweeps at once do not hinder each other', async () => {
  const base = freshPath();
  const dead = Array.from({ length: 5 }, () => deadDirectory(makePrivateDirectory(base), someEpoch()));

  const removed = await Promise.all([sweepPrivateDirectories(base), sweepPrivateDirectories(base)]);

  assert.deepEqual([...new Set(removed.flat())].sort(), dead.sort());
  assert.deepEqual(readdirSync(join(base, 'embedded')), []);
});
