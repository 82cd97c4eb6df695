/**
 * The files of shared memory: the claim that they are somebody's, and what is removed of the dead. In a folder of the
 * test's own where that can be; what the claim itself does, in /dev/shm.
 */
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
  rmdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { accepts } from '../../src/postmaster/directory.js';
import { Log } from '../../src/postmaster/log.js';
import { SegmentFiles } from '../../src/postmaster/segmentFiles.js';
import { removeDeadSegments } from '../../src/postmaster/segmentLeftovers.js';
import { until } from './processState.js';

const linuxOnly = { skip: process.platform === 'linux' ? false : 'needs /dev/shm' };
const shell = process.env['BGWORKER_TEST_SHELL'] ?? '/bin/sh';
const silent = new Log(() => {}, 'silent');
const servers: Server[] = [];
let folder = '';
let epoch = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bgworker-shm-'));
  epoch = `test${randomBytes(6).toString('hex')}`;
});

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(folder, { recursive: true, force: true });
});

function make(...names: readonly string[]): void {
  for (const name of names) writeFileSync(join(folder, name), '');
}

/** Somebody listens there. */
async function listenAt(name: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  servers.push(server);
  await new Promise<void>((done) => server.listen(resolve(folder, name), done));
  return server;
}

const names = (): string[] => readdirSync(folder).sort();

test('segments whose owner does not accept are removed, and those of the living stay', async () => {
  await listenAt('bgworker.livesliveslives.alive');
  make('bgworker.livesliveslives.1', 'bgworker.deaddeaddead.1', 'bgworker.deaddeaddead.22', 'bgworker.neverclaimed.7');
  // Nobody accepts there any more, but the name is left.
  make('bgworker.deaddeaddead.alive');
  const removed = await removeDeadSegments(folder);
  assert.equal(removed.length, 4);
  assert.deepEqual(names(), ['bgworker.livesliveslives.1', 'bgworker.livesliveslives.alive']);
});

test('what does not have such a name is not ours', async () => {
  const foreign = [
    'bgworker.1',
    'bgworker.short.1',
    'bgworker.deaddeaddead.x',
    'other.deaddeaddead.1',
    'sem.bgworker.deaddead.1',
  ];
  make(...foreign);
  mkdirSync(join(folder, 'bgworker.deaddeaddead.1'));
  assert.deepEqual(await removeDeadSegments(folder), []);
  assert.deepEqual(names(), [...foreign, 'bgworker.deaddeaddead.1'].sort());
});

test('one that is beginning is left alone, and one that began an hour ago never will', async () => {
  make('bgworker.beginsbegins.starting', 'bgworker.neverneverne.starting');
  const anHourAgo = Date.now() / 1_000 - 3_700;
  utimesSync(join(folder, 'bgworker.neverneverne.starting'), anHourAgo, anHourAgo);
  await removeDeadSegments(folder);
  assert.deepEqual(names(), ['bgworker.beginsbegins.starting']);
});

test('where there is no such folder, nothing is removed', async () => {
  assert.deepEqual(await removeDeadSegments(join(folder, 'none')), []);
});

test('a claim is there before it is told, accepts under its name, and goes with all files', linuxOnly, async () => {
  const files = new SegmentFiles({ epoch, directory: folder, log: silent });
  const alive = `/dev/shm/bgworker.${epoch}.alive`;
  await Promise.all([files.claim(), files.claim()]);
  try {
    assert.equal(await accepts(alive), 'live');
    assert.equal(statSync(alive).mode & 0o777, 0o600);
    assert.equal(statSync(files.doorbells).mode & 0o777, 0o700);
    assert.equal(existsSync(`/dev/shm/bgworker.${epoch}.starting`), false);
    writeFileSync(files.fileOf(3), '');
    writeFileSync(files.fileOf(4), '');
    writeFileSync(join(files.doorbells, '12'), '');
    await removeDeadSegments();
    assert.equal(existsSync(files.fileOf(3)), true);
    files.removeSegment(3);
    files.removeSegment(5);
    await until(() => !existsSync(files.fileOf(3)), 'the file is removed');
    files.removeDoorbell(12);
    files.removeDoorbell(13);
    assert.deepEqual(readdirSync(files.doorbells), []);
    rmdirSync(files.doorbells);
    await files.claim();
    assert.equal(existsSync(files.doorbells), true, 'it is made anew when it was tidied away');
  } finally {
    files.removeAll();
  }
  assert.deepEqual(
    readdirSync('/dev/shm').filter((name) => name.includes(epoch)),
    [],
  );
});

test('an end that overtakes the claim leaves nothing', linuxOnly, async () => {
  const files = new SegmentFiles({ epoch, directory: folder, log: silent });
  const claiming = files.claim();
  files.removeAll();
  await claiming;
  const left = (): string[] => readdirSync('/dev/shm').filter((name) => name.includes(epoch));
  await until(() => left().length === 0, 'nothing is left');
});

test('where nothing can be made, joining is refused with what to do, and can be asked again', linuxOnly, async () => {
  const directory = join(folder, 'file');
  writeFileSync(directory, '');
  const files = new SegmentFiles({ epoch, directory, log: silent });
  await assert.rejects(files.claim(), { code: 'ERR_NO_SHARED_MEMORY' });
  rmSync(directory);
  mkdirSync(directory);
  await files.claim();
  files.removeAll();
});

test(
  'a guardian whose postmaster died removes the memory of its epoch by name, and nobody else’s',
  linuxOnly,
  async () => {
    const pathsOf = (of: string): string[] =>
      ['1', '23', 'starting', 'alive'].map((what) => `/dev/shm/bgworker.${of}.${what}`);
    const [own, others] = [pathsOf(epoch), pathsOf(`${epoch}x`)];
    try {
      // Without a living owner any postmaster that starts at this moment would clear it away.
      await listenAt(others.at(-1) ?? '');
      await listenAt(own.at(-1) ?? '');
      for (const path of [...own, ...others]) if (!existsSync(path)) writeFileSync(path, '');
      await guard('end\n');
      assert.deepEqual([...own, ...others].filter(existsSync), [...own, ...others], 'an orderly end removes nothing');
      await guard('');
      assert.deepEqual([...own, ...others].filter(existsSync), others);
    } finally {
      for (const path of [...own, ...others]) rmSync(path, { force: true });
    }
  },
);

/** The whole life of a guardian that is told so much. */
async function guard(told: string): Promise<void> {
  const text = readFileSync(fileURLToPath(new URL('../../src/postmaster/guardian.sh', import.meta.url)), 'utf8');
  const guardian = spawn(shell, ['-c', text, 'guardian', epoch, '0'], { stdio: ['pipe', 'ignore', 'inherit'] });
  guardian.stdin.end(told);
  await once(guardian, 'exit');
}
