/**
 * The types of the face: argument and result follow from the worker, and what does not fit is refused by the compiler.
 * The lines marked `@ts-expect-error` fail to compile if it is not. Nothing here is run but the test of the module's
 * existence.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectTypeOf } from 'expect-type';
import type {
  ArgOf,
  BackgroundWorkerHandle,
  Client,
  PidAnswer,
  ResultOf,
  StartupAnswer,
  WorkerStopReason,
} from '../../src/index.js';
import { launch, register, run } from '../../src/index.js';
import type * as workers from './workers.js';
import { count, greet, idle, maybe } from './workers.js';

/** Compiled, and never called. */
async function typed(client: Client): Promise<void> {
  expectTypeOf(await run(count, { from: 1 })).toEqualTypeOf<number>();
  expectTypeOf(await run(greet, 'you')).toEqualTypeOf<string>();
  expectTypeOf(await run(idle)).toEqualTypeOf<void>();
  expectTypeOf(await run(maybe)).toEqualTypeOf<number | null>();
  expectTypeOf(await run(maybe, 3, { maxRunMs: 1 })).toEqualTypeOf<number | null>();
  expectTypeOf(await launch(count, { from: 1 })).toEqualTypeOf<BackgroundWorkerHandle<number>>();
  expectTypeOf(await client.register(greet, 'you', { restart: 'always' })).toEqualTypeOf<
    BackgroundWorkerHandle<string>
  >();
  expectTypeOf(await client.tryRegister(greet, 'you')).toEqualTypeOf<BackgroundWorkerHandle<string> | null>();
  expectTypeOf(await (await register(greet, 'you')).result()).toEqualTypeOf<string>();

  // @ts-expect-error the argument of another worker
  await run(count, 'you');
  // @ts-expect-error the argument of another worker
  await client.launch(greet, { from: 1 });
  // @ts-expect-error a worker that wants an argument
  await client.run(greet);
  // @ts-expect-error there is no such option
  await client.register(greet, 'you', { restart_time: 1 });
  // @ts-expect-error the life of a run's worker is tied to the client
  await client.run(greet, 'you', { lifetime: 'postmaster' });
  // @ts-expect-error a run ends
  await client.run(greet, 'you', { restart: 'always' });
  // @ts-expect-error a function is no worker
  await client.run((name: string) => name, 'you');

  const module = client.module<typeof workers>(new URL('./workers.js', import.meta.url));
  expectTypeOf(await module.run('count', { from: 1 })).toEqualTypeOf<number>();
  expectTypeOf(await module.run('greet', 'you')).toEqualTypeOf<string>();
  expectTypeOf(await module.run('plain', true)).toEqualTypeOf<'yes' | 'no'>();
  expectTypeOf(await module.launch('greet', 'you')).toEqualTypeOf<BackgroundWorkerHandle<string>>();
  // @ts-expect-error the argument of another worker of the same module
  await module.run('count', 'you');
  // @ts-expect-error the argument of another worker of the same module
  await module.register('greet', { from: 1 });
  // @ts-expect-error a worker that wants an argument
  await module.run('greet');
  // @ts-expect-error no export of that module
  await module.run('missing', 1);
  // @ts-expect-error an export that is no worker
  await module.run('limit');

  const untyped = client.module('/somewhere/x.js');
  expectTypeOf(await untyped.run('anything', { whatever: 1 })).toEqualTypeOf<unknown>();

  const script = client.script('/somewhere/x.js');
  await script.run({ args: ['--all'] });
  // @ts-expect-error a script's arguments are texts
  await script.run({ args: [1] });

  const handle = await client.handle('epoch:0:1');
  const startup = await handle.waitForStartup();
  expectTypeOf(startup).toEqualTypeOf<StartupAnswer>();
  if (startup.status === 'started') expectTypeOf(startup.pid).toEqualTypeOf<number>();
  if (startup.status === 'stopped') expectTypeOf(startup.reason).toEqualTypeOf<WorkerStopReason>();
  const answer: PidAnswer = await handle.getPid();
  if (answer.status === 'started') expectTypeOf(answer.pid).toEqualTypeOf<number>();
  if (handle.reason?.kind === 'threw') expectTypeOf(handle.reason.error.message).toEqualTypeOf<string>();
  if (handle.reason?.kind === 'spawnFailed') expectTypeOf(handle.reason.errno).toEqualTypeOf<string>();
  for await (const event of handle) expectTypeOf(event.missed).toEqualTypeOf<number>();
  expectTypeOf(handle).toExtend<AsyncDisposable>();
  expectTypeOf(client).toExtend<AsyncDisposable>();
}

test('argument and result follow from the worker', () => {
  expectTypeOf<ArgOf<typeof count>>().toEqualTypeOf<{ readonly from: number }>();
  expectTypeOf<ResultOf<typeof greet>>().toEqualTypeOf<string>();
  assert.equal(typeof typed, 'function');
});
