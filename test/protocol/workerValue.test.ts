import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { expectTypeOf } from 'expect-type';
import type { WorkerValue } from '../../src/protocol/index.js';
import { isWorkerValue, readWorkerValue } from '../../src/protocol/index.js';
import { defineWorker } from '../../src/worker/index.js';

const defineWorkerUrl = new URL('../../src/worker/index.js', import.meta.url).href;

const directory = mkdtempSync(join(tmpdir(), 'bgworker-value-'));
after(() => rmSync(directory, { recursive: true }));
let files = 0;

/** Imports a module of this text, which finds defineWorker under INDEX. */
async function moduleOf(extension: 'mjs' | 'cjs', text: string): Promise<Record<string, unknown>> {
  const file = join(directory, `module${++files}.${extension}`);
  writeFileSync(file, text.replaceAll('INDEX', defineWorkerUrl));
  return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
}

test('a worker value knows its module, and finds the name it is exported under', async () => {
  const namespace = await moduleOf(
    'mjs',
    "import { defineWorker } from 'INDEX'; export const other = 1; export const mine = defineWorker(import.meta, () => {}); export default defineWorker(import.meta, () => {});",
  );
  const read = readWorkerValue(namespace['mine']);
  assert.match(read?.module ?? '', /\/module1\.mjs$/);
  assert.equal(await read?.exportName(), 'mine');
  assert.equal(await readWorkerValue(namespace['default'])?.exportName(), 'default');
});

test('a worker value is found in what CommonJS exports', async () => {
  const namespace = await moduleOf(
    'cjs',
    "const { pathToFileURL } = require('node:url'); const brand = Symbol.for('bgworker.worker'); const mine = { [brand]: { module: pathToFileURL(__filename).href, fn() {} } }; module.exports = Object.fromEntries([['mine', mine]]);",
  );
  const inner = namespace['default'] as { mine: unknown };
  assert.equal(await readWorkerValue(inner.mine)?.exportName(), 'mine');
});

test('one that is not exported is refused, with the exports there are', async () => {
  const namespace = await moduleOf(
    'mjs',
    "import { defineWorker } from 'INDEX'; const mine = defineWorker(import.meta, () => {}); export const hold = () => mine;",
  );
  const mine = (namespace['hold'] as () => unknown)();
  await assert.rejects(async () => readWorkerValue(mine)?.exportName(), {
    code: 'ERR_WORKER_NOT_EXPORTED',
    detail: /exports hold$/,
  });
});

test('one whose module waits for it at its own top level is refused instead of waited for', async () => {
  const namespace = await moduleOf(
    'mjs',
    `import { defineWorker } from 'INDEX';
    import { readWorkerValue } from '${new URL('../../src/protocol/index.js', import.meta.url).href}';
    export const mine = defineWorker(import.meta, () => {});
    export const error = await readWorkerValue(mine).exportName().catch((error) => error);`,
  );
  const { code, hint } = namespace['error'] as { code: string; hint: string };
  assert.equal(code, 'ERR_WORKER_NOT_EXPORTED');
  assert.match(hint, /module of its own/);
});

test('what is no worker value is none', () => {
  for (const value of [null, undefined, {}, () => {}, 'text', 1]) {
    assert.equal(readWorkerValue(value), undefined);
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
  assert.throws(() => defineWorker({} as never, () => {}), TypeError);
});
