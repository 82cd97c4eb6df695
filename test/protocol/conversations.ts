/**
 * A sample of everything that is said, by conversation and by type: the compiler asks for one of each message there is.
 * What does not come from an encoder of its own is framed as it stands.
 */
import assert from 'node:assert/strict';
import type { ActivityRow, StopReason, WorkerStatus } from '../../src/core/index.js';
import { completeBackgroundWorker } from '../../src/core/index.js';
import type {
  ClientMessage,
  EmbeddedMessage,
  Frame,
  Message,
  OrderMessage,
  PostmasterFacts,
  PostmasterMessage,
  WorkerMessage,
} from '../../src/protocol/index.js';
import {
  encodeFrame,
  encodeJob,
  encodeRegister,
  encodeSaying,
  encodeSettings,
  encodeStatus,
  FrameReader,
  PROTOCOL_VERSION,
  parseClientMessage,
  parseEmbeddedMessage,
  parseOrderMessage,
  parsePostmasterMessage,
  parseWorkerMessage,
} from '../../src/protocol/index.js';

export const key = { slot: 3, generation: 17 };
export const bytes = new Uint8Array([1, 2, 3]);
export const worker = completeBackgroundWorker({ name: 'w', module: 'file:///w.js', cwd: '/' });
export const withBytes = { ...worker, mainArg: { kind: 'bytes', bytes } } as const;
export const error = { name: 'TypeError', message: 'no', cause: { name: 'Error', message: 'why' }, errors: [] };
export const reason: StopReason = {
  ...{ kind: 'threw', error, phase: 'running', pid: 7, code: 1, signal: null, output: 'x', attempt: 1 },
  ...{ forkedAt: 1.5, enteredAt: 2, stoppedAt: 3 },
};
export const status: WorkerStatus = {
  ...{ ...key, name: 'w', sequence: 4, status: 'stopped', phase: null, pid: null, attempts: 1, deaths: 1, reason },
  ...{
    startedFrom: { kind: 'spare' },
    final: true,
    willRestart: false,
    retryAt: null,
    result: { state: 'bytes', bytes },
  },
};
export const row: ActivityRow = {
  ...{ ...key, name: 'w', type: 'w', class: 'c', module: 'file:///w.js', functionName: null, status: 'started' },
  ...{ phase: 'ready', state: 'ready', pid: 7, attempts: 1, deaths: 0, reason: null, retryAt: null, forkedAt: 1 },
  startedFrom: { kind: 'cold', because: 'env', variable: 'LANG' },
  progress: { done: 1, total: null },
  waitEvent: 'MessageQueueReceive',
};

/** The words with which somebody introduces himself. */
export const introduction = { protocol: PROTOCOL_VERSION, package: '0.1.0', path: '/p/', node: 'v20.19.0', pid: 7 };

export const ours = { protocol: PROTOCOL_VERSION, package: '0.1.0' };

type Sample = Message | Buffer;
type Samples<M extends { readonly type: string }> = { readonly [Type in M['type']]: readonly [Sample, ...Sample[]] };

const client: Samples<ClientMessage> = {
  hello: [
    { type: 'hello', session: 's', worker: key, ...introduction },
    { type: 'hello', session: 's', worker: null, purpose: 'shutdown', ...introduction },
  ],
  register: [
    encodeRegister({ type: 'register', request: 1, key: 'k', worker: withBytes, waitForSlot: false }),
    encodeRegister({ type: 'register', request: 1, key: 'k', worker, waitForSlot: true }),
  ],
  withdraw: [{ type: 'withdraw', request: 1 }],
  status: [{ type: 'status', request: 1, ...key }],
  watch: [{ type: 'watch', request: 1, ...key }],
  unwatch: [{ type: 'unwatch', ...key }],
  watchAll: [{ type: 'watchAll', request: 1 }],
  unwatchAll: [{ type: 'unwatchAll' }],
  activity: [{ type: 'activity', request: 1, from: 0 }],
  spares: [{ type: 'spares', request: 1 }],
  terminate: [{ type: 'terminate', request: 1, timeoutMs: null, ...key }],
  restart: [{ type: 'restart', request: 1, ...key }],
  shutdown: [{ type: 'shutdown', request: 1, mode: 'fast', waits: true }],
  reload: [
    { type: 'reload', request: 1, settings: null },
    { type: 'reload', request: 1, settings: {} },
  ],
  postmaster: [{ type: 'postmaster', request: 1 }],
  channelOpen: [{ type: 'channelOpen', request: 1, ...key }],
  channelData: [encodeFrame({ type: 'channelData', more: false, ...key }, [bytes])],
  channelCredit: [{ type: 'channelCredit', bytes: 5, ...key }],
  channelEnd: [{ type: 'channelEnd', ...key }],
  channelOffer: [{ type: 'channelOffer', segment: 'e/1', ...key }],
  channelMove: [{ type: 'channelMove', ...key }],
  channelStay: [{ type: 'channelStay', because: 'no', ...key }],
  memoryJoin: [{ type: 'memoryJoin', request: 1 }],
  segmentCreate: [{ type: 'segmentCreate', request: 1, sizeBytes: 4096 }],
  segmentNamed: [{ type: 'segmentNamed', request: 1, name: 'n', sizeBytes: 4096 }],
  segmentInitialised: [{ type: 'segmentInitialised', request: 1, id: 2 }],
  segmentAttach: [{ type: 'segmentAttach', request: 1, id: 2 }],
  segmentPin: [{ type: 'segmentPin', request: 1, id: 2 }],
  segmentUnpin: [{ type: 'segmentUnpin', request: 1, id: 2 }],
  segmentList: [
    { type: 'segmentList', request: 1 },
    { type: 'segmentList', request: 1, from: 2 },
  ],
  segmentDetach: [{ type: 'segmentDetach', id: 2 }],
};

