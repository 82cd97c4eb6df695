/**
 * Shared memory under a second Node in every `npm test`. The compiler of Node 22 and newer keeps plain loads in
 * registers where that of 20 reads memory again, so a word that is read in the wrong way is seen by one of them only.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { root } from '../process/support/fixtures.js';

const here = fileURLToPath(import.meta.url);
const other = Number(process.versions.node.split('.')[0]) < 22 ? '24' : '20';

/** Of one file: one that hangs is to be named, and to leave nobody behind. */
const LIMIT_MS = 120_000;

const testFiles = [dirname(here), join(dirname(here), '../dsm')].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(folder, name))
    .filter((file) => file !== here),
);

test(`all tests of shared memory pass under Node ${other} too`, () => {
  const found = spawnSync(process.execPath, ['scripts/nodes.mjs', other], { cwd: root, encoding: 'utf8' });
  assert.equal(found.status, 0, found.stderr);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout, status } = spawnSync(
    join(found.stdout.trim(), 'node'),
    ['--test', '--test-reporter=tap', `--test-timeout=${LIMIT_MS}`, ...testFiles],
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      env,
    },
  );
  const passed = Number(/^# pass (\d+)/m.exec(stdout)?.[1]);
  assert.equal(status, 0, stdout);
  assert.ok(passed > testFiles.length, stdout);
});
