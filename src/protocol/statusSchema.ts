/**
 * The rule for the longest thing that is told: a worker's status, with the reason of its last stop. Apart from
 * schema.ts only for its length.
 *
 * Words that describe (a status, a phase, a kind of stop, a mode, how a process came to be) are any text: one that this
 * version does not know comes from a postmaster one minor version newer, and is shown as it came. What belongs to a kind
 * of stop is checked as far as this version knows the kind; every kind has the circumstances.
 */
import type { Rule } from './rule.js';
import { anyRecord, boolean, integer, isRecord, list, number, optional, orNull, record, text } from './rule.js';

const MAX_TEXT = 64 * 1024;
/** Stacks and the messages of users' errors; the frame bounds them all together. */
const MAX_LONG_TEXT = 1024 * 1024;
/** Causes within causes, and causes within lists of errors: deep enough for people, and no deeper than a stack. */
const MAX_ERROR_DEPTH = 32;

const instant = number(-Number.MAX_VALUE, Number.MAX_VALUE);
const count = integer(0, Number.MAX_SAFE_INTEGER);
const pid = integer(1, 2 ** 31 - 1);
/** One of the core's, or of a newer version's. */
const word = text(64);

const code: Rule = (value) =>
  typeof value === 'number' || (typeof value === 'string' && value.length <= MAX_TEXT)
    ? undefined
    : 'a text or a number';

const plainError: Rule = record({
  name: text(MAX_TEXT),
  message: text(MAX_LONG_TEXT),
  stack: optional(text(MAX_LONG_TEXT)),
  code: optional(code),
  fields: optional(anyRecord),
});

/** An error record, with its causes. */
export const errorRule: Rule = (value) => checkError(value, 0);

function checkError(value: unknown, depth: number): string | undefined {
  if (depth > MAX_ERROR_DEPTH) return `an error with at most ${MAX_ERROR_DEPTH} causes`;
  const wanted = plainError(value);
  if (wanted !== undefined || !isRecord(value)) return wanted;
  const { cause, errors } = value;
  if (cause !== undefined) {
    const wantedOfCause = checkError(cause, depth + 1);
    if (wantedOfCause !== undefined) return wantedOfCause;
  }
  if (errors === undefined) return undefined;
  return list((error) => checkError(error, depth + 1), 10_000)(errors);
}

const KINDS: { readonly [kind: string]: Rule } = {
  diedBeforeRuntime: record({ error: optional(errorRule) }),
  spawnFailed: record({ errno: text(256), what: text(MAX_TEXT) }),
  moduleNotFound: record({ path: text(MAX_TEXT), error: optional(errorRule) }),
  moduleThrew: record({ error: errorRule }),
  exportMissing: record({ name: text(MAX_TEXT), exports: list(text(MAX_TEXT), 10_000) }),
  threw: record({ error: errorRule }),
  memoryLimit: record({ rssBytes: count }),
  ranTooLong: record({ maxRunMs: number(0, Number.MAX_VALUE), escalated: boolean }),
  terminated: record({ escalated: boolean }),
  crashGroup: record({ origin: text(MAX_TEXT) }),
  postmasterShutdown: record({ mode: word }),
};

const crashLoop: Rule = record({
  deaths: count,
  periodMs: number(0, Number.MAX_VALUE),
  last: (value) => checkCause(value, 1),
});

/** A crash loop names its last cause, which is never a crash loop itself. */
function checkCause(value: unknown, depth: number): string | undefined {
  if (!isRecord(value) || typeof value['kind'] !== 'string' || value['kind'].length > 256)
    return 'a record with a kind';
  if (value['kind'] === 'crashLoop') return depth > 0 ? 'a cause that is no crash loop itself' : crashLoop(value);
  return Object.hasOwn(KINDS, value['kind']) ? KINDS[value['kind']]?.(value) : undefined;
}

const circumstances: Rule = record({
  phase: orNull(word),
  pid: orNull(pid),
  code: orNull(integer(-(2 ** 31), 2 ** 32)),
  signal: orNull(text(64)),
  output: text(MAX_LONG_TEXT),
  attempt: count,
  forkedAt: orNull(instant),
  enteredAt: orNull(instant),
  stoppedAt: instant,
});

const reason: Rule = (value) => checkCause(value, 0) ?? circumstances(value);

const anyResult = record({ state: word });

/** A state that only a newer version knows is made a problem of by attachment.ts. */
const result: Rule = (value) =>
  anyResult(value) ?? (isRecord(value) && value['state'] === 'problem' ? problem(value) : undefined);

const problem: Rule = record({
  code: text(256),
  message: text(MAX_TEXT),
  hint: text(MAX_TEXT),
});

const startedFrom: Rule = orNull(record({ kind: word, because: optional(word), variable: optional(text(MAX_TEXT)) }));

/** A status as it travels: the bytes of a result are beside it. Whoever died has a reason. */
export const statusRule: Rule = (value) => statusFields(value) ?? checkTogether(value);

function checkTogether(value: unknown): string | undefined {
  if (!isRecord(value)) return 'a record';
  const { deaths, final, reason: why, status, pid: process } = value;
  if (why === null && (final === true || deaths !== 0)) return 'a status with the reason of its last death';
  if (process === null && status === 'started') return 'a status with the process that was started';
  return undefined;
}

const statusFields: Rule = record({
  slot: integer(0, 999_999_999),
  generation: integer(0, 999_999_999_999_999),
  name: text(MAX_TEXT),
  sequence: count,
  status: word,
  phase: orNull(word),
  pid: orNull(pid),
  startedFrom,
  attempts: count,
  deaths: count,
  reason: orNull(reason),
  final: boolean,
  willRestart: boolean,
  retryAt: orNull(instant),
  result: orNull(result),
});

/** What a worker that returned gave, as it travels. */
export const resultRule: Rule = orNull(result);

/** What a worker waits for. */
export const waitEventRule: Rule = orNull(text(64));

/** One line of what is shown of all workers. */
export const activityRule: Rule = record({
  slot: integer(0, 999_999_999),
  generation: integer(0, 999_999_999_999_999),
  name: text(MAX_TEXT),
  type: text(MAX_TEXT),
  class: text(MAX_TEXT),
  module: text(MAX_TEXT),
  functionName: orNull(text(MAX_TEXT)),
  status: word,
  phase: orNull(word),
  state: text(MAX_TEXT),
  pid: orNull(pid),
  startedFrom,
  attempts: count,
  deaths: count,
  reason: orNull(reason),
  retryAt: orNull(instant),
  forkedAt: orNull(instant),
  progress: orNull(record({ done: instant, total: orNull(instant) })),
  waitEvent: optional(waitEventRule),
});

export const sparesRule: Rule = record({
  wanted: count,
  idle: count,
  booting: count,
  deaths: count,
  retryAt: orNull(instant),
});
