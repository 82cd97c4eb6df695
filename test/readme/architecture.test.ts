/**
 * The picture of one registration in ARCHITECTURE.md names files that exist and functions that stand in them, and
 * every path that the page names leads somewhere.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPage, root } from './pages.js';

const page = readPage('ARCHITECTURE.md');

/** Where the files of each process are looked for, in this order. */
const folders: Readonly<Record<string, readonly string[]>> = {
  'YOUR PROCESS': ['client', 'protocol', 'core'],
  POSTMASTER: ['postmaster', 'core', 'protocol'],
  WORKER: ['worker', 'protocol'],
};

test('the picture of one registration is true: each function stands in the file beside it', () => {
  const start = page.indexOf('\n## 3.');
  const [, picture = ''] = /```\n(.*?)```/s.exec(page.slice(start)) ?? [];
  let places: readonly string[] = [];
  let text = '';
  let file = '';
  let looked = 0;
  for (const line of picture.split('\n')) {
    for (const [name, found] of Object.entries(folders)) if (line.startsWith(name)) places = found;
    for (const [token, path, word] of line.matchAll(/([\w/]+\.ts)\b|([\w.#]+)\((?!\))|([\w.#]+)\(\)/g)) {
      if (path !== undefined) {
        const known = [...places.map((place) => `src/${place}/${path}`), `src/${path}`].find((at) =>
          existsSync(join(root, at)),
        );
        assert.ok(known !== undefined, `there is no ${path} in ${places}: ${line}`);
        file = known;
        text = readFileSync(join(root, known), 'utf8');
        continue;
      }
      const called = (word ?? token).replace(/\(.*$/, '').split('.').at(-1) ?? '';
      if (called === '') continue;
      assert.ok(text.includes(`${called}(`) || text.includes(`${called}<`), `${file} has no ${called}(): ${line}`);
      looked++;
    }
  }
  assert.ok(looked > 20, 'the picture was found');
});

test('every path that ARCHITECTURE.md names is there', () => {
  for (const [, path = ''] of page.matchAll(
    /`((?:src|test|base|core|protocol|postmaster|client|worker|testing|cli|shm|dsm|parallel|scripts)\/[\w./-]+\.(?:ts|sh|md|mjs))`/g,
  )) {
    assert.ok(existsSync(join(root, path)) || existsSync(join(root, 'src', path)), `there is no ${path}`);
  }
});
