/** The postmaster's directory: what is refused, and that it never has two owners. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BgworkerError } from '../../src/base/index.js';
import type { DirectoryClaim } from '../../src/postmaster/directory.js';
import {
  claimDirectory,
  isClaimed,
  isLive,
  makePrivateDirectory,
  owedEpochs,
  prepareDirectory,
  releaseDirectory,
} from '../../src/postmaster/directory.js';
import { perUserDirectory } from '../../src/protocol/index.js';
import { deadRecord, leaveSocketBehind } from './deadPostmaster.js';

let root = '';
let count = 0;

before(() => {
  root = mkdtempSync(join(tmpdir(), 'bgworker-directory-'));
});

after(() => {
  rmSync(root, { recursive: true, force: true });
});

function freshDirectory(): string {
  count += 1;
  const directory = join(root, `d${count}`);
  prepareDirectory(directory);
  return directory;
}

function someOwner(): { pid: number; epoch: string } {
  return { pid: process.pid, epoch: randomBytes(8).toString('hex') };
}

function withCode(code: string, detail?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof BgworkerError);
    assert.equal(error.code, code);
    if (detail !== undefined) assert.match(error.detail ?? '', detail);
    assert(error.hint !== undefined);
    return true;
  };
}

test('a missing directory is made for us alone, with its parents', () => {
  const directory = join(root, 'a', 'b');
  prepareDirectory(directory);
  prepareDirectory(`${directory}/`);

  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(statSync(join(root, 'a')).mode & 0o777, 0o700);
});

test('a directory that others can enter, a link, a file, and one of another user are refused and left as they are', () => {
  const open = freshDirectory();
  chmodSync(open, 0o750);
  assert.throws(() => prepareDirectory(open), withCode('ERR_DIRECTORY_UNSAFE', /mode 0750, wanted 0700/));
  assert.equal(statSync(open).mode & 0o777, 0o750);

  const link = join(root, 'link');
  symlinkSync(freshDirectory(), link);
  assert.throws(() => prepareDirectory(`${link}/`), withCode('ERR_DIRECTORY_UNSAFE', /target/));

  const dangling = join(root, 'dangling');
  symlinkSync(join(root, 'nowhere'), dangling);
  assert.throws(() => prepareDirectory(dangling), withCode('ERR_DIRECTORY_UNSAFE'));
  assert(!existsSync(join(root, 'nowhere')));

  const file = join(root, 'file');
  writeFileSync(file, '');
  assert.throws(() => prepareDirectory(file), withCode('ERR_DIRECTORY_UNSAFE'));

  if (process.geteuid?.() === 0) {
    const foreign = freshDirectory();
    chownSync(foreign, 12_345, 12_345);
    assert.throws(() => prepareDirectory(foreign), withCode('ERR_DIRECTORY_UNSAFE', /owner 12345, we are 0/));
  }
});

test('a path too long for a socket is refused before anything is made, the longest one works', async () => {
  const limit = process.platform === 'linux' ? 107 : 103;
  const longest = join(root, 'l'.repeat(limit - Buffer.byteLength(root) - 2 - 'postmaster.sock'.length));
  const tooLong = `${longest}l`;

  assert.throws(
    () => prepareDirectory(tooLong),
    withCode('ERR_SOCKET_PATH_TOO_LONG', new RegExp(`has ${limit + 1} bytes, the system allows ${limit}`)),
  );
  assert(!existsSync(tooLong));

  prepareDirectory(longest);
  const server = createServer().listen(join(longest, 'postmaster.sock'));
  await once(server, 'listening');
  assert.equal(await isLive(longest), 'live');
  server.close();
  releaseDirectory(await claimDirectory(longest, someOwner()));
});

test("the per-user directory is in the user's runtime directory if that is ours, else under /tmp", () => {
  const ours = freshDirectory();
  const fallback = join(tmpdir(), `bgworker-${process.geteuid?.()}`);

  assert.equal(perUserDirectory({ XDG_RUNTIME_DIR: ours }), join(ours, 'bgworker'));
  assert.equal(perUserDirectory({}), fallback);
  assert.equal(perUserDirectory({ XDG_RUNTIME_DIR: join(root, 'missing') }), fallback);
  assert.equal(perUserDirectory({ XDG_RUNTIME_DIR: 'relative' }), fallback);
  if (process.geteuid?.() === 0) {
    chownSync(ours, 12_345, 12_345);
    assert.equal(perUserDirectory({ XDG_RUNTIME_DIR: ours }), fallback);
  }
});

test('private directories are new each time and open to us alone', () => {
  const base = join(root, 'base');
  const [one, other] = [makePrivateDirectory(base), makePrivateDirectory(base)];

  assert.notEqual(one, other);
  assert.equal(join(one, '..'), join(base, 'embedded'));
  for (const directory of [base, join(base, 'embedded'), one]) assert.equal(statSync(directory).mode & 0o777, 0o700);
});

test('live, stale and absent are told by the socket', async () => {
  const directory = freshDirectory();
  const path = join(directory, 'postmaster.sock');
  assert.equal(await isLive(directory), 'absent');
  assert.equal(await isLive(join(directory, 'missing')), 'absent');

  const server = createServer().listen(path);
  await once(server, 'listening');
  assert.equal(await isLive(directory), 'live');
  server.close();

  await leaveSocketBehind(path);
  assert.equal(await isLive(directory), 'stale');
});

test('a postmaster too busy to accept anybody is live', { skip: process.platform !== 'linux' }, async () => {
  const directory = freshDirectory();
  const child = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen({ path: ${JSON.stringify(join(directory, 'postmaster.sock'))}, backlog: 1 }, () => {
       process.stdout.write('listening');
       process.kill(process.pid, 'SIGSTOP');
     });`,
  ]);
  try {
    assert(child.stdout !== null);
    await once(child.stdout, 'data');
    const answers = await Promise.all(Array.from({ length: 8 }, () => isLive(directory)));
    assert.deepEqual(new Set(answers), new Set(['live']));
  } finally {
    child.kill('SIGKILL');
  }
});

test('a claimed directory is refused to others, by name and pid, and free again after the release', async () => {
  const directory = freshDirectory();
  const first = await claimDirectory(directory, { pid: 4711, epoch: 'epochofthefirst' });
  const text = readFileSync(join(directory, 'postmaster.pid'), 'utf8');

  await assert.rejects(
    claimDirectory(directory, someOwner()),
    withCode('ERR_POSTMASTER_RUNNING', new RegExp(`^${directory}: pid 4711, since 20`)),
  );
  assert.equal(readFileSync(join(directory, 'postmaster.pid'), 'utf8'), text);
  assert.equal(await isClaimed(directory), true);
  assert.equal(await isLive(directory), 'absent');

  releaseDirectory(first);
  releaseDirectory(first);
  assert.deepEqual(readdirSync(directory), []);
  assert.equal(await isClaimed(directory), false);
  releaseDirectory(await claimDirectory(directory, someOwner()));
});

test('whoever serves a directory has it, even when its other files were removed', async () => {
  const directory = freshDirectory();
  const server = createServer().listen(join(directory, 'postmaster.sock'));
  await once(server, 'listening');

  await assert.rejects(claimDirectory(directory, someOwner()), withCode('ERR_POSTMASTER_RUNNING', /pid unknown/));
  assert.deepEqual(readdirSync(directory), ['postmaster.sock']);
  server.close();
});

test("a dead postmaster's directory is taken over, its socket removed, its epochs owed until they are settled", async () => {
  const directory = freshDirectory();
  await leaveSocketBehind(join(directory, 'postmaster.sock'));
  writeFileSync(join(directory, 'postmaster.pid'), deadRecord('deadepoch', ['olderepoch']));

  const claim = await claimDirectory(directory, { pid: 1, epoch: 'newepoch' });

  assert.deepEqual(claim.owedEpochs, ['deadepoch', 'olderepoch']);
  assert(!existsSync(join(directory, 'postmaster.sock')));
  assert.deepEqual(owedEpochs(directory), ['newepoch', 'deadepoch', 'olderepoch']);
  claim.settle();
  assert.deepEqual(claim.owedEpochs, []);
  assert.deepEqual(owedEpochs(directory), ['newepoch']);
  releaseDirectory(claim);
  assert.deepEqual(readdirSync(directory), []);
});

test('a start that gives up leaves the debts as it found them', async () => {
  const directory = freshDirectory();
  writeFileSync(join(directory, 'postmaster.pid'), deadRecord('deadepoch'));
  for (let start = 0; start < 3; start += 1) releaseDirectory(await claimDirectory(directory, someOwner()));

  const claim = await claimDirectory(directory, someOwner());
  assert.deepEqual(claim.owedEpochs, ['deadepoch']);
  claim.settle();
  releaseDirectory(claim);
});

test('files that are no records (a power failure) belong to nobody', async () => {
  for (const content of ['', '{', '[]', '{"pid":1}', deadRecord('../../escape')]) {
    const directory = freshDirectory();
    writeFileSync(join(directory, 'postmaster.pid'), content);
    const { ino } = statSync(join(directory, 'postmaster.pid'));
    writeFileSync(join(directory, `postmaster.after-unreadable-${ino}`), content);
    const claim = await claimDirectory(directory, someOwner());
    assert.deepEqual(claim.owedEpochs, []);
    releaseDirectory(claim);
    assert.deepEqual(readdirSync(directory), []);
  }
});

test('one who died in the middle of a succession is succeeded', async () => {
  const directory = freshDirectory();
  writeFileSync(join(directory, 'postmaster.pid'), deadRecord('first'));
  writeFileSync(join(directory, 'postmaster.after-first'), deadRecord('second', ['first']));
  writeFileSync(join(directory, 'postmaster.after-second'), deadRecord('third', ['first']));

  const claim = await claimDirectory(directory, someOwner());

  assert.deepEqual(claim.owedEpochs, ['first']);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.includes('after')),
    [],
  );
  claim.settle();
  releaseDirectory(claim);
});

test('traces of those who died within a claim go after an hour, others stay', async () => {
  const directory = freshDirectory();
  mkdirSync(join(directory, 'args'));
  for (const name of ['claim-00000001', 'postmaster.after-x', 'postmaster.pid.x', 'settings.json']) {
    writeFileSync(join(directory, name), '');
  }
  const longAgo = new Date(Date.now() - 2 * 3_600_000);
  for (const name of ['claim-00000001', 'postmaster.pid.x', 'settings.json'])
    utimesSync(join(directory, name), longAgo, longAgo);

  const claim = await claimDirectory(directory, someOwner());
  releaseDirectory(claim);

  assert.deepEqual(readdirSync(directory).sort(), ['args', 'postmaster.after-x', 'settings.json']);
});

test('many at once on a free, a dead or a half succeeded directory: exactly one has it', async () => {
  for (let round = 0; round < 30; round += 1) {
    const directory = freshDirectory();
    if (round % 3 > 0) writeFileSync(join(directory, 'postmaster.pid'), deadRecord(`first${round}`));
    if (round % 3 > 1) writeFileSync(join(directory, `postmaster.after-first${round}`), deadRecord('second'));

    const claims = await claimAtOnce(directory, 12);

    assert.equal(claims.length, 1);
    for (const claim of claims) {
      claim.settle();
      releaseDirectory(claim);
    }
    assert.deepEqual(readdirSync(directory), []);
  }
});

test('a slow one never takes it from the living, over any number of owners that come, die and go', async () => {
  const directory = freshDirectory();
  const limitAt = performance.now() + 700;
  let owners = 0;
  let holding = 0;
  let dead = 0;
  const live = async (): Promise<void> => {
    // A machine that has little time for us gives it until there was something to see.
    while (performance.now() < limitAt || owners <= 20 || dead === 0) {
      let claim: DirectoryClaim;
      try {
        claim = await claimDirectory(directory, someOwner());
      } catch (error) {
        withCode('ERR_POSTMASTER_RUNNING')(error);
        continue;
      }
      holding += 1;
      owners += 1;
      assert.equal(holding, 1, 'two owners at once');
      await new Promise((done) => setImmediate(done));
      await isLive(directory);
      holding -= 1;
      // One in three releases with debts, which is what death looks like: its life ends and its file stays.
      if (owners % 3 > 0) claim.settle();
      else dead += claim.owedEpochs.length;
      releaseDirectory(claim);
      if (owners % 4 === 0) seedDead(directory);
    }
  };
  await Promise.all(Array.from({ length: 8 }, live));
});

test('processes that start at once on a directory of one that was killed: exactly one has it', async () => {
  const directory = freshDirectory();
  const url = new URL('../../src/postmaster/directory.js', import.meta.url).href;
  const program = (wait: boolean): string => `
    import { claimDirectory } from ${JSON.stringify(url)};
    process.stdin.resume();
    ${wait ? "process.stdout.write('ready\\n'); await new Promise((done) => process.stdin.once('data', done));" : ''}
    const epoch = 'epochof' + process.pid;
    await claimDirectory(${JSON.stringify(directory)}, { pid: process.pid, epoch }).then(
      () => process.stdout.write('has it\\n'),
      (error) => process.stdout.write(error.code + '\\n'),
    );`;
  const start = (wait: boolean) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program(wait)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const line = async (): Promise<string> => String((await once(child.stdout, 'data'))[0]).trim();
    return { child, line, pid: child.pid };
  };
  const children = [start(false)];
  try {
    const [first] = children;
    assert.equal(await first?.line(), 'has it');
    const others = Array.from({ length: 5 }, () => start(true));
    children.push(...others);
    for (const answer of await Promise.all(others.map(({ line }) => line()))) assert.equal(answer, 'ready');
    first?.child.kill('SIGKILL');
    await once(first?.child ?? process, 'exit');

    const answers = others.map(({ line }) => line());
    for (const { child } of others) child.stdin.write('go');

    assert.deepEqual((await Promise.all(answers)).sort(), [...Array(4).fill('ERR_POSTMASTER_RUNNING'), 'has it']);
    assert.equal(owedEpochs(directory)?.[1], `epochof${first?.pid}`);
  } finally {
    for (const { child } of children) child.kill('SIGKILL');
  }
});

/** Puts the file of a dead owner where there is none. */
function seedDead(directory: string): void {
  const seed = join(directory, 'seed');
  writeFileSync(seed, deadRecord(randomBytes(8).toString('hex')));
  if (!existsSync(join(directory, 'postmaster.pid'))) linkSync(seed, join(directory, 'postmaster.pid'));
  rmSync(seed);
}

async function claimAtOnce(directory: string, howMany: number): Promise<DirectoryClaim[]> {
  const outcomes = await Promise.allSettled(
    Array.from({ length: howMany }, () => claimDirectory(directory, someOwner())),
  );
  const claims: DirectoryClaim[] = [];
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') claims.push(outcome.value);
    else withCode('ERR_POSTMASTER_RUNNING')(outcome.reason);
  }
  return claims;
}
