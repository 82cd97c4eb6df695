/**
 * How a run can end, as the worker tells it: one saying at most, the first that is true, whatever the exit code.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deserializeValue, serializeValue } from '../../src/protocol/index.js';
import { withWorker } from './workerProcess.js';

interface Run {
  readonly title: string;
  readonly fn: string;
  readonly said: object | undefined;
  readonly code?: number;
  readonly signal?: string;
}

const runs: readonly Run[] = [
  {
    title: 'a function that returns nothing',
    fn: 'returnsNothing',
    said: { word: 'returned', asked: false, result: null },
    code: 0,
  },
  {
    title: 'a function that returns with an exit code of its own',
    fn: 'returnsWithExitCode',
    said: { word: 'returned', asked: false, result: null },
    code: 2,
  },
  { title: 'process.exit(0) before it returned', fn: 'exits0', said: { word: 'exiting', code: 0 }, code: 0 },
  { title: 'process.exit(256)', fn: 'exits256', said: { word: 'exiting', code: 256 }, code: 0 },
  { title: 'an exit that no listener hears', fn: 'exitsSilently', said: undefined, code: 0 },
  { title: 'SIGKILL', fn: 'killsItself', said: undefined, signal: 'SIGKILL' },
  { title: 'a wait for what cannot come', fn: 'neverSettles', said: { word: 'neverSettled' }, code: 13 },
  { title: 'a handler for uncaught errors that throws', fn: 'handlerThrows', said: undefined, code: 7 },
];

for (const { title, fn, said, code = null, signal = null } of runs) {
  test(`${title} ends as it says`, () =>
    withWorker({ module: 'running.mjs', functionName: fn }, async (worker) => {
      assert.deepEqual(await worker.said(), said);
      assert.deepEqual(await worker.ended, { code, signal });
      assert.equal(worker.of('entered').length, 1);
    }));
}

async function resultOf(functionName: string, arg?: unknown): Promise<unknown> {
  return withWorker({ module: 'running.mjs', functionName, arg }, async (worker) => {
    const said = await worker.said();
    assert.equal(said?.word, 'returned');
    assert.equal((await worker.ended).code, 0);
    if (said.result?.state !== 'bytes') return said.result;
    const bytes = worker.told.at(-1)?.attachments[0];
    assert.ok(bytes);
    return deserializeValue(bytes);
  });
}

test('argument and result arrive as structured values', async () => {
  const arg = {
    map: new Map([['k', new Date(0)]]),
    bytes: Buffer.from('abc'),
    big: 1n,
    list: [1, undefined, 3],
    deep: [[[[[[1]]]]]],
  };
  assert.deepEqual(await resultOf('returnsArgument', arg), arg);
});

test('an argument and a result of nearly a frame arrive whole', async () => {
  const bytes = Buffer.alloc(1024 * 1024 - 100, 'abc');
  assert.equal(bytes.compare((await resultOf('returnsArgument', bytes)) as Buffer), 0);
});

test('buffers of an argument have memory of their own', async () => {
  assert.deepEqual(
    await resultOf('measuresBuffers', [Buffer.from('abc'), new Float64Array(2), new DataView(new ArrayBuffer(3))]),
    [3, 16, 3],
  );
});

test('an argument in a file is read from the directory of the postmaster', () =>
  withWorker(
    {
      module: 'running.mjs',
      functionName: 'returnsArgument',
      job: false,
      worker: { mainArg: { kind: 'file', file: 'abc', sizeBytes: 1 } },
    },
    async (worker) => {
      const { mkdirSync, writeFileSync } = await import('node:fs');
      mkdirSync(`${worker.directory}/args`);
      writeFileSync(`${worker.directory}/args/abc`, serializeValue('from a file', 'arg'));
      worker.giveJob();
      await worker.said();
      assert.equal(deserializeValue(worker.told.at(-1)!.attachments[0]!), 'from a file');
    },
  ));

test('a result that cannot be sent is told as a problem, with its path', async () => {
  const problem = (await resultOf('returnsUrl')) as { code: string; message: string };
  assert.equal(problem.code, 'ERR_NOT_SERIALIZABLE');
  assert.match(problem.message, /result\.rows\[0\]\.link is of class URL/);
});

test('a result that is too large is told as a problem', async () => {
  const problem = (await resultOf('returnsTooMuch')) as { code: string };
  assert.equal(problem.code, 'ERR_RESULT_TOO_LARGE');
});

test('what begins in a listener for beforeExit is waited for', async () => {
  assert.equal(await resultOf('revivedByBeforeExit'), 'revived');
});

test('an uncaught error that the worker handles itself is no end', async () => {
  assert.equal(await resultOf('handlerGoesOn'), 'later');
});

test('a function that throws tells the error, and prints nothing', () =>
  withWorker({ module: 'running.mjs', functionName: 'throws' }, async (worker) => {
    const said = await worker.said();
    assert.equal(said?.word, 'threw');
    const { stack, cause, ...error } = said.error;
    assert.deepEqual(error, { name: 'TypeError', message: 'no good', code: 'E_BAD', fields: { field: 1 } });
    assert.match(stack ?? '', /running\.mjs:\d+/);
    assert.equal(cause?.message, 'the cause');
    assert.deepEqual(await worker.ended, { code: 1, signal: null });
    assert.equal(worker.stderr, '');
  }));

test('what is thrown need not be an error', () =>
  withWorker({ module: 'running.mjs', functionName: 'rejects' }, async (worker) => {
    const said = await worker.said();
    assert.deepEqual(said, {
      word: 'threw',
      error: { name: 'NonError', message: "'a string'", fields: { value: 'a string' } },
    });
  }));

for (const [fn, code] of [
  ['throwsLater', 1],
  ['throwsLaterWithExitZero', 0],
] as const) {
  test(`an uncaught error is told, though the exit code is ${code}`, () =>
    withWorker({ module: 'running.mjs', functionName: fn }, async (worker) => {
      const said = await worker.said();
      assert.equal(said?.word, 'threw');
      assert.equal(said.error.message, 'later');
      assert.equal((await worker.ended).code, code);
    }));
}

test('what a worker leaves open when it returns is named in the log, and ends with it', () =>
  withWorker({ module: 'running.mjs', functionName: 'returnsWithServer' }, async (worker) => {
    assert.equal((await worker.said())?.word, 'returned');
    assert.deepEqual(
      worker.of('log').map(({ level, fields }) => [level, fields]),
      [['warn', { open: ['1 TCP server'] }]],
    );
  }));

test('what a worker has closed before it returns is not named', () =>
  withWorker({ module: 'running.mjs', functionName: 'returnsWithClosedServer' }, async (worker) => {
    assert.equal((await worker.said())?.word, 'returned');
    assert.deepEqual(worker.of('log'), []);
  }));

for (const [fn, ending] of [
  ['printsAndExits', { code: 7, signal: null }],
  ['printsAndIsKilled', { code: null, signal: 'SIGKILL' }],
] as const) {
  test(`1 MB to both streams arrives whole, and in order within each: ${fn}`, () =>
    withWorker({ module: 'running.mjs', functionName: fn }, async (worker) => {
      assert.deepEqual(await worker.ended, ending);
      assert.equal(worker.stdout.length, 1_000_000);
      assert.equal(worker.stderr.length, 1_000_000);
    }));
}
