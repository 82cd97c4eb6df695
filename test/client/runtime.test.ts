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

/** As the worker runtime of such a version has prepared the process. */
function lentBy(version: string): string {
  return `
    const lent = { version: '${version}', path: '/opt/daemon', protocol: 1, client: async () => 'its client', place: async () => {} };
    const present = { version: '${version}', path: '/opt/daemon', defaultClient: undefined, worker: lent };
    globalThis[Symbol.for('bgworker.runtime')] = present;
  `;
}

test('in a worker, a copy that may talk to the postmaster shares what is lent, and nothing else', () => {
  const { status, output } = evaluate(`
    ${lentBy('0.2.5')}
    const { runtime } = await import('${runtime}');
    const own = runtime !== present && runtime.version === '0.1.0' && runtime.worker === lent;
    present.worker = { ...lent };
    if (!own || runtime.worker !== present.worker) process.exit(1);
  `);
  assert.equal(status, 0, output);
});

test('in a worker, a copy that may not talk to the postmaster says so when it is imported, and what to do', () => {
  const { status, output } = evaluate(`${lentBy('0.3.0')} await import('${runtime}');`);
  assert.equal(status, 1);
  assert.match(output, /ERR_TWO_COPIES/);
  assert.match(output, /this worker imports a version of bgworker that does not fit its postmaster/);
  assert.match(output, /started it with 0\.3\.0 in \/opt\/daemon; its module imports 0\.1\.0 in \//);
  assert.match(
    output,
    /start the postmaster with the version that the module imports, or npm install bgworker@0\.3\.0/,
  );
});
