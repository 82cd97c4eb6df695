/** What shared memory says where there is none, or not enough, and what it costs who does not use it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { root } from '../process/support/fixtures.js';

const program = fileURLToPath(new URL('./program.js', import.meta.url));
const withoutKoffi = `${root}test/fixtures/dsm/withoutKoffi.cjs`;

interface Report {
  readonly before: boolean;
  readonly whenImported: boolean;
  readonly after: boolean;
  readonly outcome: {
    readonly made?: number;
    readonly code?: string;
    readonly detail?: string;
    readonly hint?: string;
  };
  readonly left: number;
}

function run(command: string, ...words: readonly string[]): Report {
  const { stdout, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  assert.ok(stdout.length > 0, stderr);
  return JSON.parse(stdout) as Report;
}

test('neither bgworker nor bgworker/shm loads koffi when it is imported; the first use does', () => {
  const { before, whenImported, after, outcome } = run(process.execPath, program, '4096');
  assert.deepEqual(
    { before, whenImported, after, outcome },
    {
      before: false,
      whenImported: false,
      after: true,
      outcome: { made: 4096 },
    },
  );
});

test('without the package koffi everything else works, and shared memory says what is missing', () => {
  const { outcome, left } = run(process.execPath, '--require', withoutKoffi, program, '4096');
  assert.equal(outcome.code, 'ERR_NO_KOFFI');
  assert.match(outcome.hint ?? '', /npm install koffi/);
  assert.equal(left, 0);
});

for (const format of ['cjs', 'esm'] as const) {
  test(`koffi is found from a bundle too (${format})`, async () => {
    const entry = fileURLToPath(new URL('../../src/shm/libC.js', import.meta.url));
    const outfile = `${root}dist/test/dsm/bundled.${format === 'cjs' ? 'cjs' : 'mjs'}`;
    await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format, logLevel: 'silent' });
    const script = 'import(process.argv[1]).then((bundled) => { bundled.checkSharedMemory(); console.log(1); })';
    const { stdout, stderr } = spawnSync(process.execPath, ['--eval', script, outfile], { encoding: 'utf8', cwd: '/' });
    rmSync(outfile);
    assert.equal(stdout, '1\n', stderr);
  });
}

test('on a system that has none, the call says so', () => {
  const preload = `data:text/javascript,Object.defineProperty(process,'platform',{value:'win32'})`;
  const probe = new URL('../../src/shm/index.js', import.meta.url).href;
  const script = `import(${JSON.stringify(probe)}).then((shm) => { try { shm.checkSharedMemory() } catch (e) { console.log(e.code, e.hint) } })`;
  const { stdout } = spawnSync(process.execPath, ['--import', preload, '--eval', script], { encoding: 'utf8' });
  assert.match(stdout, /^ERR_NO_SHARED_MEMORY it works on Linux/);
});

const mayMount = spawnSync('unshare', ['-rm', 'true']).status === 0;
test('a /dev/shm that is too small is an error that names the cure, and nothing is left behind', {
  skip: !mayMount && 'this user may not have a /dev/shm of its own',
}, () => {
  const { outcome, left } = run(
    'unshare',
    '-rm',
    'sh',
    '-c',
    'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$0" "$@"',
    process.execPath,
    program,
    String(2 * 1024 * 1024),
  );
  assert.equal(outcome.code, 'ERR_NO_ROOM_FOR_SEGMENT');
  assert.match(outcome.detail ?? '', /^2097152 bytes/);
  assert.match(outcome.hint ?? '', /docker run --shm-size/);
  assert.equal(left, 0);
});

test('files that may not be so large are an error of ours, and nothing is left behind', () => {
  const { outcome, left } = run('sh', '-c', 'ulimit -f 8; exec "$0" "$@"', process.execPath, program, '65536');
  assert.equal(outcome.code, 'ERR_CANNOT_MAP');
  assert.match(outcome.detail ?? '', /EFBIG/);
  assert.equal(left, 0);
});
