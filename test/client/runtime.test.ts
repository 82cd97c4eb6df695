/**
 * Two copies of the package in one process: they share what there is one of, or the second one is refused.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const runtime = new URL('../../src/client/runtime.js', import.meta.url).href;

function evaluate(code: string): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

test('copies of one version share it, so a module that is loaded again finds it', () => {
  const { status, output } = evaluate(`
    const [one, two] = [await import('${runtime}'), await import('${runtime}?again')];
    if (one === two || one.runtime !== two.runtime) process.exit(1);
  `);
  assert.equal(status, 0, output);
});

test('a copy of another version refuses to be imported, and names both', () => {
  const { status, output } = evaluate(`
    globalThis[Symbol.for('bgworker.runtime')] = { version: '9.9.9', path: '/opt/other' };
    await import('${runtime}');
  `);
  assert.equal(status, 1);
  assert.match(output, /ERR_TWO_COPIES/);
  assert.match(output, /9\.9\.9 in \/opt\/other, and \d+\.\d+\.\d+ in \//);
});
