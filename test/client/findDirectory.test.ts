/**
 * Where the postmaster is that nobody named.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findDirectory } from '../../src/client/index.js';

let folder: string;
let below: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'bgworker-find-'));
  below = join(folder, 'packages/app');
  mkdirSync(below, { recursive: true });
});

after(() => rmSync(folder, { recursive: true }));

test('BGWORKER_DIR goes before everything; a relative one is below the working directory', () => {
  assert.equal(findDirectory(below, { BGWORKER_DIR: '/run/x' }), '/run/x');
  assert.equal(findDirectory(below, { BGWORKER_DIR: 'x' }), join(below, 'x'));
});

test("without a configuration it is the user's own, in the runtime directory if that is ours", () => {
  assert.equal(findDirectory(below, { XDG_RUNTIME_DIR: folder }), join(folder, 'bgworker'));
  const elsewhere = join(tmpdir(), `bgworker-${process.getuid?.()}`);
  assert.equal(findDirectory(below, {}), elsewhere);
  assert.equal(findDirectory(below, { XDG_RUNTIME_DIR: '/nowhere' }), elsewhere);
  assert.equal(findDirectory(below, { XDG_RUNTIME_DIR: 'relative', BGWORKER_DIR: '' }), elsewhere);
});

test('the nearest configuration has its postmaster beside it', () => {
  writeFileSync(join(folder, 'bgworker.config.js'), '');
  assert.equal(findDirectory(below, {}), join(folder, '.bgworker'));
  writeFileSync(join(below, 'bgworker.config.mts'), '');
  assert.equal(findDirectory(below, {}), join(below, '.bgworker'));
});
