/**
 * Where the package does not run it can be imported, and each of its doors says why.
 *
 * Nothing of this is run there: a Node on Linux is made to give another platform or runtime for its own. That shows which
 * sentence comes, and that none of our own files fails before; not what Windows, Bun, Deno or Electron make of those
 * files when they load them. docs/platforms.md says what was tried by hand.
 */
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { Project } from './project.js';

const SUITE_MS = 120_000;
const project = new Project('app');
// Another file than the one that runs this, which is what a real Node beside Electron is.
project.write('node', `#!/bin/sh\nexec '${process.execPath}' "$@"\n`);
chmodSync(project.path('node'), 0o755);

after(() => project.remove());

const disguised = ['--import', './disguise.js'];
const WINDOWS = /^bgworker does not run on Windows yet \(ERR_UNSUPPORTED_PLATFORM\)\n.*\nhint: use WSL 2$/;
const BUN =
  /^bgworker does not run on Bun \(ERR_UNSUPPORTED_RUNTIME\)\ndetail: Bun 1\.2\.3\nhint: use Node 20\.19 or later$/;
const DENO = /^bgworker does not run on Deno \(ERR_UNSUPPORTED_RUNTIME\)\ndetail: Deno 1\.2\.3\n/;
const ELECTRON =
  /^this program is no node \(ERR_NO_NODE\)\ndetail: .* is Electron 1\.2\.3\nhint: set nodePath to a real node/;
const NOBODY = /ERR_NO_POSTMASTER/;

describe('a program', { concurrency: 2, timeout: SUITE_MS }, () => {
  for (const { where, env, own, otherNode = own, connect = own } of [
    { where: 'on Windows', env: { PLATFORM: 'win32' }, own: WINDOWS },
    { where: 'in Bun', env: { RUNTIME: 'bun' }, own: BUN },
    { where: 'in Deno', env: { RUNTIME: 'deno' }, own: DENO },
    { where: 'in Electron', env: { RUNTIME: 'electron' }, own: ELECTRON, otherNode: /^works$/, connect: NOBODY },
  ]) {
    test(`${where} imports the package, and each of its doors says why it is closed`, async () => {
      const args = [...disguised, project.path('stranger.js')];
      const [{ gave }] = await project.said(process.execPath, args, env);
      const said = gave as Record<'own' | 'otherNode' | 'connect' | 'run', string>;
      for (const [door, words] of Object.entries({ own, otherNode, connect, run: own })) {
        assert.match(said[door as keyof typeof said], words, door);
      }
    });
  }

  for (const args of [['ps'], ['run', './jobs.js#double', '--arg', '21']]) {
    test(`on Windows the command ${args[0]} says why it cannot`, async () => {
      const { code, stdout, stderr } = await command(args);
      assert.deepEqual([code, stdout], [69, '']);
      assert.match(stderr.trim().replace(/^bgworker: /, ''), WINDOWS);
    });
  }

  test('on Windows the command helps all the same', async () => {
    const { code, stdout } = await command(['run', '--help']);
    assert.equal(code, 0);
    assert.match(stdout, /^Usage: bgworker run/);
  });
});

function command(args: readonly string[]) {
  const program = project.path('node_modules/bgworker/dist/src/postmaster/command.cjs');
  return project.run(process.execPath, [...disguised, program, ...args], { PLATFORM: 'win32' });
}
