/** What the leader is told of a parallel worker that fails, however it does. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { listSegments } from '../../src/dsm/index.js';
import type { Client } from '../../src/index.js';
import { BgworkerError } from '../../src/index.js';
import type { EntryPoint } from '../../src/parallel/index.js';
import { ParallelContext, ParallelWorkerError } from '../../src/parallel/index.js';
import { areGone, exactly, launched, startRoom, workerPids } from './contextRoom.js';
import { end, notExportedThere, nothing } from './contextWorkers.js';

let client: Client;
before(async () => {
  client = await startRoom();
});
after(() => client.close());

type How = Parameters<typeof end extends EntryPoint<infer Arg> ? (how: Arg) => void : never>[0];

async function failureOf(how: How): Promise<Error & { readonly [field: string]: unknown }> {
  await using context = await launched(new ParallelContext(end, exactly(1, client)), how);
  return await context.waitToFinish().then(
    () => assert.fail(`${how}, and nothing was thrown`),
    (error) => error,
  );
}

test('F-77, R-PAR-21: what a worker throws is thrown in the leader: name, message, code, cause, fields, and where it was', async () => {
  const error = await failureOf('throws');
  const { name, message, code, where, cause, context } = error;
  assert.deepEqual(
    { name, message, code, where, context },
    { name: 'Trouble', message: 'it went wrong', code: 'E_TROUBLE', where: { line: 7 }, context: 'parallel worker' },
  );
  assert.ok(cause instanceof RangeError);
  assert.match(error.stack ?? '', /contextWorkers\.js.*\n {4}in parallel worker 0 \(pid \d+\)$/s);
  assert.ok(!Object.keys(error).includes('context'), 'nobody who prints it sees it twice');
});

test('R-PAR-21: what is thrown and no error comes as one that shows it', async () => {
  const error = await failureOf('throws no error');
  assert.equal(error.name, 'NonError');
  assert.deepEqual(error['value'], { answer: 42 });
});

test('R-PAR-3, R-PAR-21: an error of the package is one of its class again, also when it is longer than the error queue', async () => {
  const error = await failureOf('throws what no queue holds');
  assert.ok(error instanceof BgworkerError);
  assert.deepEqual({ code: error.code, detail: error.detail }, { code: 'ERR_OF_ITS_OWN', detail: 'x'.repeat(30_000) });
});

const lost = {
  'exits with 0': 'exitedWithoutReturning',
  'exits with 3': 'exited',
  'kills itself': 'signaled',
  'waits for what never comes': 'neverSettled',
  'loses its memory and stays': 'threw',
} as const;
for (const [how, kind] of Object.entries(lost) as [keyof typeof lost, string][]) {
  test(`F-77, R-PAR-12, R-PAR-23: a worker that ${how} without a word is lost, and the reason says how`, async () => {
    const error = await failureOf(how);
    assert.ok(error instanceof ParallelWorkerError);
    assert.equal(error.code, 'ERR_PARALLEL_WORKER_LOST');
    assert.match(error.message, /^lost connection to parallel worker: it .*contextWorkers\.js/s);
    assert.deepEqual({ number: error.workerNumber, kind: error.reason.kind }, { number: 0, kind });
  });
}

test('F-77: a worker that is asked to stop from outside says so', async () => {
  assert.equal((await failureOf('is asked to stop'))['code'], 'ERR_WORKER_SIGNALED');
});

test('F-77, R-PAR-11, R-PAR-24, R-PAR-25: a worker that ends before it has attached has failed to initialize, says every wait', async () => {
  const worker = { execArgv: ['--import', 'data:text/javascript,process.exit(5)'] };
  await using context = await launched(new ParallelContext(nothing, { ...exactly(1, client), worker }), undefined);
  const isRight = (error: unknown): boolean => {
    assert.ok(error instanceof ParallelWorkerError);
    assert.equal(error.code, 'ERR_PARALLEL_WORKER_NOT_INITIALIZED');
    assert.match(error.message, /^parallel worker failed to initialize: it /);
    assert.equal(error.reason.code, 5);
    return true;
  };
  await Promise.all([context.waitToAttach(), context.waitToFinish()].map((wait) => assert.rejects(wait, isRight)));
});

test('an entry point that is not there in the worker is an error that names what is', async () => {
  assert.ok(notExportedThere !== undefined);
  const worker = { env: { WITHOUT_ENTRY_POINT: '1' } };
  const context = new ParallelContext(notExportedThere, { ...exactly(1, client), worker });
  await using _ = await launched(context, undefined);
  await assert.rejects(context.waitToFinish(), {
    code: 'ERR_NO_ENTRY_POINT',
    detail: /^"notExportedThere" of file:/,
    hint: /^it exports .*\baddNumber, /,
  });
});

test('a module that is gone when the worker comes to it is an error that says which', async () => {
  const path = fileURLToPath(new URL('./gone.mjs', import.meta.url));
  const parallel = new URL('../../src/parallel/index.js', import.meta.url);
  writeFileSync(
    path,
    `import { defineEntryPoint } from '${parallel}';\nexport const main = defineEntryPoint(import.meta, () => {});\n`,
  );
  const { main } = (await import(pathToFileURL(path).href)) as { readonly main: EntryPoint };
  await using context = new ParallelContext(main, exactly(1, client));
  await context.initialize();
  rmSync(path);
  await context.launch();
  await assert.rejects(context.waitToFinish(), {
    code: 'ERR_NO_ENTRY_POINT',
    message: /cannot be imported/,
    detail: /gone\.mjs/,
  });
});

test('what no worker can be registered with is an error of the launch', async () => {
  await using context = new ParallelContext(nothing, { ...exactly(1, client), worker: { nice: 99 } });
  await context.initialize();
  await assert.rejects(context.launch(), { code: 'ERR_INVALID_BACKGROUND_WORKER' });
  assert.deepEqual(await context.waitToFinish(), []);
});

test('an entry point that its module does not export is refused before anything is made', async () => {
  const { defineEntryPoint } = await import('../../src/parallel/index.js');
  const hidden = defineEntryPoint(import.meta, () => {});
  await using context = new ParallelContext(hidden, exactly(1, client));
  await assert.rejects(context.initialize(), { code: 'ERR_WORKER_NOT_EXPORTED' });
});

test('R-PAR-21, R-PAR-27, R-PAR-29: the first failure is what every wait and every step is told; the others are killed, and the log knows it too', async () => {
  const context = await launched(new ParallelContext(end, exactly(2, client)), 'throws');
  const [first] = context.run;
  const trouble = { name: 'Trouble' };
  await assert.rejects(Promise.all([context.waitToFinish(), context.waitToAttach()]), trouble);
  await assert.rejects(context.reinitialize(), trouble);
  await assert.rejects(context.waitToFinish(), trouble);
  const pids = await workerPids(client);
  await context.destroy();
  assert.ok(areGone(pids));
  assert.equal(first?.handle.reason?.kind, 'threw');
  assert.deepEqual(await workerPids(client), []);
  assert.deepEqual(await listSegments({ client }), []);
});
