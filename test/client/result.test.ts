/**
 * What a worker's run gave, as its handle tells it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serialize } from 'node:v8';
import { WorkerError } from '../../src/client/index.js';
import { benchForEachTest } from './attach.js';
import { reasonOf, runningStatus, stoppedStatus } from './fakePostmaster.js';

const bench = benchForEachTest();

test('the result is the value that was returned', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  const result = handle.result();
  const bytes = new Uint8Array(serialize({ when: new Date(0), big: 1n }));
  const returned = reasonOf({ kind: 'returned', code: 0 });
  connection.tell(stoppedStatus(2, 1, { final: true, reason: returned, result: { state: 'bytes', bytes } }));
  assert.deepEqual(await result, { when: new Date(0), big: 1n });
  assert.deepEqual(await handle.result(), { when: new Date(0), big: 1n });
});

test('of a restartable worker it is the result of the run that returned, though others follow', async () => {
  const { handle, connection } = await bench().attachWithHandle();
  const result = handle.result();
  connection.tell(stoppedStatus(2, 1));
  connection.tell(runningStatus(3, 2));
  const bytes = new Uint8Array(serialize('second'));
  const returned = reasonOf({ kind: 'returned', attempt: 2 });
  connection.tell(stoppedStatus(4, 2, { reason: returned, result: { state: 'bytes', bytes } }));
  assert.equal(await result, 'second');
});

test('a worker that returned nothing has undefined for a result', async () => {
  const { handle } = await bench().attachWithHandle(
    stoppedStatus(2, 1, { final: true, reason: reasonOf({ kind: 'returned' }) }),
  );
  assert.equal(await handle.result(), undefined);
});

test('a worker that did not return throws why, with what it threw as the cause, and our own place in the stack', async () => {
  const error = { name: 'TypeError', message: 'no', code: 'E_NO', stack: 'TypeError: no\n    at worker.js:1:1' };
  const reason = { ...reasonOf(), kind: 'threw', error } as const;
  const { handle } = await bench().attachWithHandle(stoppedStatus(2, 1, { final: true, reason }));
  await assert.rejects(
    async () => await handle.result(),
    (thrown) => {
      assert.ok(thrown instanceof WorkerError);
      assert.equal(thrown.message, 'background worker "w" threw TypeError: no');
      assert.equal(thrown.code, 'ERR_WORKER_FAILED');
      assert.equal(thrown.reason.kind, 'threw');
      assert.equal(thrown.handle, handle);
      assert.ok(thrown.cause instanceof TypeError);
      assert.equal((thrown.cause as { code?: string }).code, 'E_NO');
      assert.match(thrown.stack ?? '', /result\.test/);
      return true;
    },
  );
});

test('a result that cannot be had says so by its own code', async () => {
  const result = {
    state: 'problem',
    code: 'ERR_RESULT_TOO_LARGE',
    message: 'the result is too large',
    hint: 'less',
  } as const;
  const reason = reasonOf({ kind: 'returned' });
  const { handle } = await bench().attachWithHandle(stoppedStatus(2, 1, { final: true, reason, result }));
  await assert.rejects(handle.result(), { code: 'ERR_RESULT_TOO_LARGE' });
});
