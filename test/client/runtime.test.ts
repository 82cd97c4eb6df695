/**
 * Two copies of the package in one process: they share what there is one of, or the second one is refused.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { PACKAGE_VERSION } from '../../src/protocol/index.js';

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

const [major, minor] = PACKAGE_VERSION.split('.').map(Number);
const near = `${major}.${(minor ?? 0) + 1}.5`;
const far = `${major}.${(minor ?? 0) + 2}.0`;

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
    ${lentBy(near)}
    const { runtime } = await import('${runtime}');
    const own = runtime !== present && runtime.version === '${PACKAGE_VERSION}' && runtime.worker === lent;
    present.worker = { ...lent };
    if (!own || runtime.worker !== present.worker) process.exit(1);
  `);
  assert.equal(status, 0, output);
});

test('in a worker, a copy that may not talk to the postmaster says so when it is imported, and what to do', () => {
  const { status, output } = evaluate(`${lentBy(far)} await import('${runtime}');`);
  assert.equal(status, 1);
  assert.match(output, /ERR_TWO_COPIES/);
  assert.match(output, /this worker imports a version of bgworker that does not fit its postmaster/);
  assert.ok(
    output.includes(`started it with ${far} in /opt/daemon; its module imports ${PACKAGE_VERSION} in /`),
    output,
  );
  assert.ok(output.includes(`or npm install bgworker@${far} for the module`), output);
});
