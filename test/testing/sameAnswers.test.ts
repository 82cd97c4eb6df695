/**
 * A fake postmaster answers as a real one does: for each outcome a real process has it, the test plays it by hand, and,
 * where a function without a process can have it, the function runs in the test's process. All three handles say the
 * same.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { BackgroundWorkerHandle, Client, RegisterOptions } from '../../src/index.js';
import { BgworkerError, startPostmaster, WorkerError } from '../../src/index.js';
import type { FakeWorker } from '../../src/testing/index.js';
import { createFakePostmaster } from '../../src/testing/index.js';
import type { StartFailure } from '../../src/testing/startFailure.js';
import * as workers from './workers.js';

interface Row {
  readonly register: (client: Client) => Promise<BackgroundWorkerHandle>;
  /** What is done to it when it has started. */
  readonly afterStart?: (handle: BackgroundWorkerHandle) => Promise<void>;
  /** How the test has it come to that. */
  readonly byHand: StartFailure | ((worker: FakeWorker) => Promise<void>);
  /** A function cannot end the process that it has not got. */
  readonly needsProcess?: true;
}

const module = (name: string): URL => new URL(`./${name}.js`, import.meta.url);
const terminate = (handle: BackgroundWorkerHandle): Promise<void> => handle.terminate();
const obedient = async (worker: FakeWorker): Promise<void> => {
  await worker.enter();
  void worker.askedToStop.then(() => worker.stop());
};
const failure = Object.assign(new RangeError('too far', { cause: new Error('behind it') }), {
  code: 'ERR_FAR',
  metres: 7,
});
const noSuchNode: RegisterOptions = { nodePath: '/nowhere/node' };

const rows: Readonly<Record<string, Row>> = {
  'a function returns a value': {
    register: (client) => client.register(workers.returns, new Map([[1, { big: 2n }]])),
    byHand: (worker) => worker.return({ value: worker.arg, name: 'returns' }),
  },
  'a function returns nothing': {
    register: (client) => client.register(workers.returnsNothing),
    byHand: (worker) => worker.return(),
  },
  'a function returns what cannot be sent': {
    register: (client) => client.register(workers.returnsWhatCannotBeSent),
    byHand: (worker) => worker.return({ fn: () => {} }),
  },
  'a function throws': {
    register: (client) => client.register(workers.throws),
    byHand: (worker) => worker.throw(failure),
  },
  'a worker that is terminated tidies up and returns': {
    register: (client) => client.register(workers.becomesReady),
    afterStart: async (handle) => {
      await handle.waitForStartup({ until: 'ready' });
      await handle.terminate();
    },
    byHand: async (worker) => {
      await worker.ready();
      void worker.askedToStop.then(() => worker.return('tidied up'));
    },
  },
  'a worker that is terminated ends with the reason of its signal': {
    register: (client) => client.register(workers.obeys),
    afterStart: terminate,
    byHand: obedient,
  },
  'a worker that heeds nothing ends at once when it is terminated': {
    register: (client) => client.register(workers.heedsNothing),
    afterStart: terminate,
    byHand: obedient,
    needsProcess: true,
  },
  'a worker that is given no time is killed': {
    register: (client) => client.register(workers.obeys),
    afterStart: (handle) => handle.terminate({ timeoutMs: 0 }),
    byHand: (worker) => worker.enter(),
  },
  'a function calls process.exit(0)': {
    register: (client) => client.register(workers.exits, 0),
    byHand: async (worker) => {
      await worker.enter();
      await worker.exit({ output: 'so long\n' });
    },
    needsProcess: true,
  },
  'a function calls process.exit(3)': {
    register: (client) => client.register(workers.exits, 3),
    byHand: async (worker) => {
      await worker.enter();
      await worker.exit({ code: 3, output: 'so long\n' });
    },
    needsProcess: true,
  },
  'a process is killed from elsewhere': {
    register: (client) => client.register(workers.isKilled, 'SIGKILL'),
    byHand: async (worker) => {
      await worker.enter();
      await worker.exit({ signal: 'SIGKILL' });
    },
    needsProcess: true,
  },
  'a function waits for what never comes': {
    register: (client) => client.register(workers.neverSettles),
    byHand: async (worker) => {
      await worker.enter();
      await worker.neverSettle();
    },
    needsProcess: true,
  },
  'the export is missing': {
    register: (client) => client.module(module('workers')).register('nothing', undefined),
    byHand: { kind: 'exportMissing', exports: Object.keys(workers) },
  },
  'the export is no function': {
    register: (client) => client.module(module('workers')).register('notWorker', undefined),
    byHand: { kind: 'exportMissing', exports: Object.keys(workers) },
  },
  'the module is missing': {
    register: (client) => client.module(module('nowhere')).register('main', undefined),
    byHand: { kind: 'moduleNotFound' },
  },
  'the module throws': {
    register: (client) => client.module(module('throwsWhenLoaded')).register('main', undefined),
    byHand: { kind: 'moduleThrew', error: new TypeError('no database') },
  },
  'the module ends the process': {
    register: (client) => client.module(module('exitsWhenLoaded')).register('main', undefined),
    byHand: { kind: 'diedBeforeRunning', code: 7 },
    needsProcess: true,
  },
  'there is no such executable': {
    register: (client) => client.register(workers.returnsNothing, undefined, noSuchNode),
    byHand: { kind: 'spawnFailed', errno: 'ENOENT', what: 'execute /nowhere/node' },
    needsProcess: true,
  },
};

