/** A program that uses bgworker ends when it would have ended anyway, and however it ends, nothing is left of it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { isGone, until } from '../postmaster/processState.js';
import { fixturePath } from './support/fixtures.js';
import { familyOf, kill } from './support/processes.js';
import type { Scene } from './support/scene.js';
import { sceneOf } from './support/scene.js';

const PATIENCE_MS = 30_000;
/** Something hangs. */
const SUITE_MS = 180_000;

describe('a host program', { concurrency: 3, timeout: SUITE_MS }, () => {
  for (const { how, code } of [
    { how: 'awaits', code: 0 },
    { how: 'leaves', code: 0 },
    { how: 'throws', code: 1 },
    { how: 'exits', code: 3 },
  ]) {
    test(`that ${how} ends by itself with code ${code} and leaves nothing`, async (t) => {
      const scene = sceneOf(t);
      const ended = await runProgram(scene, 'host.mjs', [how]);
      assert.deepEqual([ended.code, ended.signal], [code, null], ended.stderr);
      const { handle, pid, postmasterPid } = JSON.parse(ended.stdout);
      scene.add(postmasterPid);
      const epoch = handle.split(':')[0];
      await until(() => isGone(postmasterPid) && isGone(pid), 'postmaster and worker are gone', PATIENCE_MS);
      assert.deepEqual(familyOf(epoch), []);
    });
  }

  test('that aborts every wait there is has nothing left of them, and ends by itself', async (t) => {
    const { code, signal, stdout, stderr } = await runProgram(sceneOf(t), 'aborts.mjs');
    assert.deepEqual([code, signal, stdout], [0, null, '[]'], stderr);
  });
});

async function runProgram(scene: Scene, name: string, words: readonly string[] = []) {
  const { BGWORKER_DIR: _, ...env } = process.env;
  const child = spawn(process.execPath, [fixturePath(name), ...words], { stdio: ['ignore', 'pipe', 'pipe'], env });
  scene.add(child.pid);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  // It is killed when it does not end, and then the test sees a signal.
  const timer = setTimeout(() => kill(child.pid), PATIENCE_MS);
  // `close` comes when its postmaster, which has the same output, is gone as well.
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child, 'close')]);
  clearTimeout(timer);
  return { code, signal, stdout, stderr };
}
