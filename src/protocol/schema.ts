/**
 * Is what came one of these messages? One table for each conversation, from the type of a message to the rule of each
 * of its fields; the compiler holds the tables to message.ts. What breaks a rule is refused with the message's type,
 * the field and what it must be: nothing behind this file looks at a field's type again.
 *
 * Exact: a type that is not in the table, a field that is missing, a number or a text out of its bounds, an attachment
 * too many or too few. Tolerated, since a peer may be a minor version newer: fields nobody knows, and words nobody knows
 * where they only describe (statusSchema.ts). What becomes of a message that is refused is its reader's affair: a request
 * is answered with a refusal, what only another version says is left out, and for all else the connection ends.
 *
 * A `BackgroundWorker` is only checked to be a record with an argument of a known kind: checkBackgroundWorker in core
 * does the rest, and its refusal goes back as an answer instead of ending the connection. Bytes beside the header are
 * put in their place by attachment.ts.
 */
import type { Frame } from './frame.js';
import { FrameError } from './frame.js';
import type { ClientMessage, EmbeddedMessage, OrderMessage, PostmasterMessage, WorkerMessage } from './message.js';
import { factsRule, reportRule } from './postmasterSchema.js';
import type { Rule } from './rule.js';
import {
  anyRecord,
  anything,
  boolean,
  firstWrong,
  integer,
  isRecord,
  list,
  number,
  oneOf,
  optional,
  orNull,
  record,
  text,
} from './rule.js';
import { memoryRules, segmentRules } from './segmentSchema.js';
import { activityRule, errorRule, resultRule, sparesRule, statusRule, waitEventRule } from './statusSchema.js';

/**
 * A whole frame arrived, and it is no message of this conversation: the reader's owner says goodbye with it. Or, since
 * the frames behind it can still be read, lets it pass as what only another version says.
 */
export class MessageError extends FrameError {
  override readonly code: string = 'ERR_BAD_MESSAGE';
  /** What it was called, as far as it was called anything. */
  readonly type: string | null;
  /** The number by which it can be answered, or is an answer. */
  readonly request: number | null;
  /** Nobody of this version says anything of this name. */
  readonly isUnknown: boolean;

  constructor(message: string, detail: string, said: { readonly [field: string]: unknown } = {}, isUnknown = false) {
    super(message, detail);
    const { type, request: number } = said;
    this.type = typeof type === 'string' ? show(type) : null;
    this.request = request(number) === undefined ? (number as number) : null;
    this.isUnknown = isUnknown && this.type !== null;
  }
}

/** What each field of a message must be. */
type FieldRules<M> = { readonly [Field in Exclude<keyof M, 'type'>]-?: Rule };

type Table<M extends { readonly type: string }> = {
  readonly [Type in M['type']]: FieldRules<Extract<M, { readonly type: Type }>>;
};

/** How many attachments a message must have; those not named have none. */
type AttachmentCounts<M extends { readonly type: string }> = {
  readonly [Type in M['type']]?: (message: Extract<M, { readonly type: Type }>) => number;
};

const MAX_TEXT = 64 * 1024;
const MAX_LONG_TEXT = 1024 * 1024;
const MAX_ROWS = 100_000;
/** It is told on, with the end of the output and all the rest of a status, in one frame (attachment.ts). */
const MAX_SAYING_BYTES = 1024 * 1024;

const request = integer(1, Number.MAX_SAFE_INTEGER);
const pid = integer(1, 2 ** 31 - 1);
const instant = number(-Number.MAX_VALUE, Number.MAX_VALUE);
const bytesCount = integer(0, Number.MAX_SAFE_INTEGER);
const amount = number(-Number.MAX_VALUE, Number.MAX_VALUE);
const level = oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal');

/** Nine and fifteen digits: what a handle can be written with. */
const slot = integer(0, 999_999_999);
const workerKey = { slot, generation: integer(0, 999_999_999_999_999) };

const introduction = {
  protocol: integer(0, 1_000_000),
  package: text(256),
  path: text(MAX_TEXT),
  node: text(256),
  pid,
};

const version: Rule = record({ protocol: introduction.protocol, package: introduction.package });

const argument: Rule = record({ kind: oneOf('none', 'bytes', 'file') });
/** Of a job. */
const worker: Rule = record({ mainArg: argument });
/** Of a registration, where a default need not be said. */
const statedWorker: Rule = record({ mainArg: optional(argument) });

const refusal: Rule = record({
  code: text(256),
  message: text(MAX_TEXT),
  detail: optional(text(MAX_LONG_TEXT)),
  hint: optional(text(MAX_TEXT)),
});

