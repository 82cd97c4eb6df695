/**
 * A source file as the rules of the house see it: its path, its syntax tree, and every way in which it names another
 * file. Made from text, so that a rule can be tried on a file that does not exist.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export interface Source {
  /** From the repository root, with forward slashes: `src/client/handle.ts`. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
  readonly imports: readonly Import[];
}

export interface Import {
  /** As written: `../core/index.js`, `node:fs`, `koffi`. */
  readonly specifier: string;
  /** The TypeScript file meant, from the repository root; undefined for `node:` modules and packages. */
  readonly target: string | undefined;
  /** `type`: gone after compilation. `dynamic`: an `import()` that runs later. */
  readonly kind: 'static' | 'type' | 'dynamic';
  readonly line: number;
}

export interface Problem {
  readonly path: string;
  readonly line: number;
  /** What to do about it. */
  readonly advice: string;
}

/** `dist/test/tidy` is three levels below the root. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

export function readSources(): Source[] {
  return [...pathsBelow('src', '.ts'), ...pathsBelow('test', '.ts')].map((path) => sourceOf(path, readText(path)));
}

export function readText(path: string): string {
  return readFileSync(`${root}${path}`, 'utf8');
}

export function pathsBelow(folder: string, extension: string): string[] {
  let entries: string[];
  try {
    entries = readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  return entries
    .filter((path) => path.endsWith(extension))
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .sort();
}

export function sourceOf(path: string, text: string): Source {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
  const imports: Import[] = [];
  walk(tree, (node) => {
    const found = importIn(node);
    if (found === undefined) return;
    const specifier = found.specifier.text;
    const target = specifier.startsWith('.')
      ? posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts')
      : undefined;
    imports.push({ specifier, target, kind: found.kind, line: lineOf(tree, node) });
  });
  return { path, text, tree, imports };
}

function importIn(node: ts.Node): { specifier: ts.StringLiteralLike; kind: Import['kind'] } | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    const isType = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
    return { specifier: node.moduleSpecifier, kind: isType ? 'type' : 'static' };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    return { specifier: node.moduleSpecifier, kind: node.isTypeOnly ? 'type' : 'static' };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return { specifier: node.argument.literal, kind: 'type' };
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments;
    if (argument && ts.isStringLiteralLike(argument)) return { specifier: argument, kind: 'dynamic' };
  }
  return undefined;
}

export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** One problem for each node that the test names something wrong with. */
export function problemsIn(source: Source, adviceFor: (node: ts.Node) => string | undefined): Problem[] {
  const problems: Problem[] = [];
  walk(source.tree, (node) => {
    const advice = adviceFor(node);
    if (advice !== undefined) problems.push({ path: source.path, line: lineOf(source.tree, node), advice });
  });
  return problems;
}

export function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
}
