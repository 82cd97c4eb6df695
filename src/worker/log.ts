/**
 * `ctx.log`: lines for the postmaster's log. Takes both orders of arguments that are in use, (message, fields) and
 * pino's (fields, message); an error in the place of the fields becomes the field `err`, as with pino.
 *
 * Logging never throws, whatever it is given, and a line is with the postmaster when the call returns. Fields are what
 * JSON can say of them, with errors and BigInts in words. What is too long for a line of a log is cut, and what JSON
 * cannot say at all (a cycle, a getter that throws) is shown as `console.log` shows it.
 */
import { createRequire } from 'node:module';
import type { LogLevel, WorkerMessage } from '../protocol/index.js';

/** As in protocol/plain.ts: an import would open standard error. */
const { inspect } = createRequire(import.meta.url)('node:util') as typeof import('node:util');

/** What stands beside a message: what JSON can say, errors and BigInts in words. */
export type LogFields = { readonly [name: string]: unknown } | Error;

/** Takes both orders that are in use, and never throws. The line is with the postmaster when the call returns. */
export interface LogFunction {
  /** As console does: the message first. */
  (message: string, fields?: LogFields): void;
  /** As pino does: the fields first. An error becomes the field `err`. */
  (fields: LogFields, message?: string): void;
}

/** `ctx.log`: a function for each level. */
export type Log = { readonly [Level in LogLevel]: LogFunction };
type LogMessage = Extract<WorkerMessage, { type: 'log' }>;

/** Of one line, in characters. What is longer is data, and belongs into a file or a channel. */
const MAX_MESSAGE_LENGTH = 16 * 1024;
const MAX_FIELDS_LENGTH = 64 * 1024;

export function makeLog(tell: (message: LogMessage) => void): Log {
  const at =
    (level: LogLevel): LogFunction =>
    (one?: unknown, other?: unknown) => {
      const [message, fields] = typeof one === 'string' ? [one, other] : [other, one];
      tell({ type: 'log', level, message: messageOf(message, fields), fields: fieldsOf(fields) });
    };
  return Object.freeze({
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
  });
}

function messageOf(message: unknown, fields: unknown): string {
  const text = message === undefined ? (fields instanceof Error ? fields.message : '') : message;
  return clip(typeof text === 'string' ? text : show(text), MAX_MESSAGE_LENGTH);
}

function fieldsOf(fields: unknown): LogMessage['fields'] {
  if (fields === undefined || fields === null) return null;
  const named = fields instanceof Error ? { err: fields } : fields;
  let json: string | undefined;
  try {
    json = JSON.stringify(named, inWords);
  } catch {
    return { shown: clip(show(named), MAX_FIELDS_LENGTH) };
  }
  if (json === undefined) return { shown: clip(show(named), MAX_FIELDS_LENGTH) };
  if (json.length > MAX_FIELDS_LENGTH) return { shown: clip(json, MAX_FIELDS_LENGTH) };
  const plain: unknown = JSON.parse(json);
  const isRecord = typeof plain === 'object' && plain !== null && !Array.isArray(plain);
  return isRecord ? (plain as LogMessage['fields']) : { value: plain };
}

/** For JSON.stringify: what it would empty, or refuse. */
function inWords(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Map || value instanceof Set) return show(value);
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  return { ...value, name, message, stack, ...(cause !== undefined && { cause }) };
}

function show(value: unknown): string {
  try {
    return inspect(value, { depth: 3, breakLength: 100 });
  } catch {
    return '[cannot be shown]';
  }
}

function clip(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`;
}
