/**
 * What becomes of a program that a bundler has put together, by esbuild and by Vite: it works where the package is
 * external and the file of its worker is there, and otherwise says what to write. Nothing is started twice by mistake.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { BuildOptions } from 'esbuild';
import { build } from 'esbuild';
import { build as buildWithVite } from 'vite';
import type { Client } from '../../src/index.js';
import { startPostmaster } from '../../src/index.js';
import type { Said } from './project.js';
import { Project } from './project.js';

const SUITE_MS = 120_000;
const project = new Project('app');
let client: Client;

const external = { external: ['bgworker'] };
const esm: BuildOptions = { format: 'esm', outExtension: { '.js': '.mjs' } };
const cjs: BuildOptions = { format: 'cjs', outExtension: { '.js': '.cjs' } };

async function bundle(outdir: string, entries: readonly string[], options: BuildOptions): Promise<void> {
  await build({
    entryPoints: entries.map((name) => project.path(name)),
    outdir: project.path(outdir),
    bundle: true,
    platform: 'node',
    logLevel: 'silent',
    ...options,
  });
}

async function viteBuild(outDir: string, ssr: object): Promise<void> {
  await buildWithVite({
    root: project.directory,
    configFile: false,
    logLevel: 'silent',
    ssr,
    build: {
      ssr: true,
      outDir,
      rollupOptions: { input: ['byValue.js', 'byName.js', 'jobs.js'].map((name) => project.path(name)) },
    },
  });
}

before(async () => {
  const programs = ['byValue.js', 'byName.js', 'byPath.js'];
  await Promise.all([
    bundle('esm', [...programs, 'oneFile.js', 'jobs.js'], { ...external, format: 'esm' }),
    bundle('esm-split', ['byValue.js', 'jobs.js'], { ...external, format: 'esm', splitting: true, minify: true }),
    bundle('esm-all', [...programs, 'client.js'], { ...esm, minify: true }),
    bundle('cjs', [...programs, 'jobs.js'], { ...external, ...cjs }),
    bundle('cjs-all', [...programs, 'client.js'], { ...cjs, minify: true }),
    viteBuild('vite', {}),
    viteBuild('vite-all', { noExternal: true }),
  ]);
  client = await startPostmaster({ spareWorkers: 0 });
});

after(async () => {
  await client.close();
  project.remove();
});

const BUNDLED = { code: 'ERR_BUNDLED', hint: /mark bgworker as external/ };

const cases: readonly {
  readonly title: string;
  readonly file: string;
  readonly says: { readonly gave: number } | { readonly code: string; readonly detail?: RegExp; readonly hint: RegExp };
}[] = [
  { title: 'its worker by value, from a chunk of its own', file: 'esm-split/byValue.js', says: { gave: 42 } },
  { title: 'its worker by the name of the file', file: 'esm/byName.js', says: { gave: 42 } },
  { title: 'its worker by a path, as CommonJS', file: 'cjs/byPath.cjs', says: { gave: 42 } },
  { title: 'its worker by value, by Vite', file: 'vite/byValue.js', says: { gave: 42 } },
  { title: 'its worker by the name of the file, by Vite', file: 'vite/byName.js', says: { gave: 42 } },
  {
    title: 'a worker that is part of it and exported, and nothing that is started by an import',
    file: 'esm/oneFile.js',
    says: { gave: 42 },
  },
  {
    title: 'a worker that is part of the same bundle',
    file: 'esm/byValue.js',
    says: { code: 'ERR_WORKER_NOT_EXPORTED', detail: /byValue\.js exports nothing/, hint: /entry point of its own/ },
  },
  {
    title: 'a worker that is part of the same bundle, as CommonJS',
    file: 'cjs/byValue.cjs',
    says: { code: 'ERR_WORKER_NOT_EXPORTED', detail: /no import\.meta\.url/, hint: /entry point of its own/ },
  },
  { title: 'the package in it', file: 'esm-all/byName.mjs', says: { ...BUNDLED, detail: /part of .*byName\.mjs$/ } },
  {
    title: 'the package in it, as CommonJS',
    file: 'cjs-all/byPath.cjs',
    says: { ...BUNDLED, detail: /part of .*byPath\.cjs$/ },
  },
  {
    title: 'the package in it, by Vite',
    file: 'vite-all/byValue.js',
    says: { ...BUNDLED, detail: /part of .*vite-all/ },
  },
];

describe('a bundle with', { concurrency: 2, timeout: SUITE_MS }, () => {
  for (const { title, file, says } of cases) {
    test(`${title} ${'gave' in says ? 'works' : `is told ${says.code}, and what to do`}`, async () => {
      const [said, starts] = await project.said(process.execPath, [project.path(file)]);
      assertSaid(said, says);
      assert.equal(starts, 1);
    });
  }

  const vite = { VITE: import.meta.resolve('vite') };

  test("Vite's dev server, which loads modules a second time, works by the name of the file", async () => {
    const [said] = await project.said(process.execPath, [project.path('devServer.js'), 'byName'], vite);
    assert.deepEqual(said, { gave: 42 });
  });

  test("Vite's dev server is told to name the file where it gives a worker by value", async () => {
    const [said] = await project.said(process.execPath, [project.path('devServer.js'), 'byValue'], vite);
    assertSaid(said, {
      code: 'ERR_WORKER_NOT_EXPORTED',
      detail: /jobs\.js exports double/,
      hint: /Vite, Vitest.*name it/,
    });
  });

  for (const file of ['esm-all/client.mjs', 'cjs-all/client.cjs']) {
    test(`the package in it can be a client of a postmaster that is there: ${file}`, async () => {
      const jobs = pathToFileURL(project.path('jobs.js')).href;
      const [said] = await project.said(process.execPath, [project.path(file), client.directory, jobs]);
      assert.deepEqual(said, { gave: 42 });
    });
  }
});

function assertSaid(said: Said, expected: (typeof cases)[number]['says']): void {
  if ('gave' in expected) return assert.deepEqual(said, expected);
  assert.equal(said.code, expected.code, JSON.stringify(said));
  assert.match(said.hint ?? '', expected.hint);
  if (expected.detail !== undefined) assert.match(said.detail ?? '', expected.detail);
}
