/**
 * The house rules of ARCHITECTURE.md and STYLE.md that a program can check.
 *
 * A rule is a sentence, a function that finds problems, and one small file that breaks it, so that each rule is tried
 * twice: on our sources, where it finds nothing, and on that file, where it must find something.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as layers from './tidy/layers.js';
import { documentProblems, linkProblems } from './tidy/links.js';
import * as manners from './tidy/manners.js';
import type { Problem, Source } from './tidy/source.js';
import { readSources, sourceOf } from './tidy/source.js';

interface Rule {
  readonly title: string;
  readonly find: (sources: readonly Source[]) => readonly Problem[];
  /** Programs that break the rule: path to text. Each row is a world of its own. */
  readonly breaks: readonly Readonly<Record<string, string>>[];
  /** Programs that look similar and keep it. */
  readonly keeps: readonly Readonly<Record<string, string>>[];
}

const longText = 'export {};\n'.repeat(401);
const header = '/**\n * What it is.\n * What always holds.\n */\n';

const rules: readonly Rule[] = [
  {
    title: 'an import points down the layers, and to the index of the other folder',
    find: layers.layerProblems,
    breaks: [
      { 'src/client/a.ts': "import { b } from '../postmaster/index.js';" },
      { 'src/client/a.ts': "import type { B } from '../worker/index.js';" },
      { 'src/client/a.ts': "await import('../postmaster/index.js');" },
      { 'src/client/a.ts': "type B = import('../postmaster/index.js').B;" },
      { 'src/client/a.ts': "export { b } from '../core/state.js';" },
      { 'src/client/a.ts': "import { b } from '../index.js';" },
      { 'src/cli/a.ts': "import { b } from '../worker/withoutProcess.js';" },
      { 'src/client/a.ts': "import { b } from '../../test/support/b.js';" },
      { 'src/cli/commands/run.ts': "import { b } from '../../client/handle.js';" },
      { 'src/index.ts': "export { b } from './client/handle.js';" },
      { 'src/other.ts': "import { b } from './client/index.js';" },
      { 'src/attic/a.ts': "import { readFile } from 'node:fs';" },
    ],
    keeps: [
      { 'src/client/a.ts': "import { b } from '../protocol/index.js'; import { c } from './c.js'; import 'node:fs';" },
      { 'src/cli/commands/run.ts': "import { b } from '../../client/index.js'; import { c } from '../output.js';" },
      { 'src/index.ts': "export { b } from './client/index.js';" },
      { 'src/testing/a.ts': "import { b } from '../worker/withoutProcess.js';" },
      { 'test/client/a.test.ts': "import { b } from '../../src/client/handle.js';" },
    ],
  },
  {
    title: 'nothing that is loaded in a worker opens its standard error',
    find: layers.standardErrorProblems,
    breaks: [{ 'src/protocol/a.ts': "import { inspect } from 'node:util';" }],
    keeps: [
      { 'src/protocol/a.ts': "import * as types from 'node:util/types'; import type { inspect } from 'node:util';" },
      { 'src/cli/main.ts': "import { inspect } from 'node:util';" },
    ],
  },
  {
    title: 'a package is imported only by the files that own it',
    find: layers.packageProblems,
    breaks: [
      { 'src/client/a.ts': "import * as v from 'valibot';" },
      { 'src/client/a.ts': "await import('koffi');" },
      { 'src/client/a.ts': "import x from '@someone/something/deep.js';" },
      { 'src/client/a.ts': "import { readFile } from 'fs';" },
    ],
    keeps: [{ 'src/cli/main.ts': "import { Command } from 'commander'; import 'node:fs/promises';" }],
  },
  {
    title: 'the first file of a worker imports nothing but node: built-ins before its job is known',
    find: layers.bootProblems,
    breaks: [
      { 'src/worker/main.ts': "import { run } from './entryPoint.js';" },
      { 'src/worker/main.ts': "import { type Message } from '../protocol/index.js';" },
      { 'src/worker/main.ts': "export { run } from './entryPoint.js';" },
    ],
    keeps: [
      {
        'src/worker/main.ts':
          "import type { Run } from './entryPoint.js'; import 'node:net'; await import('./entryPoint.js');",
      },
    ],
  },
  {
    title: 'a file of a worker that is loaded later imports none of those that are joined into one',
    find: layers.secondCopyProblems,
    breaks: [
      { 'src/worker/spare.ts': "import { keepAll } from './parts.js';", 'src/worker/parts.ts': '' },
      { 'src/worker/spare.ts': "await import('./parts.js');", 'src/worker/parts.ts': '' },
    ],
    keeps: [
      { 'src/worker/spare.ts': "import type { keepAll } from './parts.js';", 'src/worker/parts.ts': '' },
      { 'src/worker/context.ts': "import { part } from './parts.js';", 'src/worker/parts.ts': '' },
    ],
  },
  {
    title: 'a file never imports the index of its own folder',
    find: layers.ownIndexProblems,
    breaks: [
      { 'src/client/a.ts': "import { b } from './index.js';" },
      { 'src/cli/commands/run.ts': "import type { B } from '../index.js';" },
    ],
    keeps: [{ 'src/client/a.ts': "import { b } from './b.js'; import { c } from '../core/index.js';" }],
  },
  {
    title: 'no file imports itself by a detour, not even a type',
    find: layers.cycleProblems,
    breaks: [
      {
        'src/core/a.ts': "import { b } from './b.js';",
        'src/core/b.ts': "import { c } from './c.js';",
        'src/core/c.ts': "import type { A } from './a.js';",
      },
      { 'src/core/a.ts': "await import('./b.js');", 'src/core/b.ts': "export { a } from './a.js';" },
      { 'src/core/a.ts': "import { a } from './a.js';" },
    ],
    keeps: [
      {
        'src/core/a.ts': "import { b } from './b.js'; import { c } from './c.js';",
        'src/core/b.ts': "import { c } from './c.js';",
        'src/core/c.ts': "import { readFile } from 'node:fs';",
      },
    ],
  },
  {
    title: 'an index lists its exports one by one',
    find: manners.starProblems,
    breaks: [
      { 'src/core/index.ts': "export * from './state.js';" },
      { 'src/core/index.ts': "export * as state from './state.js';" },
    ],
    keeps: [{ 'src/core/index.ts': "export { a } from './a.js'; export type { B } from './b.js'; export {};" }],
  },
  {
    title: 'the core knows no clock, no chance, no promise and no world',
    find: manners.purityProblems,
    breaks: [
      { 'src/core/a.ts': 'const now = Date.now();' },
      { 'src/core/a.ts': 'const now = performance.now();' },
      { 'src/core/a.ts': 'const chance = Math.random();' },
      { 'src/core/a.ts': 'let later: Promise<void>;' },
      { 'src/core/a.ts': 'const f = async () => 1;' },
      { 'src/core/a.ts': 'await 1;' },
      { 'src/core/a.ts': 'for await (const x of xs) {}' },
      { 'src/core/a.ts': 'setTimeout(() => {}, 1);' },
      { 'src/core/a.ts': 'console.log(1);' },
      { 'src/core/a.ts': 'const { pid } = process;' },
      { 'src/core/a.ts': "import { hrtime } from 'node:process';" },
    ],
    keeps: [{ 'src/core/a.ts': "// await the Date\nconst process1 = { process: 'Promise' }; process1.process;" }],
  },
  {
    title: 'no folder has a name that says nothing',
    find: manners.folderNameProblems,
    breaks: [{ 'src/client/utils/a.ts': '' }, { 'test/helpers/a.ts': '' }],
    keeps: [{ 'src/client/utilities.ts': '' }],
  },
  {
    title: 'a source file begins with what it is and what always holds',
    find: manners.headerProblems,
    breaks: [
      { 'src/core/a.ts': 'export {};' },
      { 'src/core/a.ts': '/** One line. */\nexport {};' },
      { 'src/core/a.ts': '/**\n * One line.\n * @module\n */\nexport {};' },
      { 'src/core/a.ts': `import 'node:fs';\n${header}` },
    ],
    keeps: [{ 'src/core/a.ts': header }, { 'src/cli/main.ts': `#!/usr/bin/env node\n${header}` }],
  },
  {
    title: 'a timer stands only where a reason was given',
    find: manners.timerProblems,
    breaks: [
      { 'src/client/a.ts': 'setTimeout(() => {}, 1);' },
      { 'src/client/a.ts': 'globalThis.setInterval(() => {}, 1);' },
      { 'src/client/a.ts': "import { setTimeout as sleep } from 'node:timers/promises';" },
    ],
    keeps: [{ 'src/client/a.ts': "// no setTimeout\nconst a = 'setTimeout';" }],
  },
  {
    title: 'no hole is cut into the types',
    find: manners.typeHoleProblems,
    breaks: [
      { 'src/client/a.ts': 'let a: any;' },
      { 'src/client/a.ts': 'b as any;' },
      { 'src/client/a.ts': 'let a: Array<any>;' },
      { 'src/client/a.ts': '// @ts-ignore\nlet a;' },
      { 'src/client/a.ts': 'b!.c;' },
      { 'src/client/a.ts': 'class A { b!: string }' },
    ],
    keeps: [{ 'src/client/a.ts': "// any!\nconst a = 'any'; if (!a !== b) {}" }, { 'test/a.test.ts': 'b!.c;' }],
  },
  {
    title: 'a file that grows past 400 lines is split, or says why not',
    find: manners.lengthProblems,
    breaks: [{ 'src/core/a.ts': longText }, { 'test/core/a.test.ts': longText }],
    keeps: [{ 'src/core/a.ts': longText.slice('export {};\n'.length) }],
  },
  {
    title: 'no test is left out',
    find: manners.skippedTestProblems,
    breaks: [
      { 'test/a.test.ts': "test.skip('a', () => {});" },
      { 'test/a.test.ts': "describe.only('a', () => {});" },
      { 'test/a.test.ts': "test('a', (t) => { t.todo(); });" },
      { 'test/a.test.ts': "test('a', { skip: true }, () => {});" },
      { 'test/a.test.ts': "test('a', { todo: 'later' }, () => {});" },
    ],
    keeps: [{ 'test/a.test.ts': "test('.skip', { skip: !there && 'why' }, () => {}); list.skip(1);" }],
  },
];

