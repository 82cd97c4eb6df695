/**
 * The pages that list something list all of it, and nothing that is not there: what is compared is the code itself.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import ts from 'typescript';
import { CHECKS } from '../../src/cli/doctor/examine.js';
import * as exitCodes from '../../src/cli/exitCodes.js';
import { makeProgram } from '../../src/cli/program.js';
import { completeBackgroundWorker } from '../../src/core/index.js';
import { readSettings, SETTING_NAMES, SETTINGS, settingValues } from '../../src/postmaster/index.js';
import { firstCells, headingWords, listPages, readPage, root, rowsOf } from './pages.js';

test('docs/reasons.md explains every kind of stop', () => {
  const union = declaration('src/core/stopReason.ts', 'StopCause').getText();
  const kinds = [...union.matchAll(/readonly kind: '(\w+)'/g)].map(([, kind = '']) => kind);
  assert.ok(kinds.length > 20);
  assertSame(headingWords(readPage('docs/reasons.md'), '###'), kinds);
});

test('docs/registration.md lists every field of a background worker, with its default', () => {
  const { name, module, cwd, ...others } = completeBackgroundWorker({ name: 'n', module: 'file:///m.js', cwd: '/' });
  const rows = rowsOf(readPage('docs/registration.md'), '## Fields');
  assertSame(
    rows.map(([field = '']) => unquoted(field)),
    Object.keys({ name, module, cwd, ...others }),
  );
  for (const [field = '', , shown = ''] of rows) {
    // In words where the default depends on something else.
    if (!/^`[^`]*`$/.test(shown)) continue;
    const value = others[unquoted(field) as keyof typeof others];
    assert.equal(unquoted(shown), inspect(value, { breakLength: Number.POSITIVE_INFINITY }), `default of ${field}`);
  }
});

test('docs/settings.md has every setting in one table: default, unit, range, and whether a reload takes it', () => {
  const rows = rowsOf(readPage('docs/settings.md'), '## The table');
  assertSame(
    rows.map(([setting = '']) => unquoted(setting)),
    SETTING_NAMES,
  );
  const values = settingValues(readSettings({}));
  for (const [setting = '', shown = '', unit, range, reload] of rows) {
    const name = unquoted(setting) as keyof typeof SETTINGS;
    assert.deepEqual(
      { unit, range, reload },
      { unit: SETTINGS[name].unit, range: SETTINGS[name].range, reload: SETTINGS[name].reload ? 'yes' : 'no' },
      name,
    );
    // In words where the default depends on something else.
    const [, literal] = /^`([^`]*)`/.exec(shown) ?? [];
    if (literal !== undefined && name !== 'classes') assert.equal(literal, inspect(values[name]), `default of ${name}`);
  }
});

/** Node's own, which are looked for where a module is imported. */
const NODE_CODES = [
  'ERR_MODULE_NOT_FOUND',
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_UNSUPPORTED_DIR_IMPORT',
  'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
];

test('docs/errors.md explains every code that stands in the sources', () => {
  const codes = new Set<string>();
  for (const path of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts')) continue;
    for (const [, code = ''] of readFileSync(join(root, 'src', path), 'utf8').matchAll(/'(ERR_[A-Z_]+)'/g))
      codes.add(code);
  }
  for (const code of NODE_CODES) codes.delete(code);
  assertSame(firstCells(readPage('docs/errors.md')), [...codes]);
});