const advice: Rule = record({ detail: optional(text(MAX_LONG_TEXT)), hint: optional(text(MAX_TEXT)) });
const progress = { done: amount, total: orNull(amount) };

const SAYING_FIELDS: { readonly [word: string]: Rule } = {
  moduleNotFound: record({ path: text(MAX_TEXT), error: errorRule }),
  moduleThrew: record({ error: errorRule }),
  exportMissing: record({ name: text(MAX_TEXT), exports: list(text(MAX_TEXT), 10_000) }),
  neverSettled: anyRecord,
  returned: record({ asked: boolean, result: resultRule }),
  threw: record({ error: errorRule }),
  stoppedAsAsked: record({ by: oneOf('postmaster', 'signal') }),
  exiting: record({ code: integer(-(2 ** 31), 2 ** 32) }),
};

const saying: Rule = (value) => {
  if (!isRecord(value) || typeof value['word'] !== 'string' || !Object.hasOwn(SAYING_FIELDS, value['word'])) {
    return `a word, one of ${Object.keys(SAYING_FIELDS).join(', ')}`;
  }
  const wanted = SAYING_FIELDS[value['word']]?.(value);
  if (wanted !== undefined) return wanted;
  return Buffer.byteLength(JSON.stringify(value)) <= MAX_SAYING_BYTES ? undefined : `at most ${MAX_SAYING_BYTES} bytes`;
};

const systemRefusal = record({ errno: text(256), what: text(MAX_TEXT) });
const staleRefusal = record({ file: text(MAX_TEXT) });
const anyRefusal = record({ why: text(64) });
/** A cause that only a newer version knows is one all the same. */
const spareRefusal: Rule = (value) => {
  const wanted = anyRefusal(value);
  if (wanted !== undefined || !isRecord(value)) return wanted;
  if (value['why'] === 'stale') return staleRefusal(value);
  return value['why'] === 'system' ? systemRefusal(value) : undefined;
};

const stopOrder = oneOf('terminate', 'restart', 'ranTooLong', 'clientGone', 'postmasterShutdown');

/** Both ways, in both conversations. */
const channelRules = {
  channelData: { more: boolean },
  channelCredit: { bytes: bytesCount },
  channelEnd: {},
  channelOffer: { segment: text(256) },
  channelMove: {},
  channelStay: { because: text(MAX_TEXT) },
};

const clientChannelRules = {
  channelData: { ...channelRules.channelData, ...workerKey },
  channelCredit: { ...channelRules.channelCredit, ...workerKey },
  channelEnd: workerKey,
  channelOffer: { ...channelRules.channelOffer, ...workerKey },
  channelMove: workerKey,
  channelStay: { ...channelRules.channelStay, ...workerKey },
};

const one = (): number => 1;
const oneForBytes = (value: { readonly kind?: unknown; readonly state?: unknown } | null | undefined): number =>
  value?.kind === 'bytes' || value?.state === 'bytes' ? 1 : 0;

/** From a client to the postmaster. */
export const parseClientMessage = parser<ClientMessage>(
  'client',
  {
    hello: {
      ...{ session: text(128), worker: orNull(record(workerKey)), purpose: optional(text(64)) },
      ...introduction,
    },
    register: { request, key: text(256), worker: statedWorker, waitForSlot: boolean },
    withdraw: { request },
    status: { request, ...workerKey },
    watch: { request, ...workerKey },
    unwatch: workerKey,
    watchAll: { request },
    unwatchAll: {},
    activity: { request, from: slot },
    spares: { request },
    terminate: { request, timeoutMs: orNull(number(0, Number.MAX_SAFE_INTEGER)), ...workerKey },
    restart: { request, ...workerKey },
    shutdown: { request, mode: oneOf('smart', 'fast', 'immediate'), waits: boolean },
    reload: { request, settings: orNull(anyRecord) },
    postmaster: { request },
    channelOpen: { request, ...workerKey },
    ...clientChannelRules,
    ...segmentRules,
  },
  { register: (message) => oneForBytes(message.worker.mainArg), channelData: one },
);

