/**
 * What a client is answered, as frames: the core's answers, refusals, and the workers and segments there are. The last are
 * questions about the state and no facts that could change it, so the core does not hear of them; they are answered in
 * pages, since one frame could not hold ten thousand workers with their reasons.
 */
import { unreachable } from '../base/index.js';
import type { Answer, State } from '../core/index.js';
import { activityOf, segmentRows, segmentsUse, sparesActivity } from '../core/index.js';
import type { ClientMessage, GoodbyeDetail, PostmasterFacts } from '../protocol/index.js';
import { encodeFrame, encodeStatus, introduce } from '../protocol/index.js';
import type { SegmentStore } from './segmentFiles.js';

export function encodeAnswer(request: number, answer: Answer, now: number, store: SegmentStore): Buffer {
  switch (answer.answer) {
    case 'registered':
      return encodeStatus(answer.status, now, { type: 'registered', request, existing: answer.existing });
    case 'status':
      return encodeStatus(answer.status, now, { type: 'status', request });
    case 'refused':
      return encodeRefusal(request, answer.refusal);
    case 'memory':
      return encodeFrame({ type: 'memory', request, member: answer.member, doorbells: store.doorbells });
    case 'segment': {
      const { id, sizeBytes, created } = answer;
      return encodeFrame({ type: 'segment', request, id, sizeBytes, file: store.fileOf(id), created });
    }
    case 'done':
      return encodeFrame({ type: 'done', request });
    default:
      unreachable(answer);
  }
}

/** Of an error only what may be told. */
export function encodeRefusal(request: number, { code, message, detail, hint }: GoodbyeDetail): Buffer {
  const refusal: GoodbyeDetail = {
    code,
    message,
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  };
  return encodeFrame({ type: 'refused', request, refusal });
}

export function encodeSpares(state: State, request: number, now: number): Buffer {
  return encodeFrame({ type: 'spares', request, now, spares: sparesActivity(state, now) });
}

/** What is not the state's: who knows it hands it in. */
type OwnFacts = Pick<PostmasterFacts, 'directory' | 'configFile' | 'logFile' | 'startedAt' | 'reloadedAt' | 'settings'>;

export function encodePostmaster(state: State, request: number, now: number, own: OwnFacts): Buffer {
  const { package: version, path, node, pid } = introduce();
  const { limits, slots, usedByClass, waiting, clients, shutdown, epoch } = state;
  const classes = Object.entries(limits.classes).map(
    ([name, { max, reserved }]) => [name, { used: usedByClass.get(name) ?? 0, max, reserved }] as const,
  );
  const facts: PostmasterFacts = {
    package: version,
    path,
    node,
    pid,
    epoch,
    state: shutdown.state === 'none' ? 'running' : shutdown.state === 'waitingForClients' ? shutdown.state : 'stopping',
    slots: { used: slots.used, max: limits.maxWorkerProcesses },
    classes: Object.fromEntries(classes),
    waiting: waiting.length,
    clients: clients.size,
    segments: segmentsUse(state),
    ...own,
  };
  return encodeFrame({ type: 'postmaster', request, now, facts });
}

/** So much goes into one answer, unless a single line is more. */
const PAGE_BYTES = 256 * 1024;

export function encodeActivity(
  state: State,
  { request, from }: Extract<ClientMessage, { type: 'activity' }>,
  now: number,
): Buffer {
  const { rows, rest } = firstPage(activityOf(state, now, from));
  const { epoch } = state;
  return encodeFrame({ type: 'activity', request, now, epoch, pid: process.pid, rows, next: rest?.slot ?? null });
}

export function encodeSegments(
  state: State,
  { request, from = 1 }: Extract<ClientMessage, { type: 'segmentList' }>,
): Buffer {
  const { rows, rest } = firstPage(segmentRows(state, from));
  return encodeFrame({ type: 'segments', request, rows, next: rest?.id ?? null });
}

/** As many as fit, and the first that does not. */
function firstPage<Row>(all: Iterable<Row>): { readonly rows: readonly Row[]; readonly rest: Row | undefined } {
  const rows: Row[] = [];
  let bytes = 0;
  for (const row of all) {
    bytes += JSON.stringify(row).length;
    if (bytes > PAGE_BYTES && rows.length > 0) return { rows, rest: row };
    rows.push(row);
  }
  return { rows, rest: undefined };
}
