/** What a script is told by exit codes: of each way a worker can end, and of each kind of error. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BgworkerError } from '../../src/base/index.js';
import { exitCodeOfEnd, hadStarted } from '../../src/cli/ending.js';
import { exitCodeOf } from '../../src/cli/exitCodes.js';
import type { WorkerStopReason } from '../../src/client/index.js';

type Facts = Partial<Pick<WorkerStopReason, 'code' | 'signal' | 'phase'>>;

/** Entered, unless the phase says that it was not. */
function reason(cause: Pick<WorkerStopReason, 'kind'>, { code = null, signal = null, phase = 'running' }: Facts) {
  const at = new Date(0);
  const enteredAt = phase === 'running' || phase === 'ready' ? at : null;
  const circumstances = { phase, pid: 1, code, signal, output: '', attempt: 1, forkedAt: at, enteredAt, stoppedAt: at };
  return { ...circumstances, ...cause } as WorkerStopReason;
}

test('a worker that came to its function gives its own code, a failure is never 0, and one that did not gives 70', () => {
  const cases: readonly (readonly [kind: WorkerStopReason['kind'], facts: Facts, code: number])[] = [
    ['returned', { code: 0 }, 0],
    ['exitedWithoutReturning', { code: 0 }, 0],
    ['exited', { code: 3 }, 3],
    ['exited', { code: 0 }, 1],
    ['threw', { code: 1 }, 1],
    ['threw', { code: 0 }, 1],
    ['signaled', { signal: 'SIGKILL' }, 137],
    ['signaled', { signal: 'SIGTERM' }, 143],
    ['terminated', { code: 0 }, 1],
    ['terminated', { signal: 'SIGKILL' }, 137],
    ['crashLoop', { code: 4 }, 4],
    ['moduleThrew', { code: 1, phase: 'loading' }, 70],
    ['signaled', { signal: 'SIGKILL', phase: 'loading' }, 70],
    ['spawnFailed', { phase: null }, 70],
    ['terminatedBeforeStart', { phase: null }, 70],
    ['forgotten', { phase: null }, 70],
  ];
  for (const [kind, facts, code] of cases) {
    assert.equal(exitCodeOfEnd(reason({ kind }, facts), true), code, `${kind} ${JSON.stringify(facts)}`);
  }
});

test('a script that ends itself on its top level has a code of its own; a module that does could not be started', () => {
  const exited = reason({ kind: 'diedBeforeRunning' }, { code: 3, phase: 'loading' });
  assert.deepEqual([exitCodeOfEnd(exited, true), exitCodeOfEnd(exited, false)], [3, 70]);
  const done = reason({ kind: 'exitedWithoutReturning' }, { code: 0, phase: 'loading' });
  assert.equal(exitCodeOfEnd(done, true), 0);
  assert(hadStarted(done, 'running'));
});

test('a worker that is over had started if it came so far, or did all it had to do', () => {
  const died = reason({ kind: 'exited' }, { code: 3 });
  assert.deepEqual(
    [hadStarted(died, 'forked'), hadStarted(died, 'running'), hadStarted(died, 'ready')],
    [true, true, false],
  );
  assert(hadStarted(reason({ kind: 'returned' }, { code: 0 }), 'ready'));
  assert(!hadStarted(reason({ kind: 'spawnFailed' }, { phase: null }), 'forked'));
});

test('an error says whether nobody is there, something could not be started, we are at fault, or the caller is', () => {
  const codes = {
    ERR_NO_POSTMASTER: 69,
    ERR_POSTMASTER_DIED: 69,
    ERR_UNKNOWN_WORKER: 69,
    ERR_FOREIGN_HANDLE: 69,
    ERR_WORKER_ENDED: 69,
    ERR_TOO_MANY_WORKERS: 70,
    ERR_NAME_TAKEN: 70,
    ERR_BAD_MESSAGE: 75,
    ERR_USAGE: 64,
    ERR_AMBIGUOUS_NAME: 64,
    ERR_INVALID_BACKGROUND_WORKER: 64,
  };
  for (const [code, wanted] of Object.entries(codes)) {
    assert.equal(exitCodeOf(new BgworkerError(code, 'x')), wanted, code);
  }
});
