/**
 * The pictures of memory in docs/images are what scripts/draw-layouts.mjs draws of the code as it is; the picture of the
 * curve, and its page, are what the programs of bench/ write of the numbers in bench/curve.json. Each picture is shown on
 * some page. `BGWORKER_REWRITE=1 npm test -- test/readme/pictures.test.ts` writes all of them anew.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { listPages, readPage, root } from './pages.js';

type Draw = (curve: unknown) => string;
const { drawAll } = (await load('scripts/draw-layouts.mjs')) as { drawAll(): Readonly<Record<string, string>> };
const { curvePicture } = (await load('bench/curve-picture.js')) as { curvePicture: Draw };
const { readCurve } = (await load('bench/curve-file.js')) as { readCurve(text: string): unknown };
const { curvePage } = (await load('bench/curve-page.js')) as { curvePage: Draw };
const directory = join(root, 'docs/images');
const curve = readCurve(readFileSync(join(root, 'bench/curve.json'), 'utf8'));
const curvePath = join(root, 'docs/parallel-curves.md');

function load(path: string): Promise<unknown> {
  return import(pathToFileURL(join(root, path)).href);
}

function picturesOfAll(): Readonly<Record<string, string>> {
  return { ...drawAll(), 'parallel-speedup.svg': curvePicture(curve) };
}

if (process.env['BGWORKER_REWRITE'] === '1') {
  mkdirSync(directory, { recursive: true });
  for (const [name, picture] of Object.entries(picturesOfAll())) writeFileSync(join(directory, name), picture);
  writeFileSync(curvePath, curvePage(curve));
}

test('each picture is drawn from the code as it is, and from what was measured', () => {
  const pictures = picturesOfAll();
  assert.deepEqual(readdirSync(directory).sort(), Object.keys(pictures).sort());
  for (const [name, picture] of Object.entries(pictures)) {
    assert.equal(readFileSync(join(directory, name), 'utf8'), picture, `${name} is not what the code says: see above`);
  }
});

test('the page of the curve is what was measured', () => {
  assert.equal(readFileSync(curvePath, 'utf8'), curvePage(curve), 'it is not what bench/curve.json says: see above');
});

test('each picture is shown on a page', () => {
  const pages = listPages().map(readPage).join('\n');
  for (const name of readdirSync(directory)) assert.ok(pages.includes(`](images/${name})`), `${name} is not shown`);
});
