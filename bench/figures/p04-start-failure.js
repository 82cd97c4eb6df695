/**
 * P4: how long it takes from the end of a process that failed to start until its caller knows, with the reason.
 *
 * The end is what an outsider sees: a pidfd of the process polls readable. The worker is in the middle of loading its
 * module when it is told to fail, so that the outsider is there in time. Beside it stands what Node itself can do: the
 * 'exit' event of a child of its own, without a reason.
 */
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Observer, whyNoObserver } from '../observer.js';
import { check, milliseconds, now, withPostmaster } from '../postmaster.js';
import { program } from '../rivals.js';
import { inTurn } from '../rounds.js';

/** How it fails, and what the caller must then be told. */
const FAILURES = {
  'module throws': { kind: 'moduleThrew', fail: (word) => say(word, 'throw') },
  'process.exit(3)': { kind: 'diedBeforeRunning', fail: (word) => say(word, 'exit') },
  SIGKILL: { kind: 'signaled', fail: (_word, pid) => process.kill(pid, 'SIGKILL') },
};

/** @type {import('../figure.js').Figure} */
export default {
  id: 'P4',
  title: 'start failure to known',
  rounds: 11,
  async measure({ rounds }) {
    const notMeasured = whyNoObserver();
    if (notMeasured !== undefined) return { notMeasured };
    const folder = mkdtempSync(join(tmpdir(), 'bgworker-bench-'));
    const fifo = join(folder, 'word');
    execFileSync('mkfifo', [fifo]);
    const observer = new Observer();
    try {
      return await withPostmaster({}, async (client) => {
        const ours = Object.entries(FAILURES).map(([name, failure]) => [
          name,
          () => failedStart(client, observer, fifo, failure),
        ]);
        const measured = await inTurn(rounds, 'ms', {
          ...Object.fromEntries(ours),
          "'exit' of a fork": () => exitOfFork(observer, fifo),
        });
        return outcome(measured);
      });
    } finally {
      await observer.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function outcome(measured) {
  const value = Math.max(...Object.keys(FAILURES).map((name) => measured.median(name)));
  return {
    value,
    unit: 'ms',
    goals: [{ what: 'ms, in the slowest of the three cases', is: value, atMost: 5 }],
    sides: measured.sides(),
    notes: [
      "The limit is Node's own 'exit' event of a fork. The observer is a Python on a pidfd and takes as long to wake up " +
        'as Node does, so that this can come out below zero.',
    ],
  };
}

async function failedStart(client, observer, fifo, { kind, fail }) {
  const handle = await client
    .module(new URL('../programs/fails-on-word.js', import.meta.url))
    .register('never', undefined, { env: { BENCH_FIFO: fifo } });
  const startup = handle.waitForStartup();
  // It can be opened for writing when the module has opened it for reading: Node is up, and the module loads.
  const word = await open(fifo, 'w');
  const { ended } = await observer.watch(handle.pid);
  await fail(word, handle.pid);
  const { status, reason } = await startup;
  const known = now();
  if (kind === 'signaled') await word.close();
  check(status === 'stopped' && reason.kind === kind, `${status} ${reason?.kind}, and not ${kind}`);
  return milliseconds(await ended, known);
}

async function exitOfFork(observer, fifo) {
  const child = fork(program('fork-exits-on-word.js'), { stdio: 'ignore', env: { ...process.env, BENCH_FIFO: fifo } });
  const exit = once(child, 'exit').then(([code]) => ({ code, at: now() }));
  const word = await open(fifo, 'w');
  const { ended } = await observer.watch(child.pid);
  await say(word, 'exit');
  const { code, at } = await exit;
  check(code === 3, `exit code ${code}`);
  return milliseconds(await ended, at);
}

/** The reader has all of it when the writer has closed it. */
async function say(file, word) {
  await file.writeFile(word);
  await file.close();
}
