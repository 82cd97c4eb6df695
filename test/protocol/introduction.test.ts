/**
 * How a copy of the package introduces itself.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { introduce, PACKAGE_PATH, PACKAGE_VERSION } from '../../src/protocol/index.js';

test('version and place are those of package.json', () => {
  const manifest = JSON.parse(readFileSync(join(PACKAGE_PATH, 'package.json'), 'utf8'));
  assert.equal(PACKAGE_VERSION, manifest.version);
  assert.equal(introduce().package, manifest.version);
  assert.equal(introduce().pid, process.pid);
});
