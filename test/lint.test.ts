/**
 * The linter and formatter as an ordinary test, so that `npm test` alone says whether a change may land.
 * It writes nothing; `npm run format` does.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

test('the linter has nothing to say; `npm run format` repairs what can be repaired', () => {
  const biome = `${root}node_modules/@biomejs/biome/bin/biome`;
  const args = ['ci', '--error-on-warnings', '--colors=off', '--max-diagnostics=50'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [biome, ...args], { cwd: root, encoding: 'utf8' });
  assert.equal(status, 0, `\n${stdout}${stderr}`);
});
