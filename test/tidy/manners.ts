/**
 * The rules about one file at a time: its name, its length, its header, and the words it may not use.
 *
 * Each list of exceptions below maps a path to the reason, and a reason is a sentence that a reviewer can judge.
 */
import ts from 'typescript';
import type { Problem, Source } from './source.js';
import { problemsIn } from './source.js';

type Exceptions = Readonly<Record<string, string>>;

/**
 * A timer is a guess about somebody else's speed, and one that outlives its owner is a leak. To add one:
 * `'src/postmaster/clock.ts': 'the one timer of the postmaster, set to the next due time'`.
 */
const mayUseTimers: Exceptions = {
  'src/cli/commands/start.ts':
    'nobody tells when a postmaster that has the directory begins to accept, so it is asked again',
  'src/client/connection.ts':
    'the pause before the next try to connect while the system says try again (EAGAIN, EMFILE)',
  'src/postmaster/leftovers.ts': 'nobody tells of the end of a process that is not our child, so /proc is read again',
  'src/base/longTimer.ts':
    'the one timer of the postmaster, the time-out that a user gives to a wait, and the pace of a watchdog',
  'src/worker/entryPoint.ts': 'a module that loads slowly must hear orders, which costs a start that is quick nothing',
  'src/worker/parts.ts': 'what a start does not need is loaded when the start is over',
  'src/worker/pause.ts': 'ctx.sleep and ctx.every are what their users asked to wait for',
  'src/worker/progress.ts': 'progress is told at most twenty times a second, and the last of it always',
  'src/worker/waitEvents.ts': 'a wait is told when it has lasted, which is what a timer measures',
};

/** To add one: `'src/shm/ring.ts': 'the protocol of one ring is easier to follow in one place'`. */
const mayBeLong: Exceptions = {};

const maxLines = 400;

export function timerProblems(sources: readonly Source[]): Problem[] {
  return inSrc(sources)
    .filter((source) => !(source.path in mayUseTimers))
    .flatMap((source) =>
      problemsIn(source, (node) =>
        ts.isIdentifier(node) && (node.text === 'setTimeout' || node.text === 'setInterval')
          ? `wait for the event instead of using ${node.text}, or name the file and the reason in test/tidy/manners.ts`
          : undefined,
      ),
    );
}

export function lengthProblems(sources: readonly Source[]): Problem[] {
  return sources.flatMap(({ path, text }) => {
    const lines = text.trimEnd().split('\n').length;
    if (lines <= maxLines || path in mayBeLong) return [];
    return [{ path, line: maxLines, advice: `${lines} lines: split it at its second responsibility` }];
  });
}

const emptyNames = new Set(['utils', 'helpers', 'common', 'lib', 'types']);

export function folderNameProblems(sources: readonly Source[]): Problem[] {
  return sources.flatMap(({ path }) => {
    const empty = path.split('/').find((name) => emptyNames.has(name));
    return empty === undefined ? [] : [{ path, line: 1, advice: `${empty} says nothing: name the concept` }];
  });
}

