/**
 * Programs in TypeScript: as CommonJS by tsc, with the types found in every way there is of looking for them, and run
 * as they are by tsx. The fixtures are .cts and .mts, since our own compiler takes every .ts below test; here they are .ts.
 */
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import ts from 'typescript';
import { Project, root } from './project.js';

const SUITE_MS = 120_000;

const commonjs = new Project('commonjs', { type: 'commonjs' });
const tsx = new Project('tsx');
for (const name of ['app', 'jobs']) {
  renameSync(commonjs.path(`${name}.cts`), commonjs.path(`${name}.ts`));
  renameSync(tsx.path(`${name}.mts`), tsx.path(`${name}.ts`));
}

// The same program, of which nothing remains to be compiled when its types are gone.
const plain = new Project('tsx');
renameSync(plain.path('app.mts'), plain.path('app.ts'));
plain.write(
  'jobs.ts',
  "import { defineWorker } from 'bgworker/worker';\n" +
    'export const double = defineWorker(import.meta, (_ctx, number: number) => number * 2);\n',
);
const hasTypes = (process.features as { readonly typescript?: unknown }).typescript === 'strip';

after(() => {
  plain.remove();
  commonjs.remove();
  tsx.remove();
});

/** What is not of the project, the declarations of JavaScript and of Node, is read once. */
const readFiles = new Map<string, ts.SourceFile | undefined>();

/** What the compiler says of the project and of our declarations in it, with the number of the diagnostic in front. */
function compile(project: Project, options: ts.CompilerOptions): string[] {
  const all: ts.CompilerOptions = {
    ...{ target: ts.ScriptTarget.ES2023, lib: ['lib.es2023.d.ts'], strict: true, types: ['node'] },
    ...{ outDir: project.path('dist'), rootDir: project.directory },
    ...options,
  };
  const host = ts.createCompilerHost(all);
  const { getSourceFile } = host;
  host.getCurrentDirectory = () => project.directory;
  host.getSourceFile = (name, how, ...rest) => {
    if (name.startsWith(project.directory)) return getSourceFile(name, how, ...rest);
    if (!readFiles.has(name)) readFiles.set(name, getSourceFile(name, how, ...rest));
    return readFiles.get(name);
  };
  const program = ts.createProgram([project.path('app.ts')], all, host);
  const found = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()];
  for (const file of program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(project.directory))) {
    found.push(...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file));
    // One by one: for all together the compiler would first check all of Node's declarations.
    if (!file.isDeclarationFile) found.push(...program.emit(file).diagnostics);
  }
  return found.map(({ code, messageText }) => `TS${code} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
}

const { ModuleKind, ModuleResolutionKind } = ts;

describe('TypeScript', { concurrency: 2, timeout: SUITE_MS }, () => {
  test('a program compiled to CommonJS requires the package, and its worker by value works', async () => {
    assert.deepEqual(compile(commonjs, { module: ModuleKind.NodeNext }), []);
    const { stdout, stderr } = await commonjs.run(process.execPath, ['dist/app.js']);
    assert.equal(stdout, '{"gave":42}\n', stderr);
  });

  test('the types are found by a CommonJS program that is resolved as for a bundler', () => {
    const options = { module: ModuleKind.CommonJS, moduleResolution: ModuleResolutionKind.Bundler, noEmit: true };
    assert.deepEqual(compile(commonjs, options), []);
  });

  test('module: node16 does not know yet that CommonJS may require ES modules, and says so', () => {
    const said = compile(commonjs, { module: ModuleKind.Node16, noEmit: true });
    assert.equal(said.length, 2, said.join('\n'));
    for (const line of said) assert.match(line, /^TS1479 /);
  });

  for (const [name, options] of [
    ['node16', { module: ModuleKind.Node16 }],
    ['nodenext', { module: ModuleKind.NodeNext }],
    ['bundler', { module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Bundler }],
  ] as const) {
    test(`the types are found by a program of ES modules under ${name}, and are right without skipLibCheck`, () => {
      assert.deepEqual(compile(tsx, { ...options, noEmit: true, allowImportingTsExtensions: true }), []);
    });
  }

  test('tsx: a worker in TypeScript is started in a new process, and from a spare', async () => {
    const { stdout, stderr } = await tsx.run(process.execPath, ['--import', 'tsx', 'app.ts', '1']);
    assert.equal(stdout, '{"gave":[["cold",42],["spare",8]]}\n', stderr);
  });

  test("Node's own: a worker in TypeScript is started in a new process, and from a spare", {
    skip: hasTypes ? false : `Node ${process.version} does not run TypeScript`,
  }, async () => {
    const { stdout, stderr } = await plain.run(process.execPath, ['app.ts', '1']);
    assert.equal(stdout, '{"gave":[["cold",42],["spare",8]]}\n', stderr);
  });

  test('the command tsx: the same', async () => {
    const { stdout, stderr } = await tsx.run(`${root}node_modules/.bin/tsx`, ['app.ts', '0']);
    assert.equal(stdout, '{"gave":[["cold",42]]}\n', stderr);
  });
});
