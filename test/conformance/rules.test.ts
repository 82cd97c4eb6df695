/**
 * docs/postgresql-rules.md is complete: each rule once, each decision of the core shown by a test that has its number,
 * and each difference explained on the other page.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const rulesPage = readFileSync(`${root}docs/postgresql-rules.md`, 'utf8');
const differencesPage = readFileSync(`${root}docs/differences-from-postgresql.md`, 'utf8');

const RULE = /R-(?:REG|PM|API|WK|SM|DSM|LAT|MQ|TOC|BAR|BS|PAR|GA|GM|NW|AG)-\d+b?/g;

/** The first and last number of each run of rules there is. */
const RUNS: { readonly [group: string]: readonly (readonly [number, number])[] } = {
  REG: [
    [1, 3],
    [10, 16],
    [20, 24],
    [30, 40],
    [50, 53],
    [60, 64],
  ],
  PM: [
    [1, 8],
    [10, 12],
    [15, 16],
    [20, 24],
    [30, 34],
    [40, 45],
    [50, 54],
    [60, 62],
  ],
  API: [
    [1, 5],
    [10, 16],
    [20, 22],
    [30, 36],
    [40, 40],
    [50, 51],
  ],
  WK: [
    [1, 9],
    [20, 26],
    [30, 30],
  ],
  SM: [
    [1, 3],
    [10, 14],
    [20, 25],
    [30, 30],
    [40, 46],
    [50, 52],
  ],
  DSM: [
    [1, 4],
    [10, 16],
    [20, 24],
    [30, 32],
  ],
  LAT: [[1, 15]],
  MQ: [
    [1, 5],
    [10, 13],
    [20, 28],
    [30, 36],
    [40, 45],
  ],
  TOC: [[1, 4]],
  BAR: [[1, 5]],
  BS: [[1, 9]],
  GA: [[1, 9]],
  GM: [[1, 4]],
  NW: [[1, 7]],
  AG: [[1, 4]],
  PAR: [
    [1, 7],
    [10, 14],
    [20, 29],
  ],
};

const allRules = Object.entries(RUNS).flatMap(([group, runs]) =>
  runs.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, n) => `R-${group}-${first + n}`)),
);
allRules.push('R-PM-30b');

const rows = rulesPage
  .split('\n')
  .filter((line) => line.startsWith('| R-'))
  .map((line) => {
    const [, rule = '', , here = '', shown = ''] = line.split('|').map((cell) => cell.trim());
    return { rule, here, shown };
  });

test('the page of rules has each rule once', () => {
  assert.deepEqual(rows.map(({ rule }) => rule).sort(), allRules.toSorted());
});

test('a rule is kept, differs, or has no counterpart', () => {
  for (const { rule, here, shown } of rows) {
    assert.match(here, /^(same|differs|none)\b/, rule);
    assert.match(
      shown,
      here.startsWith('none') ? /^(core)?$/ : /^(core|client|worker|postmaster|memory|parallel)$/,
      rule,
    );
  }
});

test('a decision of the core is shown by a test whose title has the number of its rule', () => {
  const titles = readdirSync(`${root}test/conformance`)
    .map((file) => readFileSync(`${root}test/conformance/${file}`, 'utf8'))
    .flatMap((text) => [...text.matchAll(/\btest\(\s*[`'"](R-[^:]*):/g)].map(([, rules = '']) => rules));
  const shown = new Set(titles.flatMap((title) => title.match(RULE) ?? []));
  const missing = rows.filter(({ rule, shown: where }) => where === 'core' && !shown.has(rule)).map(({ rule }) => rule);
  assert.deepEqual(missing, []);
  const known = new Set(allRules);
  assert.deepEqual(
    [...shown].filter((rule) => !known.has(rule)),
    [],
  );
});

for (const [what, where, folders] of [
  ['shared memory', 'memory', ['test/shm', 'test/dsm']],
  ['parallel work', 'parallel', ['test/parallel']],
] as const) {
  test(`a rule of ${what} is shown by a test that has its number`, () => {
    const texts = folders.flatMap((folder) =>
      readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.test.ts'))
        .map((file) => readFileSync(`${root}${folder}/${file}`, 'utf8')),
    );
    const shown = new Set(texts.flatMap((text) => text.match(RULE) ?? []));
    const missing = rows.filter((row) => row.shown === where && !shown.has(row.rule));
    assert.deepEqual(
      missing.map(({ rule }) => rule),
      [],
    );
  });
}

test('the page of differences explains each difference, and nothing else', () => {
  const explained = new Set(
    differencesPage
      .split('\n')
      .flatMap((line) => (line.startsWith('| R-') ? (line.split('|')[1]?.match(RULE) ?? []) : [])),
  );
  const differing = rows.filter(({ here }) => here.startsWith('differs')).map(({ rule }) => rule);
  assert.deepEqual([...explained].sort(), differing.sort());
});