export function headerProblems(sources: readonly Source[]): Problem[] {
  return inSrc(sources).flatMap(({ path, text }) => {
    const header = text.replace(/^#!.*\n/, '').match(/^\/\*\*(.*?)\*\//s)?.[1] ?? '';
    const prose = header
      .split('\n')
      .map((line) => line.replace(/^\s*\*?\s*/, ''))
      .filter((line) => /\w/.test(line) && !line.startsWith('@'));
    if (prose.length >= 2) return [];
    return [{ path, line: 1, advice: 'begin with /** … */: two lines or more on what it is and what always holds' }];
  });
}

export function starProblems(sources: readonly Source[]): Problem[] {
  return inSrc(sources).flatMap((source) =>
    problemsIn(source, (node) =>
      ts.isExportDeclaration(node) && !(node.exportClause && ts.isNamedExports(node.exportClause))
        ? 'list the exports one by one, so that the front door can be read'
        : undefined,
    ),
  );
}

export function typeHoleProblems(sources: readonly Source[]): Problem[] {
  return inSrc(sources).flatMap((source) => [
    ...problemsIn(source, (node) => {
      if (node.kind === ts.SyntaxKind.AnyKeyword) return 'say what it is, or take unknown and check it';
      const isAsserted = ts.isNonNullExpression(node) || ('exclamationToken' in node && node.exclamationToken);
      return isAsserted ? 'prove it with a check or assert() instead of `!`' : undefined;
    }),
    ...source.text.split('\n').flatMap((text, index) => {
      if (!/@ts-(ignore|nocheck|expect-error)/.test(text)) return [];
      return [{ path: source.path, line: index + 1, advice: 'solve what the compiler says instead of silencing it' }];
    }),
  ]);
}

const impureNames = new Set([
  ...['Date', 'performance', 'crypto', 'Promise', 'console', 'process', 'globalThis'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
]);

/** core/ gets time and chance with the event and gives back orders, so that any run of it can be repeated. */
export function purityProblems(sources: readonly Source[]): Problem[] {
  return sources
    .filter((source) => source.path.startsWith('src/core/'))
    .flatMap((source) =>
      problemsIn(source, (node) => {
        const word = impureWord(node);
        return word === undefined
          ? undefined
          : `core/ decides and nothing else: take what ${word} gives as an argument`;
      }),
    );
}

function impureWord(node: ts.Node): string | undefined {
  if (ts.isIdentifier(node) && impureNames.has(node.text) && !isPropertyName(node)) return node.text;
  if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random') return 'Math.random';
  if (ts.isStringLiteral(node) && node.text.startsWith('node:') && isSpecifier(node)) return node.text;
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return 'async';
  if (node.kind === ts.SyntaxKind.AwaitKeyword || ts.isAwaitExpression(node)) return 'await';
  return undefined;
}

/** `state.process` and `{ process: 1 }` name a field of ours, not the global. */
function isPropertyName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) || ts.isPropertyAssignment(parent)) return parent.name === node;
  return ts.isPropertySignature(parent) || ts.isPropertyDeclaration(parent);
}

function isSpecifier({ parent }: ts.StringLiteral): boolean {
  return ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent) || ts.isCallExpression(parent);
}

const testFunctions = new Set(['test', 'it', 'describe', 'suite', 't']);
const switches = new Set(['skip', 'only', 'todo']);

/** A condition (`{ skip: !hasMemory && 'why' }`) is fine: it says what is missing. */
export function skippedTestProblems(sources: readonly Source[]): Problem[] {
  return sources
    .filter((source) => source.path.startsWith('test/'))
    .flatMap((source) => problemsIn(source, adviceOnSkipping));
}

function adviceOnSkipping(node: ts.Node): string | undefined {
  const isCall =
    ts.isPropertyAccessExpression(node) &&
    switches.has(node.name.text) &&
    ts.isIdentifier(node.expression) &&
    testFunctions.has(node.expression.text);
  if (isCall) return `finish the test or remove it: .${node.name.text} is forgotten`;
  const isOption =
    ts.isPropertyAssignment(node) &&
    ts.isIdentifier(node.name) &&
    switches.has(node.name.text) &&
    ts.isCallExpression(node.parent.parent) &&
    ts.isIdentifier(node.parent.parent.expression) &&
    testFunctions.has(node.parent.parent.expression.text);
  const isConstant =
    isOption && (node.initializer.kind === ts.SyntaxKind.TrueKeyword || ts.isStringLiteralLike(node.initializer));
  return isConstant ? 'finish the test or remove it, or skip it on a condition that names what is missing' : undefined;
}

function inSrc(sources: readonly Source[]): Source[] {
  return sources.filter((source) => source.path.startsWith('src/'));
}
