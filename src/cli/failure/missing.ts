/**
 * What is not there, and what may have been meant: a file, a package, an export. It looks at the folder in which the
 * file was looked for, so it speaks of the machine that the command runs on, which is the postmaster's too.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nearest, nearestFirst } from '../../base/index.js';
import type { ErrorRecord } from '../../core/index.js';
import type { Job } from '../job.js';
import type { Advice } from './advice.js';
import { AS_PROGRAM } from './advice.js';
import { isOurs } from './stack.js';

const MODULE_EXTENSIONS = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'];
const MAX_NAMES_SHOWN = 8;

/** `asked` is a file's path, or what was asked for: a package, or in CommonJS a path relative to who asks. */
export function adviseOnMissing(asked: string, error: ErrorRecord | undefined, job: Job | null): Advice {
  const importer = importerIn(error?.message ?? '');
  if (importer === undefined) return { what: `there is no ${asked}`, lines: [], hint: null };
  // Of a worker's own module that is this package.
  if (isOurs(importer)) {
    const hint = adviseOnFile(asked, (near) => (job === null ? near : asTyped(job, near)));
    return { what: 'there is no such file', lines: [asked], hint };
  }
  const folder = dirname(importer);
  const path = isRelative(asked) ? join(folder, asked) : asked;
  const lines = [`${importer}${lineOfImport(importer, path)}`];
  if (path.startsWith('/')) {
    const hint = adviseOnFile(path, (near) => `'${relativeSpecifier(folder, near)}'`);
    return { what: `it imports ${path}, which is not there`, lines, hint };
  }
  const isFile = isThere(join(folder, path));
  const [name = path] = /^(?:@[^/]+\/)?[^/]+/.exec(path) ?? [];
  const hint = isFile ? `did you mean './${path}'? Without ./ it is a package` : `npm install ${name}`;
  return { what: `it imports the package ${name}, which is not installed`, lines, hint };
}

/** Who asked for what is not there, as Node says it: for `import`, and for `require`. */
function importerIn(message: string): string | undefined {
  return /imported from (.+)|Require stack:\n- (.+)/
    .exec(message)
    ?.slice(1)
    .find((path) => path !== undefined);
}

export function adviseOnExport(name: string, exports: readonly string[], job: Job | null): Advice {
  const what =
    name === 'default' ? 'its module has no function as its default export' : `its module has no export ${name}`;
  const lines = job === null ? [] : [fileURLToPath(job.module)];
  const typed = job === null ? '' : `${withoutExport(job)}#`;
  const others = exports.filter((other) => other !== name);
  // The default export of a CommonJS module that exports nothing is an empty object.
  if (others.length === 0 && name === 'default') return { what, lines, hint: `export one; ${AS_PROGRAM}` };
  if (others.length < exports.length && name !== 'default') {
    return { what: `its export ${name} is no function`, lines, hint: 'export a function' };
  }
  if (others.length === 0) return { what, lines, hint: `it exports nothing; ${AS_PROGRAM}` };
  const [first = ''] = nearest(name, others);
  if (first !== '') {
    return { what, lines, hint: `did you mean ${typed}${first}? It exports ${listed(nearestFirst(name, others))}` };
  }
  return { what, lines, hint: `name what to call: ${listed(others.map((known) => `${typed}${known}`))}` };
}

/** Of a folder that was named as if it were a module. */
export function adviseOnFolder(job: Job): Advice {
  const path = fileURLToPath(job.module);
  const files = modulesIn(path).map((name) => asTyped(job, join(path, name)));
  const hint = files.length === 0 ? 'name a file' : `name a file in it: ${listed(files)}`;
  return { what: 'that is a folder', lines: [path], hint };
}

function adviseOnFile(path: string, show: (near: string) => string): string {
  const folder = dirname(path);
  if (!isThere(folder)) return `there is no folder ${folder}`;
  const near = filesLike(basename(path), modulesIn(folder));
  if (near.length === 0) return `look into ${folder}`;
  return `did you mean ${listed(
    near.map((name) => show(join(folder, name))),
    ' or ',
  )}?`;
}

/** The same with another ending first: that is what is mistaken most. */
function filesLike(name: string, files: readonly string[]): string[] {
  const stem = stemOf(name);
  const twins = files.filter((file) => stemOf(file) === stem || file.startsWith(`${name}.`));
  const stems = nearest(stem, files.map(stemOf));
  const near = files.filter((file) => stems.includes(stemOf(file)));
  near.sort((one, other) => stems.indexOf(stemOf(one)) - stems.indexOf(stemOf(other)));
  return [...new Set([...twins, ...near])].slice(0, 3);
}

function stemOf(name: string): string {
  return basename(name, extname(name));
}

function modulesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => MODULE_EXTENSIONS.includes(extname(name)));
  } catch {
    return [];
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** `:3`, the line in which a file imports another one or a package; nothing where its text does not show it. */
function lineOfImport(importer: string, imported: string): string {
  let text: string;
  try {
    text = readFileSync(importer, 'utf8');
  } catch {
    return '';
  }
  const isIt = (specifier: string): boolean => {
    if (!imported.startsWith('/')) return specifier === imported || specifier.startsWith(`${imported}/`);
    return isRelative(specifier) ? join(dirname(importer), specifier) === imported : specifier === imported;
  };
  const lines = text.split('\n');
  const index = lines.findIndex((line) => [...line.matchAll(/['"]([^'"]+)['"]/g)].some(([, word = '']) => isIt(word)));
  return index < 0 ? '' : `:${index + 1}`;
}

function isRelative(specifier: string): boolean {
  return /^\.{1,2}\//.test(specifier);
}

/** Another file, named as the user named the one that is not there, so that it can be pasted. */
function asTyped(job: Job, path: string): string {
  const exportName = job.functionName === null || job.functionName === 'default' ? '' : `#${job.functionName}`;
  const typed = withoutExport(job);
  if (typed.startsWith('/') || typed.startsWith('file:')) return `${path}${exportName}`;
  return `${relativeSpecifier(process.cwd(), path)}${exportName}`;
}

function withoutExport({ typed, functionName }: Job): string {
  const hash = typed.lastIndexOf('#');
  return functionName !== null && hash > 0 ? typed.slice(0, hash) : typed;
}

function relativeSpecifier(from: string, to: string): string {
  const path = relative(from, to).split(sep).join('/');
  return path.startsWith('.') ? path : `./${path}`;
}

function listed(words: readonly string[], between = ', '): string {
  const shown = words.slice(0, MAX_NAMES_SHOWN).join(between);
  return words.length > MAX_NAMES_SHOWN ? `${shown}, and ${words.length - MAX_NAMES_SHOWN} more` : shown;
}
