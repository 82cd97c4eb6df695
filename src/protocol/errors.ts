/**
 * Errors as records and back. Anything can be thrown, so anything becomes a record: an error with all that is known of
 * it, or a `NonError` that shows the value. Making a record never throws, whatever the value does when it is read, and
 * the record always fits into a frame's header: it has a budget of text and of nested errors.
 *
 * Coming back, an error of one of the language's own classes, or a `BgworkerError`, is an instance of that class
 * again; of any other it is an `Error` that bears the name.
 */
import * as types from 'node:util/types';
import { BgworkerError } from '../base/index.js';
import type { ErrorRecord } from '../core/index.js';
import type { PlainBudget } from './plain.js';
import { clip, setField, show, toPlain, tryRead } from './plain.js';

/** Text in all. Six bytes of JSON at most for each character, so it stays under a frame's limit of 1.25 MiB. */
const MAX_CHARACTERS = 128 * 1024;
/** A message, a stack: the first of it says what happened. */
const MAX_TEXT_LENGTH = 32 * 1024;
/** Causes below causes. Deeper chains come from retry loops, and repeat themselves. */
const MAX_DEPTH = 8;
/** Records in all, of all causes and of all `errors` of AggregateErrors. */
const MAX_RECORDS = 32;
const MAX_FIELDS = 64;

interface Budget extends PlainBudget {
  records: number;
}

export function toErrorRecord(thrown: unknown): ErrorRecord {
  return recordOf(thrown, { characters: MAX_CHARACTERS, records: MAX_RECORDS - 1 }, []);
}

function recordOf(thrown: unknown, budget: Budget, parents: readonly unknown[]): ErrorRecord {
  return isError(thrown) ? recordOfError(thrown, budget, parents) : recordOfValue(thrown, budget);
}

function isError(thrown: unknown): thrown is object {
  try {
    // The first finds errors of other realms (node:vm, Jest), the second DOMException on Node 20.
    return types.isNativeError(thrown) || thrown instanceof Error;
  } catch {
    return false;
  }
}

function recordOfError(error: object, budget: Budget, parents: readonly unknown[]): ErrorRecord {
  const within = [...parents, error];
  const stack = tryRead(error, 'stack');
  const code = tryRead(error, 'code');
  const cause = tryRead(error, 'cause');
  const errors = tryRead(error, 'errors');
  const record: ErrorRecord = {
    name: clip(nameOf(error), 200, budget),
    message: clip(textOf(tryRead(error, 'message')), MAX_TEXT_LENGTH, budget),
    ...(typeof stack === 'string' && { stack: clip(stack, MAX_TEXT_LENGTH, budget) }),
    ...((typeof code === 'string' || Number.isFinite(code)) && { code: code as string | number }),
    ...(cause !== undefined && mayDescend(cause, budget, within) && { cause: recordOf(cause, budget, within) }),
    ...(Array.isArray(errors) && { errors: recordsOf(errors, budget, within) }),
  };
  const fields = fieldsOf(error, record, budget);
  return fields === undefined ? record : { ...record, fields };
}

function recordOfValue(value: unknown, budget: Budget): ErrorRecord {
  const record = { name: 'NonError', message: clip(show(value), MAX_TEXT_LENGTH, budget) };
  const plain = toPlain(value, budget);
  return plain === undefined ? record : { ...record, fields: { value: plain } };
}

/** False at a cycle, too deep, or when enough has been said. */
function mayDescend(cause: unknown, budget: Budget, parents: readonly unknown[]): boolean {
  if (parents.includes(cause) || parents.length >= MAX_DEPTH || budget.characters <= 0) return false;
  return budget.records-- > 0;
}

function recordsOf(errors: readonly unknown[], budget: Budget, parents: readonly unknown[]): ErrorRecord[] {
  const records: ErrorRecord[] = [];
  for (const error of errors.slice(0, MAX_RECORDS)) {
    if (mayDescend(error, budget, parents)) records.push(recordOf(error, budget, parents));
  }
  return records;
}

/** Own enumerable fields that have no place of their own in the record. */
function fieldsOf(error: object, record: ErrorRecord, budget: Budget): Record<string, unknown> | undefined {
  const fields: Record<string, unknown> = {};
  let count = 0;
  for (const name of tryKeys(error)) {
    if (RESERVED.has(name) && !(name === 'code' && record.code === undefined)) continue;
    const value = toPlain(tryRead(error, name), budget);
    if (value === undefined) continue;
    if (count++ === MAX_FIELDS || budget.characters <= 0) break;
    setField(fields, clip(name, 200, budget), value);
  }
  return count === 0 ? undefined : fields;
}

const RESERVED: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'code', 'cause', 'errors']);

function tryKeys(error: object): readonly string[] {
  try {
    return Object.keys(error);
  } catch {
    return [];
  }
}

function nameOf(error: object): string {
  const name = tryRead(error, 'name');
  return typeof name === 'string' && name !== '' ? name : 'Error';
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '' : show(value);
}

const BUILT_IN = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError } as const;

/** The record has been checked (schema.ts); only how deep it may go is not part of that check. */
export function fromErrorRecord(record: ErrorRecord): Error {
  return errorOf(record, 0);
}

function errorOf(record: ErrorRecord, depth: number): Error {
  const error = bareError(record);
  // As the language has them: not enumerable, so that printing the error does not say everything twice.
  const hidden = (name: string, value: unknown): void => {
    Object.defineProperty(error, name, { value, enumerable: false, configurable: true, writable: true });
  };
  if (error.name !== record.name) hidden('name', record.name);
  hidden('stack', record.stack ?? `${record.name}: ${record.message}`);
  if (record.cause !== undefined && depth < MAX_DEPTH) hidden('cause', errorOf(record.cause, depth + 1));
  if (record.errors !== undefined && depth < MAX_DEPTH) {
    hidden(
      'errors',
      record.errors.map((inner) => errorOf(inner, depth + 1)),
    );
  }
  const fields = error as unknown as Record<string, unknown>;
  if (record.code !== undefined) setField(fields, 'code', record.code);
  for (const [name, value] of Object.entries(record.fields ?? {})) {
    if (!RESERVED.has(name) || (name === 'code' && record.code === undefined)) setField(fields, name, value);
  }
  return error;
}

function bareError(record: ErrorRecord): Error {
  if (record.name === 'AggregateError') return new AggregateError([], record.message);
  if (record.name === 'BgworkerError') return new BgworkerError(String(record.code), record.message);
  if (Object.hasOwn(BUILT_IN, record.name)) return new BUILT_IN[record.name as keyof typeof BUILT_IN](record.message);
  return new Error(record.message);
}