const sources = readSources();

for (const { title, find, breaks, keeps } of rules) {
  test(title, () => {
    assertNone(find(sources));
  });
  test(`it can be told whether ${title}`, () => {
    for (const files of breaks) {
      assert.ok(find(worldOf(files)).length > 0, `not noticed: ${JSON.stringify(files)}`);
    }
    for (const files of keeps) assert.deepEqual(find(worldOf(files)), [], `wrongly accused: ${JSON.stringify(files)}`);
  });
}

test('a link in our documents leads to a file, and to a heading, that exists', () => {
  assertNone(documentProblems());
});

test('it can be told whether a link in our documents leads to a file, and to a heading, that exists', () => {
  const text = [
    'See [here](docs/nowhere.md#top).',
    '[there](package.json) [far](https://example.org#x) `[x](y)`',
    '[up](#about-us-and-you) [inside](STYLE.md#types)',
    '## About `us` (and you)',
    '[down](#about-them)',
    '[inside](STYLE.md#tips)',
  ];
  assert.deepEqual(
    linkProblems('README.md', text.join('\n')).map(({ line }) => line),
    [1, 5, 6],
  );
});

function worldOf(files: Readonly<Record<string, string>>): Source[] {
  return Object.entries(files).map(([path, text]) => sourceOf(path, text));
}

function assertNone(problems: readonly Problem[]): void {
  const lines = problems.map(({ path, line, advice }) => `${path}:${line}  ${advice}`);
  if (lines.length > 0) assert.fail(`\n${lines.join('\n')}`);
}
