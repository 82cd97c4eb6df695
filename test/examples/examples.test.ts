/**
 * The examples do what they say: each is run as a reader would run it, and its output is looked at. `…` stands for
 * anything within a line.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isShown, readPage, root, stepsIn } from '../readme/pages.js';

const outputs: Readonly<Record<string, string>> = {
  'hello/app.js': `
2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
… 486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7`,
  'hello/many.js': `
2cf24dba
486ea462
2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824`,
  'restart/main.js': `
started, process …
stopped: threw, the database is not up yet (attempt 1); again in … ms
started, process …
stopped: threw, the database is not up yet (attempt 2); again in … ms
started, process …
stopped: returned; for good
result: connected`,
  'progress/main.js': `
short found 9592 primes; told last: { done: 100000, total: 100000 }
long is under way: true
long stopped: terminated (in order)`,
  'channel/main.js': `
latch: a flag that one can wait for
epoch: the name of one life of a postmaster
unicorn: no such word
the other side: peerGone
questions answered: 3`,
  'producer-consumer/main.js': `
received 2000 batches, the sum is right
the producer sent 2000 and had to wait: true
received 3 batches, the sum is right
the consumer had enough, and the producer stopped early: true`,
  'barrier-phases/main.js': `
3 workers, 300 phases; one of them was elected in 300
in the middle of row 20 it has 10.268 degrees
one alone computes the same: true`,
  'shared-image/main.js': `
360 of 360 rows were drawn; 0 are left
one alone draws the same: true
..............................+.................
...............................++...............
.............................+###+..............
........................+#############+.........
...............+++++..+################+........
............+++########################.........
............+++########################.........
...............+++++..+################+........
........................+#############+.........
.............................+###+..............
...............................++...............
..............................+.................`,
  'word-count/main.js': `
375 halmer
272 réin
259 dipopo
2903 different words in 31 blocks
one alone counts the same: true
Gather  (actual rows=… time=… ms)
  Workers Planned: 2
  Workers Launched: 2
  Worker 0: pid=…  rows=…  time=… ms  waited=… ms  sent=… bytes
  Worker 1: pid=…  rows=…  time=… ms  waited=… ms  sent=… bytes`,
  'merge-logs/main.js': `
2026-01-01T00:00:00.000Z mail.log info cache filled (595)
2026-01-01T00:00:00.004Z api.log info connection opened (704)
2026-01-01T00:00:00.004Z search.log info connection closed (48)
2026-01-01T00:00:00.005Z api.log info connection closed (556)
18000 lines of 6 files; a sort makes the same of them: true
the first error: 2026-01-01T00:00:01.799Z auth.log cache filled (996)`,
  'elsewhere/main.js': `
elsewhere: napper started ready
elsewhere: stopped terminated
here: stopped terminated`,
  'crash-loop/main.js': `
crashLoop: 3 deaths, the last one: threw, the disk is full
true background worker "broken" … the last time it threw Error: the disk is full`,
  'replace/main.js': `
version 1 is up; 1 server
version 2 is up; 1 server
version 3 is up; 1 server
stopped terminated
stopped terminated
started -`,
  'tree-checksums/main.js': `
Parallel Map  (actual rows=…)
  Workers Planned: 2
  Workers Launched: …
  Worker 0: …
…
a loop takes … ms, and agrees on … of … files`,
  'commonjs/main.cjs': `
the sum is 10`,
  'worker-spi/main.js': `
worker 4 is there; rows in its table: 0
log: naptime is now 100 ms
log: count in schema4_counted is now 1
log: count in schema4_counted is now 42
worker_spi dynamic: start 2, another process
the end: shutdown`,
};

for (const [path, output] of Object.entries(outputs)) {
  test(`examples/${path} runs and prints what it should`, () => {
    const { status, said } = run(path);
    assert.equal(status, 0, said);
    assert.ok(isShown(said, output), said);
  });
}

test('every example is listed in their README and run here', () => {
  const folders = readdirSync(join(root, 'examples'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const list = readPage('examples/README.md');
  for (const { name } of folders) {
    assert.ok(list.includes(`](${name}/`), `examples/README.md does not list ${name}`);
    const isRun = name === 'checksums' || Object.keys(outputs).some((path) => path.startsWith(`${name}/`));
    assert.ok(isRun, `${name} is not run`);
  }
});

test('examples/hello is what the README shows', () => {
  const files = stepsIn(readPage('README.md')).flatMap((step) => (step.do === 'write' ? [step] : []));
  assert.deepEqual(
    files.map(({ path }) => path),
    ['hash.js', 'app.js', 'many.js'],
  );
  for (const { path, text } of files) {
    assert.equal(readFileSync(join(root, 'examples/hello', path), 'utf8'), text, path);
  }
});

test('checksums: every file of a tree is hashed, sha256sum agrees, and three workers say why they cannot start', () => {
  const tree = mkdtempSync(join(tmpdir(), 'bgworker-checksums-'));
  try {
    mkdirSync(join(tree, 'a/b'), { recursive: true });
    const names = ['plain', 'a/with space', 'a/b/line\nend', 'a/b/back\\slash', '-n'];
    for (const name of names) writeFileSync(join(tree, name), name.repeat(1_000));
    const { status, said } = run('checksums/main.js', tree);
    assert.equal(status, 0, said);
    assert.match(said, /^5 files, for /m);
    assert.match(said, /^(sha256sum agrees on 5 of 5 files\.|sha256sum is not installed here)/m);
    assert.match(said, /"missing\.js" could not be started: it has no module: .*missing\.js was not found/);
    assert.match(said, /"throwsAtImport\.js" could not be started: .* TypeError: the configuration names no database/);
    assert.match(said, /"killedAtImport\.js" could not be started: .*SIGKILL/);
    assert.match(said, /3 workers could not start/);
    assert.match(said, /none is still there/);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
});

for (const [wrong, args] of [
  ['a directory that is not there', ['/nowhere']],
  ['a file', [join(root, 'package.json')]],
  ['an option', ['--fast']],
  ['two directories', ['/', '/']],
] as const) {
  test(`checksums: ${wrong} is a clear error and exit code 1`, () => {
    const { status, said } = run('checksums/main.js', ...args);
    assert.equal(status, 1, said);
    assert.match(said, /^checksums: .+\nhint: .+\n$/);
  });
}

function run(path: string, ...args: readonly string[]): { status: number | null; said: string } {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('BGWORKER_')));
  // Node 22 has SQLite, and says on standard error that this is new.
  env['NODE_OPTIONS'] = '--disable-warning=ExperimentalWarning';
  const program = join(root, 'examples', path);
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    env,
    timeout: 60_000,
  });
  return { status, said: stdout + stderr };
}
