/**
 * Any value as plain data that JSON can say, for logs and error records: what people read, never what programs rely
 * on. It must not fail and must not grow: a getter that throws, a cycle, a proxy, a list of a million entries or a
 * megabyte of text each leave a short word in their place.
 *
 * Not here: values that must arrive as they were sent. Those are serialised by values.ts, or refused there.
 */
import nodeModule from 'node:module';
import * as types from 'node:util/types';

/**
 * Not imported: from Node 22 on that opens standard error, in every process that might have to show a value some day.
 * What is built in is found from any path, and a bundle may have no `import.meta.url`. In the place of a createRequire that
 * is imported by its name, webpack puts nothing.
 */
const { inspect } = nodeModule.createRequire(process.execPath)('node:util') as typeof import('node:util');

/** How much may be said in all; the caller shares one between the parts of one message. */
export interface PlainBudget {
  /** Characters of text that may still be used. */
  characters: number;
}

/** Deeper than anybody reads in a log line. */
const MAX_DEPTH = 6;
/** Entries of one list, fields of one object. */
const MAX_ENTRIES = 100;
/** What stands for one entry, however little text is in it, so that many empty ones use up the budget too. */
const ENTRY_COST = 8;

export function toPlain(value: unknown, budget: PlainBudget): unknown {
  return plain(value, budget, []);
}

/** Cuts a text to a length and to what the budget has left, and says that it did. */
export function clip(text: string, maxLength: number, budget: PlainBudget): string {
  const length = Math.max(0, Math.min(maxLength, budget.characters));
  const clipped = text.length <= length ? text : `${text.slice(0, length)}…`;
  budget.characters -= Math.min(text.length, length);
  return clipped;
}

/** A value as `console.log` shows it, whatever it does when it is looked at. */
export function show(value: unknown): string {
  try {
    return inspect(value, { depth: 2, maxArrayLength: 20, maxStringLength: 1_000, breakLength: 100 });
  } catch {
    return `[a ${typeof value} that cannot be shown]`;
  }
}

function plain(value: unknown, budget: PlainBudget, parents: readonly object[]): unknown {
  budget.characters -= ENTRY_COST;
  switch (typeof value) {
    case 'string':
      return clip(value, budget.characters, budget);
    case 'boolean':
    case 'undefined':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return clip(String(value), 1_000, budget);
    case 'symbol':
    case 'function':
      return clip(show(value), 200, budget);
    default:
      return typeof value === 'object' && value !== null ? plainObject(value, budget, parents) : null;
  }
}

function plainObject(value: object, budget: PlainBudget, parents: readonly object[]): unknown {
  if (parents.includes(value)) return '[Circular]';
  if (budget.characters <= 0) return '…';
  if (parents.length >= MAX_DEPTH || isShownBetter(value)) return clip(show(value), 1_000, budget);
  try {
    const converted = convert(value);
    if (converted !== value) return plain(converted, budget, [...parents, value]);
    const within = [...parents, value];
    if (Array.isArray(value)) return plainList(value as readonly unknown[], budget, within);
    return plainFields(value, budget, within);
  } catch {
    return '[cannot be read]';
  }
}

/** As JSON.stringify does it: a Date gives a text, a URL its own. */
function convert(value: object): unknown {
  return 'toJSON' in value && typeof value.toJSON === 'function' ? value.toJSON() : value;
}

/** What JSON would empty, or write out byte by byte. */
function isShownBetter(value: object): boolean {
  return (
    types.isProxy(value) ||
    types.isNativeError(value) ||
    types.isAnyArrayBuffer(value) ||
    ArrayBuffer.isView(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isRegExp(value)
  );
}

function plainList(list: readonly unknown[], budget: PlainBudget, parents: readonly object[]): unknown[] {
  const entries = list.slice(0, MAX_ENTRIES).map((entry) => plain(entry, budget, parents) ?? null);
  if (list.length > MAX_ENTRIES) entries.push(`… ${list.length - MAX_ENTRIES} more`);
  return entries;
}

function plainFields(value: object, budget: PlainBudget, parents: readonly object[]): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  let count = 0;
  for (const name of Object.keys(value)) {
    if (count++ === MAX_ENTRIES || budget.characters <= 0) break;
    setField(fields, clip(name, 200, budget), plain(tryRead(value, name), budget, parents));
  }
  return fields;
}

/** A plain assignment to `__proto__` would change the object's prototype instead of naming a field. */
export function setField(fields: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true });
}

/** A property, or a word in its place when its getter throws. */
export function tryRead(value: object, name: string): unknown {
  try {
    return (value as Record<string, unknown>)[name];
  } catch {
    return '[getter threw]';
  }
}
