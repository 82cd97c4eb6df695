/** The first process of a container: signals reach the command, the dead are waited for, its code is the command's. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const init = fileURLToPath(new URL('../../src/cli/init.sh', import.meta.url));
const command = fileURLToPath(new URL('../../../test/fixtures/cli/firstOfContainer.mjs', import.meta.url));
/** `sh` is one of the others on every system. */
const shells = [['sh'], ['dash'], ['bash'], ['busybox', 'ash']].filter(
  ([name = '', ...args]) => run([name, ...args, '-c', 'exit 0']).status === 0,
);

const container = ['unshare', '--pid', '--fork', '--mount-proc'];
const containers = {
  skip: run([...container, 'true']).status === 0 ? false : 'unshare(1) may not make a pid namespace',
};
const posix = { skip: process.platform === 'win32' ? 'there is no shell' : false };

function run([program = '', ...args]: readonly string[], input = '') {
  return spawnSync(program, args, { input, encoding: 'utf8', timeout: 20_000 });
}

for (const shell of shells) {
  const name = shell.join(' ');

  test(`bgworker-init by ${name} passes signals on, reaps orphans, and ends as its command`, containers, () => {
    const { stdout, stderr, status } = run([...container, ...shell, init, process.execPath, command, '42']);
    assert.deepEqual(
      { ...JSON.parse(stdout || '{}'), status, stderr },
      {
        parent: 1,
        heard: ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGTERM'],
        zombies: 0,
        status: 42,
        stderr: '',
      },
    );
  });

  test(`bgworker-init by ${name} tells a signal as 128 + n, and lends its command its own input`, posix, () => {
    assert.equal(run([...shell, init, 'sh', '-c', 'kill -KILL $$']).status, 137);
    assert.equal(run([...shell, init, 'cat'], 'a line').stdout, 'a line');
    assert.equal(run([...shell, init, '/nowhere/to/be/found']).status, 127);
    const { status, stderr } = run([...shell, init]);
    assert.equal(status, 64);
    assert.match(stderr, /^usage: bgworker-init COMMAND/);
  });
}
