/** What somebody reads whose worker cannot be started: on one screen, where it is and what to change. */
import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { describeFailure } from '../../src/cli/failure/describeFailure.js';
import { readJob, registerJob } from '../../src/cli/job.js';
import type { Client } from '../../src/index.js';
import { Project } from './support/project.js';
import { Scene } from './support/scene.js';

const FILES: { readonly [name: string]: string } = {
  'jobs.mjs': 'export function prune() {}\nexport function report() {}\nexport const five = 5;\n',
  'syntax.mjs': 'export default function prune() {\n  for (const row of rows {\n  }\n}\n',
  'syntax.cjs': 'module.exports = () => 1 +;\n',
  'throws.mjs': "import './url.mjs';\n",
  'url.mjs': "\nconst text = 'not a url';\nnew URL(text);\n",
  'throwsLater.mjs':
    'export async function prune() {\n  await null;\n  throw new TypeError("no", { cause: new Error("deep") });\n}\n',
  'nothing.mjs': 'throw null;\n',
  'exits.mjs': 'process.exit(3);\n',
  'importsMissing.mjs': "\nimport { prune } from './jbos.mjs';\n",
  'requiresMissing.cjs': "require('./jobs.mj');\n",
  'package.mjs': "import x from '@nobody/has-this/deep';\n",
  'bare.mjs': "import 'jobs.mjs';\n",
  'commonjs/package.json': '{ "type": "commonjs" }',
  'commonjs/module.js': "import './x.js';\n",
  'commonjs/module.cjs': "import './x.js';\n",
  'module/package.json': '{ "type": "module" }',
  'module/common.js': "const fs = require('node:fs');\n",
  'module/folder.js': 'export default () => __dirname;\n',
  'program.cjs': 'console.log("I am a program");\n',
  'typed.ts': 'export const n: number = 1;\n',
  'enum.ts': 'enum Colour { Red }\n',
};

const runsTypeScript = (process.features as { typescript?: unknown }).typescript === 'strip';

/** What was typed, and what is told: `DIR` stands for the folder, and a line of `…` for what Node says in its own words. */
const CASES: readonly (readonly [typed: string, told: string])[] = [
  ['./job.mjs', 'could not be started: there is no such file\n  DIR/job.mjs\n  hint: did you mean ./jobs.mjs?'],
  [
    './jobs.js#prune',
    'could not be started: there is no such file\n  DIR/jobs.js\n  hint: did you mean ./jobs.mjs#prune?',
  ],
  [
    './nodir/jobs.mjs',
    'could not be started: there is no such file\n  DIR/nodir/jobs.mjs\n  hint: there is no folder DIR/nodir',
  ],
  [
    './module',
    'could not be started: that is a folder\n  DIR/module\n  hint: name a file in it: ./module/common.js, ./module/folder.js',
  ],
  [
    './jobs.mjs#prnue',
    'could not be started: its module has no export prnue\n  DIR/jobs.mjs\n  hint: did you mean ./jobs.mjs#prune? It exports prune, five, report',
  ],
  [
    './jobs.mjs',
    'could not be started: its module has no function as its default export\n  DIR/jobs.mjs\n  hint: name what to call: ./jobs.mjs#five, ./jobs.mjs#prune, ./jobs.mjs#report',
  ],
  [
    './jobs.mjs#five',
    'could not be started: its export five is no function\n  DIR/jobs.mjs\n  hint: export a function',
  ],
  [
    './program.cjs',
    'could not be started: its module has no function as its default export\n  DIR/program.cjs\n  hint: export one; a program, which has nothing to call, is run with --script',
  ],
  [
    './exits.mjs',
    'could not be started: it ended while it was imported (code 3)\n  hint: does something in it call process.exit()? If so: a program, which has nothing to call, is run with --script',
  ],
  [
    './syntax.mjs',
    "could not be started: SyntaxError: Unexpected token '{'\n  DIR/syntax.mjs:2\n    for (const row of rows {\n                           ^",
  ],
  [
    './syntax.cjs',
    "could not be started: SyntaxError: Unexpected token ';'\n  DIR/syntax.cjs:1\n  module.exports = () => 1 +;\n                            ^",
  ],
  [
    './throws.mjs',
    'could not be started: importing it threw TypeError: Invalid URL\n    at new URL …\n    at DIR/url.mjs:3:1',
  ],
  [
    './throwsLater.mjs#prune',
    'threw TypeError: no\n    at prune (DIR/throwsLater.mjs:3:9)\n  caused by Error: deep\n    at prune (DIR/throwsLater.mjs:3:38)',
  ],
  ['./nothing.mjs', 'could not be started: importing it threw what is no error, null'],
  [
    './importsMissing.mjs',
    "could not be started: it imports DIR/jbos.mjs, which is not there\n  DIR/importsMissing.mjs:2\n  hint: did you mean './jobs.mjs'?",
  ],
  [
    './requiresMissing.cjs',
    "could not be started: it imports DIR/jobs.mj, which is not there\n  DIR/requiresMissing.cjs:1\n  hint: did you mean './jobs.mjs'?",
  ],
  [
    './package.mjs',
    'could not be started: it imports the package @nobody/has-this, which is not installed\n  DIR/package.mjs:1\n  hint: npm install @nobody/has-this',
  ],
  [
    './bare.mjs',
    "could not be started: it imports the package jobs.mjs, which is not installed\n  DIR/bare.mjs:1\n  hint: did you mean './jobs.mjs'? Without ./ it is a package",
  ],
  [
    './commonjs/module.js',
    `could not be started: SyntaxError: Cannot use import statement outside a module\n  DIR/commonjs/module.js:1\n  import './x.js';\n  ^^^^^^\n  hint: write "type": "module" into DIR/commonjs/package.json, or name it module.mjs`,
  ],
  [
    './commonjs/module.cjs',
    'could not be started: SyntaxError: Cannot use import statement outside a module\n  DIR/commonjs/module.cjs:1\n  import …\n  ^^^^^^\n  hint: name it module.mjs: .cjs is CommonJS, whatever package.json says',
  ],
  [
    './module/common.js',
    "could not be started: importing it threw ReferenceError: require is not defined in ES module scope, you can use import instead\n  This file is being treated …\n    at DIR/module/common.js:1:12\n  hint: it is an ES module: use import … from '…', or name it common.cjs",
  ],
  [
    './module/folder.js',
    'threw ReferenceError: __dirname is not defined\n    at …DIR/module/folder.js:1:22…\n  hint: it is an ES module: use import.meta.dirname',
  ],
  runsTypeScript
    ? [
        './enum.ts',
        "could not be started: SyntaxError: TypeScript enum is not supported in strip-only mode\n  DIR/enum.ts:1\n  enum Colour { Red }\n  ^^^^…\n  hint: Node only leaves types out: use tsx for the rest:\n    npm install --save-dev tsx\n    NODE_OPTIONS='--import tsx' npx bgworker run ./enum.ts",
      ]
    : [
        './typed.ts',
        `could not be started: importing it threw TypeError: Unknown file extension ".ts" for DIR/typed.ts\n  hint: this Node runs no TypeScript: take 22.18 or newer, or use tsx:\n    npm install --save-dev tsx\n    NODE_OPTIONS='--import tsx' npx bgworker run ./typed.ts`,
      ],
];

