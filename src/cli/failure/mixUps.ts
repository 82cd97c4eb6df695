/**
 * Files that are fine, and taken for something else: a module for CommonJS, CommonJS for a module, TypeScript where
 * nobody runs it. Node says what it stumbled over; here it is said what to change. By Node's codes and, where it has
 * none, by the words that it has used in every version since 20.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import type { ErrorRecord } from '../../core/index.js';
import type { Subject } from './advice.js';
import { placeOf } from './stack.js';

/** Null where it is no mix-up. */
export function adviseOnMixUp(error: ErrorRecord, subject: Subject): string | null {
  const file = placeOf(error)?.file ?? null;
  const { name, message, code } = error;
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION') return adviseOnExtension(message, subject);
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX')
    return withTsx('Node only leaves types out: use tsx for the rest', subject);
  if (name === 'SyntaxError' && /^Cannot use import statement outside|^Unexpected token 'export'/.test(message)) {
    return file === null ? null : adviseOnModule(file);
  }
  const [, word] = /^(require|module|exports|__dirname|__filename) is not defined/.exec(message) ?? [];
  return name === 'ReferenceError' && word !== undefined ? adviseOnCommonJs(word, file) : null;
}

/** `import` and `export` in what is taken for CommonJS. */
function adviseOnModule(file: string): string {
  const renamed = `name it ${withExtension(file, '.mjs')}`;
  if (extname(file) !== '.js') return `${renamed}: ${extname(file)} is CommonJS, whatever package.json says`;
  return `write "type": "module" into ${packageFileOf(file) ?? 'package.json'}, or ${renamed}`;
}

/** Words of CommonJS in a module. */
function adviseOnCommonJs(word: string, file: string | null): string {
  if (word === '__dirname') return 'it is an ES module: use import.meta.dirname';
  if (word === '__filename') return 'it is an ES module: use import.meta.filename';
  const instead = word === 'require' ? "import … from '…'" : 'export';
  const renamed = file === null ? 'name it .cjs' : `name it ${withExtension(file, '.cjs')}`;
  return `it is an ES module: use ${instead}, or ${renamed}`;
}

function adviseOnExtension(message: string, subject: Subject): string {
  const [, extension = ''] = /extension "([^"]*)"/.exec(message) ?? [];
  if (!/^\.[cm]?tsx?$/.test(extension)) return `Node runs .js, .mjs and .cjs, and does not know ${extension}`;
  return withTsx('this Node runs no TypeScript: take 22.18 or newer, or use tsx', subject);
}

/** With `run` all processes have our environment; what another postmaster starts has only what it is given. */
function withTsx(what: string, { job, isHere }: Subject): string {
  const command = isHere
    ? `NODE_OPTIONS='--import tsx' npx bgworker run ${job?.typed}`
    : "… --env NODE_OPTIONS='--import tsx'";
  return `${what}:\n    npm install --save-dev tsx\n    ${command}`;
}

/** The package.json that decides what a `.js` is. */
function packageFileOf(file: string): string | null {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const found = join(folder, 'package.json');
    if (existsSync(found)) return found;
    if (folder === dirname(folder)) return null;
  }
}

function withExtension(file: string, extension: string): string {
  return `${basename(file, extname(file))}${extension}`;
}