test('docs/wait-events.md lists every wait that has a name', () => {
  const names = new Set<string>();
  for (const folder of ['client', 'worker', 'shm', 'parallel']) {
    for (const file of readdirSync(join(root, 'src', folder))) {
      const text = readFileSync(join(root, 'src', folder, file), 'utf8');
      const found = text.matchAll(/(?:\bevent(?::| =)|\bEVENT =|\bbeginWait\(|\bplace\() ?'([A-Z]\w+)'/g);
      for (const [, name = ''] of found) names.add(name);
    }
  }
  assert.ok(names.size > 5);
  assertSame(firstCells(readPage('docs/wait-events.md')), [...names]);
});

test('docs/cli.md lists every exit code and every command', () => {
  const page = readPage('docs/cli.md');
  const codes = Object.values(exitCodes).filter((value) => typeof value === 'number');
  const shown = firstCells(page, '## Exit codes').filter((text) => /^\d+$/.test(text));
  for (const code of codes) assert.ok(shown.includes(String(code)), `${code} is not in the table`);
  const { commands } = makeProgram();
  assertSame(
    headingWords(page, '##').map((heading) => heading.split(' ')[1] ?? ''),
    commands.map((command) => command.name()),
  );
  const sections = page.split(/^## /m);
  for (const command of commands) {
    const section = sections.find((text) => text.startsWith(`\`bgworker ${command.name()}`)) ?? '';
    for (const { long } of command.options) {
      assert.ok(section.includes(`\`${long}`), `${command.name()} ${long} is missing`);
    }
  }
});

test('docs/cli.md lists everything that bgworker doctor looks at', () => {
  const section = readPage('docs/cli.md').split('| check |')[1]?.split('\n\n')[0] ?? '';
  assertSame(firstCells(section), Object.keys(CHECKS));
});

test('docs/worker-context.md has a heading for every part of ctx', () => {
  const headings = headingWords(readPage('docs/worker-context.md'), '###').map(
    (text) => /^ctx\.(\w+)/.exec(text)?.[1] ?? '',
  );
  assertSame(headings, membersOf('src/worker/workerContext.ts', 'WorkerContext'));
});

test('docs/handle.md, docs/postmaster.md and docs/testing.md name every member of what users hold', () => {
  for (const [page, path, name] of [
    ['docs/handle.md', 'src/client/handle.ts', 'BackgroundWorkerHandle'],
    ['docs/postmaster.md', 'src/client/client.ts', 'Client'],
    ['docs/testing.md', 'src/testing/fakePostmaster.ts', 'FakePostmaster'],
    ['docs/testing.md', 'src/testing/fakeWorker.ts', 'FakeWorker'],
    ['docs/testing.md', 'src/testing/testClock.ts', 'TestClock'],
    ['docs/testing.md', 'src/testing/testContext.ts', 'TestContext'],
  ] as const) {
    const text = readPage(page);
    for (const member of membersOf(path, name)) {
      assert.match(text, new RegExp(`\`[^\`]*\\b${member}\\b`), `${page} does not name ${member}`);
    }
  }
});

test('the front page of docs leads to every page', () => {
  const index = readPage('docs/index.md');
  for (const page of listPages()) {
    const path = page.replace(/^docs\//, '');
    if (path !== page && path !== 'index.md') assert.ok(index.includes(`(${path}`), `${page} is not linked`);
  }
});

function assertSame(listed: readonly string[], real: readonly string[]): void {
  const missing = real.filter((word) => !listed.includes(word));
  const gone = listed.filter((word) => !real.includes(word));
  assert.deepEqual({ missing, gone }, { missing: [], gone: [] });
}

function unquoted(cell: string): string {
  return cell.replaceAll('`', '');
}

function parse(path: string): ts.SourceFile {
  return ts.createSourceFile(path, readFileSync(join(root, path), 'utf8'), ts.ScriptTarget.Latest, true);
}

/** An interface, a class, a type or a variable at the top level of a file. */
function declaration(path: string, name: string, tree = parse(path)): ts.Node {
  for (const statement of tree.statements) {
    const named = ts.isVariableStatement(statement)
      ? statement.declarationList.declarations
      : [statement as ts.DeclarationStatement];
    for (const node of named) if (node.name?.getText() === name) return node;
  }
  throw new Error(`${path} has no ${name}`);
}

/** What users may write: public, with a plain name, no constructor. */
function membersOf(path: string, name: string): string[] {
  const node = declaration(path, name);
  if (!ts.isInterfaceDeclaration(node) && !ts.isClassDeclaration(node)) throw new Error(`${name} has no members`);
  const names: string[] = [];
  for (const member of node.members)
    if (member.name !== undefined && ts.isIdentifier(member.name)) names.push(member.name.text);
  return [...new Set(names)];
}
