/** How parallel contexts end: destroyed, called off, forgotten, or with those they depend on. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { listSegments } from '../../src/dsm/index.js';
import type { Client } from '../../src/index.js';
import { connect } from '../../src/index.js';
import { ParallelContext } from '../../src/parallel/index.js';
import { until } from '../postmaster/processState.js';
import { untilAsked } from '../process/support/patience.js';
import { areGone, exactly, launched, startRoom, workerPids } from './contextRoom.js';
import { end, nothing } from './contextWorkers.js';

let client: Client;
before(async () => {
  client = await startRoom();
});
after(() => client.close());

const destroyed = { code: 'ERR_PARALLEL_CONTEXT_DESTROYED' };

async function assertNothingLeft(of: Client = client): Promise<void> {
  assert.deepEqual(await workerPids(of), []);
  assert.deepEqual(await listSegments({ client: of }), []);
}

const moments: {
  readonly [when: string]: (context: ParallelContext<'stays'>) => Promise<readonly Promise<unknown>[]>;
} = {
  'has not begun': async () => [],
  'is being initialized': async (context) => [context.initialize()],
  'is being launched': async (context) => {
    await context.initialize();
    return [context.launch('stays')];
  },
  'waits for its workers to attach': async (context) => [(await launched(context, 'stays')).waitToAttach()],
  'has workers at work': async (context) => {
    await (await launched(context, 'stays')).waitToAttach();
    return [context.waitToFinish(), context.reinitialize()];
  },
};

for (const [when, come] of Object.entries(moments)) {
  test(`R-PAR-27: a context that ${when} can be destroyed, and twice, and leaves nothing`, async () => {
    const context = new ParallelContext(end, exactly(1, client)) as ParallelContext<'stays'>;
    const waits = (await come(context)).map((wait) => assert.rejects(wait, destroyed));
    await Promise.all([context.destroy(), context.destroy()]);
    await assertNothingLeft();
    await Promise.all(waits);
    await context.destroy();
    await assert.rejects(context.initialize(), destroyed);
  });

  test(`F-78, R-PAR-28: a context that ${when} and is called off has no worker left when that is told`, async () => {
    const abort = new AbortController();
    const options = { ...exactly(1, client), signal: abort.signal };
    await using context = new ParallelContext(end, options) as ParallelContext<'stays'>;
    const waits = await come(context);
    const asked = Promise.allSettled(waits.length > 0 ? waits : [context.initialize()]);
    const why = new Error('enough');
    abort.abort(why);
    for (const wait of await asked) assert.equal(wait.status === 'rejected' && wait.reason, why);
    await assertNothingLeft();
  });
}

test('R-PAR-27: idle workers are let go, and not killed', async () => {
  const context = await launched(new ParallelContext(nothing, exactly(1, client)), undefined);
  await context.waitToFinish();
  const [row] = await client.activity();
  const handle = await client.handle(row?.handle ?? '');
  await context.destroy();
  assert.equal(handle.reason?.kind, 'returned');
  await assertNothingLeft();
});

for (const how of ['stays', 'stays until it is asked to stop'] as const) {
  test(`with terminateTimeoutMs a worker that ${how} is asked to stop, and need not be killed`, async () => {
    const options = { ...exactly(1, client), terminateTimeoutMs: 60_000 };
    const context = await launched(new ParallelContext(end, options), how);
    await context.waitToAttach();
    await context.destroy();
    await assertNothingLeft();
  });
}

test('R-PAR-26: the death of the postmaster ends every wait', async () => {
  const own = await startRoom({ postmasterDeathGraceMs: 0 });
  await using context = await launched(new ParallelContext(end, exactly(1, own)), 'stays');
  await context.waitToAttach();
  const died = { code: 'ERR_POSTMASTER_DIED' };
  const waits = [context.waitToFinish(), context.reinitialize()].map((wait) => assert.rejects(wait, died));
  process.kill(own.postmasterPid, 'SIGKILL');
  await Promise.all(waits);
  await assert.rejects(context.waitToFinish(), died);
});

function runProgram(how: string): ChildProcess & { readonly stdout: NodeJS.ReadableStream } {
  const program = fileURLToPath(new URL('./contextProgram.js', import.meta.url));
  const env = { ...process.env, BGWORKER_DIR: client.directory };
  return spawn(process.execPath, [program, how], { env, stdio: ['ignore', 'pipe', 'inherit'] }) as never;
}

test('F-78: a leader that is killed leaves no worker, be they busy or idle', async () => {
  const leader = runProgram('stays');
  await once(leader.stdout, 'data');
  const pids = await workerPids(client);
  assert.equal(pids.length, 2);
  leader.kill('SIGKILL');
  await until(() => areGone(pids), 'the workers are gone');
  await untilAsked(async () => (await listSegments({ client })).length === 0, 'the memory is given back');
});

test('R-PAR-1: a context that is never destroyed keeps no process alive, and its workers end with it', async () => {
  const leader = runProgram('leaves');
  const [code] = await once(leader, 'exit');
  assert.equal(code, 0);
  await untilAsked(async () => (await workerPids(client)).length === 0, 'the workers are gone');
});

test('R-PAR-1: a context that is garbage is destroyed, with a warning', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await forget();
  const warning = once(process, 'warning');
  let hasWarned = false;
  void warning.then(() => {
    hasWarned = true;
  });
  await untilAsked(async () => {
    collect();
    return hasWarned;
  }, 'it is warned of');
  assert.match(String((await warning)[0]), /leaked parallel context/);
  await untilAsked(async () => (await workerPids(client)).length === 0, 'the workers are gone');
  await assertNothingLeft();
});

/** In a function of its own, which leaves nothing on the stack. */
async function forget(): Promise<void> {
  const context = await launched(new ParallelContext(nothing, exactly(1, client)), undefined);
  await context.waitToFinish();
}

test('a client that is closed ends every wait', async () => {
  const own = await connect({ directory: client.directory });
  await using context = await launched(new ParallelContext(end, exactly(1, own)), 'stays');
  await context.waitToAttach();
  const wait = assert.rejects(context.waitToFinish(), { code: 'ERR_CLIENT_CLOSED' });
  await own.close();
  await wait;
  await untilAsked(async () => (await workerPids(client)).length === 0, 'the workers are gone');
});