/** From the postmaster to a client. */
export const parsePostmasterMessage = parser<PostmasterMessage>(
  'postmaster',
  {
    welcome: { epoch: text(32), directory: text(MAX_TEXT), ...introduction },
    goodbye: { reason: text(64), refusal, postmaster: optional(record(introduction)) },
    registered: { request, existing: boolean, now: instant, status: statusRule },
    refused: { request, refusal },
    status: { request, now: instant, status: statusRule },
    activity: { request, now: instant, epoch: text(32), pid, rows: list(activityRule, MAX_ROWS), next: orNull(slot) },
    spares: { request, now: instant, spares: sparesRule },
    postmaster: { request, now: instant, facts: factsRule },
    reloaded: { request, report: reportRule },
    done: { request },
    notify: { now: instant, status: statusRule },
    progress: { ...progress, ...workerKey },
    channelClosed: workerKey,
    ...clientChannelRules,
    ...memoryRules,
  },
  {
    registered: (message) => oneForBytes(message.status.result),
    status: (message) => oneForBytes(message.status.result),
    notify: (message) => oneForBytes(message.status.result),
    channelData: one,
  },
);

/** From a worker, on descriptor 3. */
export const parseWorkerMessage = parser<WorkerMessage>(
  'worker',
  {
    hello: introduction,
    idle: {},
    refused: { because: spareRefusal },
    loading: {},
    entered: {},
    ready: {},
    progress,
    waitEvent: { event: waitEventRule },
    said: { saying },
    log: { level, message: text(MAX_LONG_TEXT), fields: orNull(anyRecord) },
    ...channelRules,
  },
  {
    said: ({ saying: said }) => (said.word === 'returned' ? oneForBytes(said.result) : 0),
    channelData: one,
  },
);

/** To a worker, on descriptor 4. */
export const parseOrderMessage = parser<OrderMessage>(
  'postmaster',
  {
    job: {
      handle: record({ epoch: text(32), ...workerKey }),
      attempt: integer(1, Number.MAX_SAFE_INTEGER),
      worker,
      directory: text(MAX_TEXT),
      postmaster: version,
    },
    spare: { preload: list(text(MAX_TEXT), 1_000), postmaster: version },
    rehearsal: {},
    terminate: { order: stopOrder },
    reload: {},
    channelClosed: {},
    ...channelRules,
  },
  { job: (message) => oneForBytes(message.worker.mainArg), channelData: one },
);

/** Between a postmaster and the process that embeds it, both ways. */
export const parseEmbeddedMessage = parser<EmbeddedMessage>(
  'embedding process or embedded postmaster',
  {
    settings: { settings: anything },
    listening: { directory: text(MAX_TEXT), epoch: text(32), pid },
    failed: { error: (value) => errorRule(value) ?? advice(value) },
    log: { level, message: text(MAX_LONG_TEXT), fields: anyRecord },
  },
  { settings: ({ settings }) => countArguments(settings) },
);

/** Of the workers that settings name, those whose arguments have bytes. */
function countArguments(settings: unknown): number {
  const workers = isRecord(settings) ? settings['workers'] : undefined;
  if (!Array.isArray(workers)) return 0;
  return workers.filter(
    (entry) => isRecord(entry) && isRecord(entry['mainArg']) && entry['mainArg']['kind'] === 'bytes',
  ).length;
}

interface Entry {
  readonly fields: readonly (readonly [string, Rule])[];
  readonly attachments: ((message: never) => number) | undefined;
}

function parser<M extends { readonly type: string }>(
  sender: string,
  table: Table<M>,
  attachmentCounts: AttachmentCounts<M> = {},
): (frame: Frame<unknown>) => Frame<M> {
  // A Map, and not the object itself: a type called "constructor" must not find anything.
  const entries = new Map<unknown, Entry>();
  for (const type of Object.keys(table) as M['type'][]) {
    entries.set(type, { fields: Object.entries<Rule>(table[type]), attachments: attachmentCounts[type] });
  }
  return (frame) => {
    const { message } = frame;
    if (!isRecord(message)) throw new MessageError('not a message', `from the ${sender}: no record`);
    const type = message['type'];
    const entry = entries.get(type);
    if (entry === undefined) {
      throw new MessageError('unknown message', `from the ${sender}: type ${show(type)}`, message, true);
    }
    const wrong = firstWrong(message, entry.fields);
    if (wrong !== undefined) {
      throw new MessageError('message not valid', `from the ${sender}: ${String(type)}: ${wrong}`, message);
    }
    const wanted = entry.attachments === undefined ? 0 : entry.attachments(message as never);
    if (frame.attachments.length !== wanted) {
      const detail = `from the ${sender}: ${String(type)} with ${frame.attachments.length}, it has ${wanted}`;
      throw new MessageError('wrong number of attachments', detail, message);
    }
    return frame as Frame<M>;
  };
}

function show(value: unknown): string {
  const shown = JSON.stringify(value) ?? typeof value;
  return shown.length > 100 ? `${shown.slice(0, 100)}…` : shown;
}
