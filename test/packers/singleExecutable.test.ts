/**
 * A program in a single executable: a copy of this very Node with the program in it, made by the tools that Node's
 * manual names. The package is loaded from beside it, and a real Node runs postmaster and workers; otherwise it is told
 * so, and is started once and not again.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, linkSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import { Project, root } from './project.js';

const SUITE_MS = 120_000;
/** Written into every Node that can be made into one, with a 0 behind it. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const whyNot = readFileSync(process.execPath).includes(`${FUSE}:0`)
  ? false
  : `${process.execPath} cannot be made into a single executable: is Node in a shared library?`;

const project = new Project('app');
const executable = project.path('program');

before(async () => {
  if (whyNot !== false) return;
  await build({
    entryPoints: [project.path('sea.js')],
    outfile: project.path('sea.cjs'),
    bundle: true,
    platform: 'node',
    logLevel: 'silent',
  });
  project.write(
    'sea.json',
    JSON.stringify({ main: 'sea.cjs', output: 'sea.blob', disableExperimentalSEAWarning: true }),
  );
  must(['--experimental-sea-config', 'sea.json']);
  copyFileSync(process.execPath, executable);
  const postject = `${root}node_modules/postject/dist/cli.js`;
  must([postject, executable, 'NODE_SEA_BLOB', 'sea.blob', '--sentinel-fuse', FUSE]);
});

after(() => project.remove());

describe('a single executable', { concurrency: 2, timeout: SUITE_MS, skip: whyNot }, () => {
  test('that loads the package from beside it works with a real Node', async () => {
    const [said] = await project.said(executable, ['beside', process.execPath]);
    assert.deepEqual(said, { gave: 42 });
  });

  test('that has no other Node is told that it is none', async () => {
    const [said, starts] = await project.said(executable, ['beside']);
    assert.equal(said.code, 'ERR_NO_NODE');
    assert.equal(said.detail, `${executable} is a single executable application`);
    assert.match(said.hint ?? '', /nodePath/);
    assert.equal(starts, 1);
  });

  test('that is given itself as a Node is told that it is none, whatever it is called', async () => {
    linkSync(executable, project.path('node'));
    const [said, starts] = await project.said(executable, ['beside', project.path('node')]);
    assert.equal(said.code, 'ERR_NO_NODE');
    assert.equal(starts, 1);
  });

  for (const [how, ...nodePath] of [['with a real Node', process.execPath], ['without one']]) {
    test(`that has the package in it is told how to load it, ${how}`, async () => {
      const [said, starts] = await project.said(executable, ['bundled', ...nodePath]);
      assert.equal(said.code, 'ERR_BUNDLED', JSON.stringify(said));
      assert.equal(said.detail, `it is part of ${executable}`);
      assert.match(said.hint ?? '', /createRequire\(process\.execPath\)/);
      assert.match(said.hint ?? '', /nodePath/);
      assert.equal(starts, 1);
    });
  }
});

function must(args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: project.directory, encoding: 'utf8' });
  assert.equal(status, 0, `${args.join(' ')}\n${stdout}${stderr}`);
}