const facts: PostmasterFacts = {
  ...{ package: '0.1.0', path: '/p/', node: 'v20.19.0', pid: 7, epoch: 'e', directory: '/d', startedAt: 1 },
  ...{ state: 'running', slots: { used: 1, max: 2 }, classes: { c: { used: 1, max: 2, reserved: 0 } } },
  segments: { used: 1, max: 1024, sizeBytes: 4096 },
  ...{ waiting: 0, clients: 1, configFile: '/c.mjs', logFile: null, reloadedAt: 1.5, settings: { spareWorkers: 2 } },
};

const postmaster: Samples<PostmasterMessage> = {
  welcome: [{ type: 'welcome', epoch: 'e', directory: '/d', ...introduction }],
  goodbye: [
    { type: 'goodbye', reason: 'shutdown', refusal: { code: 'C', message: 'm', detail: 'd' } },
    {
      ...{ type: 'goodbye', reason: 'protocolMismatch', refusal: { code: 'C', message: 'm', hint: 'h' } },
      postmaster: introduction,
    },
  ],
  registered: [encodeStatus(status, 1, { type: 'registered', request: 1, existing: false })],
  status: [encodeStatus({ ...status, result: null }, 1, { type: 'status', request: 1 })],
  notify: [encodeStatus(status, 1, { type: 'notify' })],
  refused: [{ type: 'refused', request: 1, refusal: { code: 'C', message: 'm' } }],
  activity: [{ type: 'activity', request: 1, now: 1, epoch: 'e', pid: 1, rows: [row], next: null }],
  spares: [
    { type: 'spares', request: 1, now: 1, spares: { wanted: 2, idle: 1, booting: 1, deaths: 0, retryAt: null } },
  ],
  postmaster: [{ type: 'postmaster', request: 1, now: 1, facts }],
  reloaded: [
    {
      ...{ type: 'reloaded', request: 1 },
      report: {
        changed: [{ name: 'spareWorkers', from: 1, to: 2 }],
        needRestart: [],
        workers: [{ name: 'w', change: 'replaced', ended: null }],
      },
    },
  ],
  done: [{ type: 'done', request: 1 }],
  progress: [{ type: 'progress', done: 1, total: null, ...key }],
  channelClosed: [{ type: 'channelClosed', ...key }],
  channelData: [encodeFrame({ type: 'channelData', more: true, ...key }, [bytes])],
  channelCredit: [{ type: 'channelCredit', bytes: 5, ...key }],
  channelEnd: [{ type: 'channelEnd', ...key }],
  channelOffer: [{ type: 'channelOffer', segment: 'e/1', ...key }],
  channelMove: [{ type: 'channelMove', ...key }],
  channelStay: [{ type: 'channelStay', because: 'no', ...key }],
  memory: [{ type: 'memory', request: 1, member: 5, doorbells: '/d/doorbells' }],
  segment: [{ type: 'segment', request: 1, id: 2, sizeBytes: 4096, file: '/dev/shm/bgworker.e.2', created: true }],
  segments: [
    {
      ...{ type: 'segments', request: 1, next: null },
      rows: [
        { id: 2, name: 'n', sizeBytes: 4096, pinned: true, holders: [{ member: 5, worker: key }] },
        { id: 3, name: null, sizeBytes: 1, pinned: false, holders: [{ member: 6, worker: null }] },
      ],
    },
  ],
  memberGone: [{ type: 'memberGone', member: 5 }],
};