let real: Client;
/** Begun all at once: a process takes its time to boot. */
const askedOfReal = new Map<Row, Promise<Answers>>();

before(async () => {
  real = await startPostmaster({ maxWorkerProcesses: 32, spareWorkers: 0, output: 'ignore', logLevel: 'silent' });
  for (const row of Object.values(rows)) {
    const asked = row.register(real).then((handle) => answersOf(handle, row));
    asked.catch(() => {}); // The test of this row says it.
    askedOfReal.set(row, asked);
  }
});

after(() => real.close());

for (const [title, row] of Object.entries(rows)) {
  test(`a fake answers as a real one when ${title}`, async () => {
    const asked = await askedOfReal.get(row);
    assert.deepEqual(await playedByHand(row), asked, 'by hand');
    if (row.needsProcess !== true) assert.deepEqual(await playedInProcess(row), asked, 'in process');
  });
}

async function playedByHand(row: Row): Promise<Answers> {
  const fake = await createFakePostmaster({ byHand: true });
  try {
    if (typeof row.byHand !== 'function') fake.failNextStart(row.byHand);
    const answers = answersOf(await row.register(fake.client), row);
    if (typeof row.byHand === 'function') await row.byHand(await fake.nextStart());
    return await answers;
  } finally {
    await fake.close();
  }
}

async function playedInProcess(row: Row): Promise<Answers> {
  const fake = await createFakePostmaster();
  try {
    return await answersOf(await row.register(fake.client), row);
  } finally {
    await fake.close();
  }
}

type Answers = Awaited<ReturnType<typeof answersOf>>;

/** Everything that a handle says, but for pids, times and places. */
async function answersOf(handle: BackgroundWorkerHandle, row: Row) {
  const startup = await handle.waitForStartup();
  await row.afterStart?.(handle);
  const end = await handle.waitForShutdown();
  assert.equal(end.status, 'stopped');
  const { pid, forkedAt, enteredAt, stoppedAt, ...reason } = end.reason;
  const { name, status, attempts, phase } = handle;
  return {
    startup: startup.status,
    ...{ name, status, attempts, phase },
    willRestart: end.willRestart,
    retryAt: end.retryAt,
    reason: withoutPlaces(reason),
    hadProcess: pid !== null && forkedAt !== null,
    wasEntered: enteredAt !== null && enteredAt <= stoppedAt,
    result: await handle.result().catch(describe),
  };
}

/** Without stacks, and what Node says of who imported what is missing. */
function withoutPlaces(reason: object): unknown {
  const text = JSON.stringify(reason, (key, value: unknown) => (key === 'stack' ? undefined : value));
  return JSON.parse(text.replace(/ imported from [^"]*/, ''));
}

function describe(error: unknown): object {
  assert.ok(error instanceof BgworkerError, String(error));
  const cause = error.cause instanceof Error ? { ...error.cause, name: error.cause.name } : null;
  return { code: error.code, isWorkerError: error instanceof WorkerError, hint: error.hint, cause };
}
