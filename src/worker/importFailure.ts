/**
 * Judges why a worker's module could not be imported: something it needs is not there, or it threw. Loaded only then.
 *
 * A SyntaxError in an ES module knows its place, but keeps it for Node's own print-out: neither the stack nor any
 * property has it. So the modules are compiled once more, without being run, by another Node that prints it
 * (syntaxPosition.ts).
 */
import { fileURLToPath } from 'node:url';
import type { ErrorRecord, Saying } from '../core/index.js';
import { toErrorRecord } from '../protocol/index.js';
import { findSyntaxError } from './syntaxPosition.js';

/** `find` starts a Node of its own; what may not do that has another. */
export function judgeImport(error: unknown, module: string, find: typeof findSyntaxError = findSyntaxError): Saying {
  const record = toErrorRecord(error);
  if (record.code === 'ERR_MODULE_NOT_FOUND' || record.code === 'MODULE_NOT_FOUND') {
    return { word: 'moduleNotFound', path: missingPath(error, record) ?? fileURLToPath(module), error: record };
  }
  return { word: 'moduleThrew', error: isUnplaced(record) ? placed(record, module, find) : record };
}

/** What is missing: a file's path, or a package as it was asked for. Only Node's message has the latter. */
function missingPath(error: unknown, record: ErrorRecord): string | undefined {
  const { url } = error as { readonly url?: unknown };
  if (typeof url === 'string' && url.startsWith('file:')) return fileURLToPath(url);
  const [, quoted] = /^Cannot find (?:module|package) '([^']+)'/.exec(record.message) ?? [];
  return quoted?.startsWith('file:') ? fileURLToPath(quoted) : quoted;
}

function isUnplaced({ name, stack }: ErrorRecord): boolean {
  return name === 'SyntaxError' && stack !== undefined && stack.startsWith('SyntaxError');
}

function placed(record: ErrorRecord, module: string, find: typeof findSyntaxError): ErrorRecord {
  const place = find(module, record.message);
  if (place === undefined) return record;
  const { file, line, excerpt } = place;
  return {
    ...record,
    stack: `${file}:${line}\n${excerpt}\n${record.stack}`,
    fields: { ...record.fields, file, line },
  };
}
