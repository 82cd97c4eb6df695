/**
 * The longest that can be said, on its way on: whatever a client registers can be made a job of, and whatever becomes of
 * a worker can be told. A frame that could not be made would end the postmaster, or stop it for good.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Saying, StopReason, WorkerStatus } from '../../src/core/index.js';
import { completeBackgroundWorker } from '../../src/core/index.js';
import type { Frame } from '../../src/protocol/index.js';
import {
  decodeStatus,
  encodeFrame,
  encodeJob,
  encodeRegister,
  encodeSaying,
  encodeStatus,
  FrameReader,
  MAX_ATTACHMENT_BYTES,
  MAX_FRAME_BYTES,
  parsePostmasterMessage,
  parseWorkerMessage,
  toErrorRecord,
} from '../../src/protocol/index.js';

/** Six bytes of JSON for one character. */
const dear = '\u0001';
const OUTPUT_BYTES = 8 * 1024;
const largest = { state: 'bytes', bytes: new Uint8Array(MAX_ATTACHMENT_BYTES) } as const;
const longestError = toErrorRecord(
  new AggregateError(
    Array.from({ length: 10 }, () => new Error(dear.repeat(100_000))),
    dear.repeat(100_000),
  ),
);

function frameOf(encoded: Uint8Array): Frame<unknown> {
  const reader = new FrameReader();
  reader.push(encoded);
  const frame = reader.next();
  assert.ok(frame !== undefined, 'it is no longer than a reader takes');
  return frame;
}

function statusWith(reason: Pick<StopReason, 'kind'>, result: WorkerStatus['result']): WorkerStatus {
  const circumstances = { phase: 'running', pid: 7, code: 1, signal: null, attempt: 2, forkedAt: 1.5 } as const;
  const why = { ...reason, ...circumstances, output: dear.repeat(OUTPUT_BYTES), enteredAt: 2, stoppedAt: 3 };
  return {
    ...{ slot: 3, generation: 17, name: 'w', sequence: 4, status: 'stopped', phase: null, pid: null, attempts: 2 },
    ...{
      startedFrom: { kind: 'spare' },
      deaths: 2,
      reason: why as StopReason,
      final: false,
      willRestart: true,
      retryAt: null,
      result,
    },
  };
}

function told(status: WorkerStatus): WorkerStatus {
  const { message, attachments } = parsePostmasterMessage(frameOf(encodeStatus(status, 1, { type: 'notify' })));
  assert.ok(message.type === 'notify');
  return decodeStatus(message.status, attachments);
}

test('a job of the longest registration can be made', () => {
  const mainArg = { kind: 'bytes', bytes: largest.bytes } as const;
  const given = { name: 'w', module: 'file:///w.js', cwd: '/', mainArg };
  const worker = completeBackgroundWorker({ ...given, env: { A: '' } });
  const register = { type: 'register', request: 1, key: 'k', waitForSlot: false } as const;
  const spareBytes = MAX_FRAME_BYTES + 4 - encodeRegister({ ...register, worker }).length;
  const longest = { ...worker, env: { A: 'x'.repeat(spareBytes) } };
  assert.equal(encodeRegister({ ...register, worker: longest }).length, MAX_FRAME_BYTES + 4);
  const handle = { epoch: 'e'.repeat(32), slot: 999_999_999, generation: 999_999_999_999_999 };
  const directory = `/${dear.repeat(106)}`;
  const postmaster = { protocol: 1_000_000, package: 'v'.repeat(256) };
  const attempt = Number.MAX_SAFE_INTEGER;
  const job = encodeJob({ type: 'job', handle, attempt, worker: longest, directory, postmaster });
  assert.ok(job.length > MAX_FRAME_BYTES + 4);
});

test('the largest result gives way to the longest error of a later run, and stays with any other', () => {
  const small = { kind: 'threw', error: { name: 'Error', message: 'no' } } as const;
  assert.deepEqual(told(statusWith(small, largest)).result, largest);
  const long = told(statusWith({ kind: 'threw', error: longestError } as never, largest));
  assert.ok(long.result?.state === 'problem' && long.result.code === 'ERR_RESULT_TOO_LARGE');
  assert.deepEqual(long.reason?.kind === 'threw' && long.reason.error, longestError);
});

test('the longest error is taken from a worker, and what could not be told on is not', () => {
  const said = (saying: Saying) => parseWorkerMessage(frameOf(encodeSaying(saying)));
  said({ word: 'threw', error: longestError });
  const error = (characters: number) => ({ name: 'Error', message: 'x'.repeat(characters) });
  const longestBytes = 1024 * 1024 - JSON.stringify({ word: 'threw', error: error(0) }).length;
  said({ word: 'threw', error: error(longestBytes) });
  assert.equal(told(statusWith({ kind: 'threw', error: error(longestBytes) } as never, null)).deaths, 2);
  assert.throws(() => said({ word: 'threw', error: { ...error(longestBytes), stack: '' } }), {
    code: 'ERR_BAD_MESSAGE',
  });
});

test('any other message has the limit of a frame', () => {
  const message = { type: 'log', level: 'info', message: 'x'.repeat(MAX_FRAME_BYTES), fields: null } as const;
  assert.throws(() => encodeFrame(message), { code: 'ERR_FRAME_TOO_LONG' });
});
