/**
 * What a user gets: the tarball of `npm pack`, unpacked into a project of its own with our dependencies beside it,
 * imported, required, run, and looked at by the tools that know what goes wrong with packages.
 *
 * No registry is asked: the dependencies are links to our own node_modules.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const root = fileURLToPath(new URL('../../', import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

let project: string;
let installed: string;
let tarball: string;
let files: string[];

before(() => {
  project = mkdtempSync(join(tmpdir(), 'bgworker-packaging-'));
  installed = join(project, 'node_modules/bgworker');
  // dist is what we are running from, so there is nothing for the scripts to build.
  const packed = JSON.parse(run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], root));
  tarball = join(project, packed[0].filename);
  files = packed[0].files.map((file: { path: string }) => file.path);
  mkdirSync(installed, { recursive: true });
  run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'], project);
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    mkdirSync(dirname(join(project, 'node_modules', name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
  }
});

after(() => rmSync(project, { recursive: true, force: true }));

test('the package holds programs, types and documents, and no tests or sources', () => {
  const strangers = files.filter(
    (path) =>
      !/^dist\/src\/.*(\.js|\.js\.map|\.d\.ts|\.sh|\/(boot|command|configuration|daemon)\.cjs)$/.test(path) &&
      !/^(package\.json|LICENSE|[A-Z]+\.md)$/.test(path),
  );
  assert.deepEqual(strangers, []);
  for (const path of ['package.json', 'LICENSE', 'README.md']) assert.ok(files.includes(path), `${path} is missing`);
});

for (const entry of ['bgworker', 'bgworker/worker', 'bgworker/testing']) {
  test(`${entry} can be imported, and required, since no file it loads awaits at its top level`, () => {
    const names = `Object.keys(loaded).filter((name) => name !== 'module.exports').sort().join()`;
    const imported = node([
      '--input-type=module',
      '-e',
      `const loaded = await import('${entry}'); console.log(${names})`,
    ]);
    const required = node(['--input-type=commonjs', '-e', `const loaded = require('${entry}'); console.log(${names})`]);
    assert.notEqual(imported, '');
    assert.equal(required, imported);
  });
}

test('the command answers with the version of the package', () => {
  const program = join(installed, manifest.bin.bgworker);
  assert.match(readFileSync(program, 'utf8'), /^#!\/usr\/bin\/env node\n/);
  assert.equal(node([program, '--version']), manifest.version);
});

test('publint has nothing to say', async () => {
  const { messages } = await publint({ pkgDir: installed, pack: false, strict: true });
  assert.deepEqual(
    messages.map((message) => formatMessage(message, manifest, { color: false })),
    [],
  );
});

test('are the types wrong? no, for an ESM-only package', () => {
  const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  run(process.execPath, [attw, tarball, '--profile', 'esm-only', '--no-color', '--no-emoji'], project);
});

function node(args: string[]): string {
  return run(process.execPath, args, project).trim();
}

/** The standard output of a command that must succeed; otherwise everything it said is the failure's message. */
function run(command: string, args: string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${error?.message ?? ''}${stdout}${stderr}`);
  return stdout;
}