const fromWorker: Samples<WorkerMessage> = {
  hello: [{ type: 'hello', ...introduction }],
  idle: [{ type: 'idle' }],
  refused: [
    { type: 'refused', because: { why: 'stale', file: '/f.js' } },
    { type: 'refused', because: { why: 'system', errno: 'ENOENT', what: 'enter the working directory /gone' } },
  ],
  loading: [{ type: 'loading' }],
  entered: [{ type: 'entered' }],
  ready: [{ type: 'ready' }],
  progress: [{ type: 'progress', done: 1, total: 2 }],
  waitEvent: [
    { type: 'waitEvent', event: 'MessageQueueReceive' },
    { type: 'waitEvent', event: null },
  ],
  said: [
    encodeSaying({ word: 'returned', asked: false, result: { state: 'bytes', bytes } }),
    encodeSaying({ word: 'returned', asked: false, result: null }),
    encodeSaying({ word: 'moduleNotFound', path: '/x', error }),
    encodeSaying({ word: 'moduleThrew', error }),
    encodeSaying({ word: 'exportMissing', name: 'x', exports: ['y'] }),
    encodeSaying({ word: 'neverSettled' }),
    encodeSaying({ word: 'threw', error }),
    encodeSaying({ word: 'stoppedAsAsked', by: 'signal' }),
    encodeSaying({ word: 'exiting', code: 0 }),
  ],
  log: [{ type: 'log', level: 'info', message: 'm', fields: null }],
  channelData: [encodeFrame({ type: 'channelData', more: false }, [bytes])],
  channelCredit: [{ type: 'channelCredit', bytes: 5 }],
  channelEnd: [{ type: 'channelEnd' }],
  channelOffer: [{ type: 'channelOffer', segment: 'e/1' }],
  channelMove: [{ type: 'channelMove' }],
  channelStay: [{ type: 'channelStay', because: 'no' }],
};

const toWorker: Samples<OrderMessage> = {
  job: [
    encodeJob({
      type: 'job',
      handle: { epoch: 'e', ...key },
      attempt: 1,
      worker: withBytes,
      directory: '/d',
      postmaster: ours,
    }),
  ],
  spare: [{ type: 'spare', preload: ['file:///p.js'], postmaster: ours }],
  rehearsal: [{ type: 'rehearsal' }],
  terminate: [{ type: 'terminate', order: 'restart' }],
  reload: [{ type: 'reload' }],
  channelClosed: [{ type: 'channelClosed' }],
  channelData: [encodeFrame({ type: 'channelData', more: false }, [bytes])],
  channelCredit: [{ type: 'channelCredit', bytes: 5 }],
  channelEnd: [{ type: 'channelEnd' }],
  channelOffer: [{ type: 'channelOffer', segment: 'e/1' }],
  channelMove: [{ type: 'channelMove' }],
  channelStay: [{ type: 'channelStay', because: 'no' }],
};

const embedded: Samples<EmbeddedMessage> = {
  settings: [encodeSettings({ maxWorkerProcesses: 3, workers: [withBytes, worker, withBytes] })],
  listening: [{ type: 'listening', directory: '/d', epoch: 'e', pid: 1 }],
  failed: [{ type: 'failed', error: { ...error, detail: 'd', hint: 'h' } }],
  log: [{ type: 'log', level: 'warn', message: 'm', fields: {} }],
};

export interface Conversation {
  readonly who: string;
  readonly parse: (frame: Frame<unknown>) => Frame<Message>;
  readonly frames: readonly Frame<unknown>[];
}

export const conversations: readonly Conversation[] = [
  { who: 'client', parse: parseClientMessage, frames: framesOf(client) },
  { who: 'postmaster, to a client', parse: parsePostmasterMessage, frames: framesOf(postmaster) },
  { who: 'worker', parse: parseWorkerMessage, frames: framesOf(fromWorker) },
  { who: 'postmaster, to a worker', parse: parseOrderMessage, frames: framesOf(toWorker) },
  { who: 'embedded postmaster and its host', parse: parseEmbeddedMessage, frames: framesOf(embedded) },
];

function framesOf(samples: { readonly [type: string]: readonly Sample[] }): readonly Frame<unknown>[] {
  return Object.values(samples)
    .flat()
    .map((sample) => frameOf(sample instanceof Uint8Array ? sample : encodeFrame(sample)));
}

/** The one frame that this is. */
export function frameOf(encoded: Uint8Array): Frame<unknown> {
  const reader = new FrameReader();
  reader.push(encoded);
  const frame = reader.next();
  assert.ok(frame !== undefined);
  return frame;
}
