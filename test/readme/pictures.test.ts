/**
 * The pictures of memory in docs/images are what scripts/draw-layouts.mjs draws of the code as it is, and each is shown on
 * some page. `BGWORKER_REWRITE=1 npm test -- test/readme/pictures.test.ts` writes them anew.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { listPages, readPage, root } from './pages.js';

const script = pathToFileURL(join(root, 'scripts/draw-layouts.mjs')).href;
const { drawAll } = (await import(script)) as { drawAll(): Readonly<Record<string, string>> };
const directory = join(root, 'docs/images');

if (process.env['BGWORKER_REWRITE'] === '1') {
  mkdirSync(directory, { recursive: true });
  for (const [name, picture] of Object.entries(drawAll())) writeFileSync(join(directory, name), picture);
}

test('each picture of memory is drawn from the code as it is', () => {
  const pictures = drawAll();
  assert.deepEqual(readdirSync(directory).sort(), Object.keys(pictures).sort());
  for (const [name, picture] of Object.entries(pictures)) {
    assert.equal(readFileSync(join(directory, name), 'utf8'), picture, `${name} is not what the code says: see above`);
  }
});

test('each picture is shown on a page', () => {
  const pages = listPages().map(readPage).join('\n');
  for (const name of readdirSync(directory)) assert.ok(pages.includes(`](images/${name})`), `${name} is not shown`);
});
