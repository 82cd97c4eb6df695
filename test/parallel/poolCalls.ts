/**
 * Functions that the tests of pools call in other processes. What each does to its process stands in its name.
 */
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPool } from '../../src/parallel/index.js';
import { defineWorker } from '../../src/worker/index.js';

export const double = defineWorker(import.meta, (_ctx, value: number) => value * 2);
export const pidOf = defineWorker(import.meta, () => process.pid);
export const giveBack = defineWorker(import.meta, (_ctx, value: unknown) => value);
export const giveZeros = defineWorker(import.meta, (_ctx, bytes: number) => new Uint8Array(bytes));
export const nameOf = defineWorker(import.meta, (ctx) => ctx.entry.name);

export const fail = defineWorker(import.meta, (_ctx, message: string) => {
  throw Object.assign(new RangeError(message, { cause: new TypeError('below') }), { code: 'ERR_OWN', field: 1 });
});

export const giveFunction = defineWorker(import.meta, () => ({ deep: [{ url: () => 1 }] }) as unknown);

/** Says in a file that it runs, and runs until it is killed. */
export const runOn = defineWorker(import.meta, (_ctx, file: string) => {
  appendFileSync(file, `${process.pid}\n`);
  for (;;);
});

/** Says in a file that it runs, and waits for another one. */
export const waitForFile = defineWorker(import.meta, async (_ctx, { said, until }: { said: string; until: string }) => {
  appendFileSync(said, `${process.pid}\n`);
  while (!existsSync(until)) await sleep(5);
  return 'done';
});

/** As a call that waits for its turn would be: nothing ever wakes it. */
export const neverSettle = defineWorker(import.meta, () => new Promise<void>(() => {}));

export const exitWith = defineWorker(import.meta, (_ctx, code: number) => process.exit(code));
export const killItself = defineWorker(import.meta, () => void process.kill(process.pid, 'SIGKILL'));

export const exhaustHeap = defineWorker(import.meta, () => {
  const held: unknown[] = [];
  for (;;) held.push(new Array(1_000).fill(held.length));
});

/** Returns, and a moment later the process ends by what it left. */
export const leaveTimerThatThrows = defineWorker(import.meta, () => {
  setTimeout(() => {
    throw new Error('left behind');
  }, 0);
});

/** Stops as it is asked to, and says so. */
export const stopInOrder = defineWorker(import.meta, async (ctx, file: string) => {
  appendFileSync(file, 'began\n');
  await ctx.terminated;
  appendFileSync(file, 'stopped\n');
});

export const answerAndExit = defineWorker(import.meta, () => {
  setImmediate(() => process.exit());
  return process.pid;
});

export const heedOnce = defineWorker(import.meta, (ctx) => ctx.signal.aborted);

export const readContext = defineWorker(import.meta, async (ctx) => {
  const all = { ...ctx };
  ctx.ready();
  ctx.progress(3, 4);
  const refused = await ctx.channel.send(1).catch((error: { code: string }) => error.code);
  return { refused, name: all.entry.name, type: all.entry.type, directory: (await ctx.client).directory };
});

const one = defineWorker(import.meta, () => 1);
export const notExportedThere = process.title.startsWith('bgworker: ') ? (undefined as never) : one;

/** A pool in a process of a pool. */
export const doubleElsewhere = defineWorker(import.meta, async (_ctx, value: number) => {
  await using pool = createPool({ size: 1 });
  return await pool.run(double, value);
});
