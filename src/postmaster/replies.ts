/**
 * What a client is answered, as frames: the core's answers, refusals, and the workers that hold slots. The last is a
 * question about the state and no fact that could change it, so the core does not hear of it; it is answered in pages,
 * since one frame could not hold ten thousand workers with their reasons.
 */
import { unreachable } from '../base/index.js';
import type { ActivityRow, Answer, State } from '../core/index.js';
import { activityOf, sparesActivity } from '../core/index.js';
import type { ClientMessage, GoodbyeDetail, PostmasterFacts } from '../protocol/index.js';
import { encodeFrame, encodeStatus, introduce } from '../protocol/index.js';

export function encodeAnswer(request: number, answer: Answer, now: number): Buffer {
  switch (answer.answer) {
    case 'registered':
      return encodeStatus(answer.status, now, { type: 'registered', request, existing: answer.existing });
    case 'status':
      return encodeStatus(answer.status, now, { type: 'status', request });
    case 'refused':
      return encodeRefusal(request, answer.refusal);
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
    segments: { used: 0, max: 0, sizeBytes: 0 },
    ...own,
  };
  return encodeFrame({ type: 'postmaster', request, now, facts });
}

/** So much goes into one answer, unless a single worker is more. */
const PAGE_BYTES = 256 * 1024;

export function encodeActivity(
  state: State,
  { request, from }: Extract<ClientMessage, { type: 'activity' }>,
  now: number,
): Buffer {
  const rows: ActivityRow[] = [];
  let bytes = 0;
  let next: number | null = null;
  for (const row of activityOf(state, now, from)) {
    bytes += JSON.stringify(row).length;
    if (bytes > PAGE_BYTES && rows.length > 0) {
      next = row.slot;
      break;
    }
    rows.push(row);
  }
  return encodeFrame({ type: 'activity', request, now, epoch: state.epoch, pid: process.pid, rows, next });
}
