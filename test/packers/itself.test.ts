/**
 * Never itself again: a program that is started in the place of its own postmaster or worker, or that is its own worker,
 * is told so, and the chain has an end. How often it was started is counted by the program itself.
 */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { Project } from './project.js';

const SUITE_MS = 120_000;
const project = new Project('app');
// As a packaged program: whatever it is started with, it is this program.
const again = project.path('again');
project.write('again', `#!/bin/sh\nexec '${process.execPath}' '${project.path('misplaced.js')}' "$@"\n`);
chmodSync(again, 0o755);

after(() => project.remove());

describe('a program', { concurrency: 2, timeout: SUITE_MS }, () => {
  test("whose postmaster's process is the program once more is started twice, and the second one is told", async () => {
    const env = { FOR: 'postmaster', AGAIN: again };
    const { first, all, starts } = await run('misplaced.js', env);
    assert.equal(starts, 2, all);
    assert.match(first, /ERR_STARTED_INSIDE_ITSELF.*was started as a postmaster, and is none.*nodePath/);
    assert.match(all, /"code":"ERR_CANNOT_START_POSTMASTER"/);
  });

  test("whose worker's process is the program once more is started twice, and the second one is told", async () => {
    const env = { FOR: 'worker', AGAIN: again };
    const { first, all, starts } = await run('misplaced.js', env);
    assert.equal(starts, 2, all);
    assert.match(first, /ERR_STARTED_INSIDE_ITSELF.*was started as a worker, and is none.*nodePath/);
    assert.match(all, /"code":"ERR_WORKER_FAILED".*ended before Node was up in it/);
  });

  test('that is its own worker is told so when it is loaded as one', async () => {
    const { first, all, starts } = await run('ownWorker.js');
    assert.equal(starts, 2, all);
    assert.match(first, /"code":"ERR_WORKER_LOADING"/);
  });

  test('that runs itself as a script, which may have a postmaster of its own, does so three times', async () => {
    const { first, all, starts } = await run('ownScript.js');
    assert.equal(starts, 4, all);
    assert.match(first, /"code":"ERR_STARTED_INSIDE_ITSELF".*its own worker/);
  });

  test('that starts workers in a module which is preloaded into each of them is told so', async () => {
    const { first, all, starts } = await run('jobs.js', {}, ['--import', './preloaded.js']);
    assert.equal(starts, 2, all);
    assert.match(first, /"code":"ERR_WORKER_LOADING".*preloaded/);
  });
});

interface Run {
  /** What the last one of them said, which is the first to say something. */
  readonly first: string;
  readonly all: string;
  readonly starts: number;
}

/** What each of them said, also where another one's output is what it was told on standard error. */
async function run(name: string, env: NodeJS.ProcessEnv = {}, flags: readonly string[] = []): Promise<Run> {
  const starts = project.path(`starts-${name}-${Object.values(env).join('-').replaceAll('/', '-')}`);
  const args = [...flags, project.path(name)];
  const { signal, stdout, stderr } = await project.run(process.execPath, args, { STARTS: starts, ...env });
  const all = `${stdout}${stderr}`;
  assert.equal(signal, null, all);
  const [first = ''] = all.split('\n').filter((line) => line.startsWith('{"name"'));
  return { first, all, starts: readFileSync(starts, 'utf8').trim().split('\n').length };
}
