/**
 * Where a syntax error is. A second Node compiles the module and whatever it imports by a relative path, one by one
 * and without running any of it, until one does not compile for the same reason; it dies of that error, and Node
 * prints the file, the line and the text when it does. Takes about as long as a start of Node, and happens once in
 * the life of a worker that cannot be started.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface SyntaxPosition {
  readonly file: string;
  readonly line: number;
  /** The line of the source, and below it where in it. */
  readonly excerpt: string;
}

/** A busy machine starts Node in well under a second; the answer is worth no more. */
const MAX_WAIT_MS = 3_000;

/** Undefined when it was not found: a file that a loader makes, a package, a module that is read over the network. */
export function findSyntaxError(module: string, message: string): SyntaxPosition | undefined {
  const { stderr } = spawnSync(
    process.execPath,
    ['--experimental-vm-modules', '--no-warnings', '--input-type=module', '--eval', COMPILER, module, message],
    { encoding: 'utf8', timeout: MAX_WAIT_MS, stdio: ['ignore', 'ignore', 'pipe'], env: plainEnvironment() },
  );
  // Behind the end of the file there is nothing to show, and nothing to point at.
  const match = /^(file:[^\n]*):(\d+)\n([^\n]*\n[ \t]*\^*)/.exec(stderr ?? '');
  if (match === null) return undefined;
  const [, url = '', line = '', excerpt = ''] = match;
  return { file: fileURLToPath(url), line: Number(line), excerpt: excerpt.trimEnd() };
}

/** Nothing that would make the second Node load or do more than it is asked to. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...environment } = process.env;
  return environment;
}

const COMPILER = `
import { readFileSync } from 'node:fs';
import { SourceTextModule } from 'node:vm';
const [, first, message] = process.argv;
const pending = [first];
const seen = new Set(pending);
for (const url of pending) {
  let compiled;
  try {
    compiled = new SourceTextModule(readFileSync(new URL(url), 'utf8'), { identifier: url });
  } catch (error) {
    if (error instanceof SyntaxError && error.message === message) throw error;
    continue;
  }
  const specifiers = compiled.moduleRequests?.map(({ specifier }) => specifier) ?? compiled.dependencySpecifiers;
  for (const specifier of specifiers) {
    if (!/^(\\.\\.?\\/|\\/|file:)/.test(specifier)) continue;
    const next = new URL(specifier, url).href;
    if (!seen.has(next)) pending.push(next);
    seen.add(next);
  }
}
`;
