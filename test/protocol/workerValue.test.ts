import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expectTypeOf } from 'expect-type';
import type { WorkerPlace, WorkerValue } from '../../src/protocol/index.js';
import { findWorker, isWorkerValue } from '../../src/protocol/index.js';
import { defineWorker } from '../../src/worker/index.js';

const defineWorkerUrl = new URL('../../src/worker/index.js', import.meta.url).href;

const directory = mkdtempSync(join(tmpdir(), 'bgworker-value-'));
after(() => rmSync(directory, { recursive: true }));
let files = 0;

async function find(value: unknown): Promise<WorkerPlace> {
  assert.ok(isWorkerValue(value));
  return findWorker(value);
}

/** Imports a module of this text, which finds defineWorker under INDEX. */
async function moduleOf(extension: 'mjs' | 'cjs', text: string): Promise<Record<string, unknown>> {
  const file = join(directory, `module${++files}.${extension}`);
  writeFileSync(file, text.replaceAll('INDEX', extension === 'cjs' ? fileURLToPath(defineWorkerUrl) : defineWorkerUrl));
  return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
}

test('a worker value knows its module, and finds the name it is exported under', async () => {
  const namespace = await moduleOf(
    'mjs',
    "import { defineWorker } from 'INDEX'; export const other = 1; export const mine = defineWorker(import.meta, () => {}); export default defineWorker(import.meta, () => {});",
  );
  const { module, exportName } = await find(namespace['mine']);
  assert.match(module, /^file:.*\/module1\.mjs$/);
  assert.equal(exportName, 'mine');
  assert.equal((await find(namespace['default'])).exportName, 'default');
});

test('in CommonJS it knows its module by `module`, and is found in what that exports', async () => {
  const namespace = await moduleOf(
    'cjs',
    "const { defineWorker } = require('INDEX'); module.exports = Object.fromEntries([['mine', defineWorker(module, () => {})]]);",
  );
  const inner = namespace['default'] as { mine: unknown };
  const { module, exportName } = await find(inner.mine);
  assert.match(module, /^file:.*\.cjs$/);
  assert.equal(exportName, 'mine');
});

test('one whose module was given no URL, as bundlers do in CommonJS, is refused with what to do', async () => {
  await assert.rejects(find(defineWorker({} as never, () => {})), {
    code: 'ERR_WORKER_NOT_EXPORTED',
    detail: /no import\.meta\.url/,
    hint: /client\.module\(path\)/,
  });
});

test('one that is not exported is refused, with the exports there are', async () => {
  const namespace = await moduleOf(
    'mjs',
    "import { defineWorker } from 'INDEX'; const mine = defineWorker(import.meta, () => {}); export const hold = () => mine;",
  );
  const mine = (namespace['hold'] as () => unknown)();
  await assert.rejects(find(mine), {
    code: 'ERR_WORKER_NOT_EXPORTED',
    detail: /exports hold$/,
  });
});

test('one whose module waits for it at its own top level is refused instead of waited for', async () => {
  const namespace = await moduleOf(
    'mjs',
    `import { defineWorker } from 'INDEX';
    import { findWorker } from '${new URL('../../src/protocol/index.js', import.meta.url).href}';
    export const mine = defineWorker(import.meta, () => {});
    export const error = await findWorker(mine).catch((error) => error);`,
  );
  const { code, hint } = namespace['error'] as { code: string; hint: string };
  assert.equal(code, 'ERR_WORKER_NOT_EXPORTED');
  assert.match(hint, /module of its own/);
});

test('what is no worker value is none', () => {
  for (const value of [null, undefined, {}, () => {}, 'text', 1]) {
    assert.equal(isWorkerValue(value), false);
  }
});

test('argument and result follow from the function, and the context needs no annotation', () => {
  const one = defineWorker(import.meta, async (ctx, arg: { n: number }) => {
    expectTypeOf(ctx.signal).toEqualTypeOf<AbortSignal>();
    return `${arg.n}`;
  });
  expectTypeOf(one).toEqualTypeOf<WorkerValue<{ n: number }, string>>();
  const two = defineWorker(import.meta, () => 5);
  expectTypeOf(two).toEqualTypeOf<WorkerValue<void, number>>();
  const three = defineWorker(import.meta, async (ctx) => {
    ctx.ready();
  });
  expectTypeOf(three).toEqualTypeOf<WorkerValue<void, void>>();
  const four = defineWorker(import.meta, (_ctx, list?: readonly string[]) => list);
  expectTypeOf(four).toEqualTypeOf<WorkerValue<readonly string[] | undefined, readonly string[] | undefined>>();
  assert.ok(Object.isFrozen(one));
});

test('defineWorker refuses what is no function', () => {
  assert.throws(() => defineWorker(import.meta, 1 as never), TypeError);
  assert.throws(() => defineWorker((() => {}) as never, undefined as never), TypeError);
});
