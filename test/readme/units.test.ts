/** The units of docs/systemd.md are ones that systemd itself has nothing to say to. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { readPage } from './pages.js';

const systemdOnly = { skip: spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'no systemd-analyze' };

test('systemd understands every line of the units in docs/systemd.md', systemdOnly, () => {
  const project = mkdtempSync(join(tmpdir(), 'bgworker-units-'));
  try {
    mkdirSync(join(project, 'node_modules/.bin'), { recursive: true });
    symlinkSync('/bin/sh', join(project, 'node_modules/.bin/bgworker'));
    const units = [...readPage('docs/systemd.md').matchAll(/^```ini\n# (\S+)\n(.*?)^```$/gms)];
    assert.deepEqual(
      units.map(([, path = '']) => basename(path)),
      ['app-workers.service', 'workers.service'],
    );
    for (const [, path = '', text = ''] of units) {
      const file = join(project, basename(path));
      writeFileSync(file, text.replaceAll(/\/srv\/app|%h\/app/g, project));
      const whose = path.startsWith('~') ? '--user' : '--system';
      const env = { ...process.env, XDG_RUNTIME_DIR: project };
      const args = ['verify', '--man=no', whose, file];
      const { status, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8', env });
      assert.deepEqual([status, stderr], [0, ''], path);
    }
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
});