describe('somebody whose worker cannot be started', { concurrency: 3, timeout: 180_000 }, () => {
  const scene = new Scene();
  const home = process.cwd();
  let client: Client;
  let project: Project;
  let directory: string;

  before(async () => {
    project = new Project(scene, {});
    directory = realpathSync(project.directory);
    for (const [name, text] of Object.entries(FILES)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
    // What was typed is relative to where it was typed.
    process.chdir(directory);
    client = await scene.postmaster();
  });
  after(async () => {
    process.chdir(home);
    await scene.end();
  });

  for (const [typed, told] of CASES) {
    test(`reads what to change: ${typed} ${told.split('\n')[0]}`, async () => {
      const job = readJob(typed, [], { until: 'running' });
      const handle = await registerJob(client, job, {});
      const end = await handle.waitForShutdown();
      assert(end.status === 'stopped');
      const said = describeFailure({ title: typed, job, isHere: true }, end.reason).replaceAll(directory, 'DIR');
      assertShown(said, `bgworker: ${typed} ${told}`);
      assert(said.split('\n').length < 24 && !said.includes('boot.cjs') && !said.includes('dist/src/'));
    });
  }

  test('reads the same from the command, and what the worker printed only once', async () => {
    const { code, stdout, stderr } = await project.run('run', './throws.mjs');
    assert.deepEqual([code, stdout], [70, '']);
    assert.match(stderr, /^bgworker: \.\/throws\.mjs could not be started: .*Invalid URL\n.*\n.*url\.mjs:3:1\n$/);
    const launched = describeFailure(
      { title: 'x', job: null, isHere: false },
      await reasonOf(client, './throwsLater.mjs#prune'),
    );
    assert.match(launched, /^bgworker: x threw TypeError: no\n[\s\S]*\n {2}process \d+, attempt 1, phase running$/);
  });
});

async function reasonOf(client: Client, typed: string): Promise<Parameters<typeof describeFailure>[1]> {
  const handle = await registerJob(client, readJob(typed, [], { until: 'running' }), {});
  const end = await handle.waitForShutdown();
  assert(end.status === 'stopped');
  return end.reason;
}

function assertShown(said: string, expected: string): void {
  const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pattern = new RegExp(`^${expected.split('…').map(literally).join('[^\\n]*')}$`);
  if (!pattern.test(said)) assert.equal(said, expected);
}
