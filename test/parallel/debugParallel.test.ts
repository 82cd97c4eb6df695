/**
 * Everything about parallel work once more with BGWORKER_DEBUG_PARALLEL=on, as PostgreSQL runs its own tests with
 * debug_parallel_query: a worker for any plan, and the leader keeps out of it. What works only because the leader did it
 * itself is found by that.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { root } from '../process/support/fixtures.js';

const here = fileURLToPath(import.meta.url);

/** Of one file: one that hangs is to be named, and to leave nobody behind. */
const LIMIT_MS = 60_000;

const testFiles = readdirSync(dirname(here))
  .filter((name) => name.endsWith('.test.js'))
  .map((name) => join(dirname(here), name))
  .filter((file) => file !== here);

test('all tests of parallel work pass with debug_parallel, which forces a worker for any plan', () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout, status } = spawnSync(
    process.execPath,
    ['--test', '--test-reporter=tap', `--test-timeout=${LIMIT_MS}`, ...testFiles],
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      env: { ...env, BGWORKER_DEBUG_PARALLEL: 'on' },
    },
  );
  const passed = Number(/^# pass (\d+)/m.exec(stdout)?.[1]);
  assert.equal(status, 0, stdout);
  assert.ok(passed > testFiles.length, stdout);
});
