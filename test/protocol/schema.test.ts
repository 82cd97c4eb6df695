/**
 * Is what came one of these messages? Each kind once as it should be, and then with everything that can be wrong.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BackgroundWorkerInput } from '../../src/core/index.js';
import { checkBackgroundWorker, completeBackgroundWorker } from '../../src/core/index.js';
import {
  decodeJob,
  decodeRegister,
  decodeSaying,
  decodeSettings,
  decodeStatus,
  encodeFrame,
  encodeJob,
  encodeRegister,
  encodeSaying,
  encodeSettings,
  encodeStatus,
  FrameError,
  FrameReader,
  parseClientMessage,
  parseEmbeddedMessage,
  parseOrderMessage,
  parsePostmasterMessage,
  parseWorkerMessage,
} from '../../src/protocol/index.js';
import { bytes, conversations, frameOf, key, ours, reason, row, status, withBytes, worker } from './conversations.js';

/** Said only where there is something to say. */
const MAY_BE_MISSING = ['goodbye.postmaster', 'hello.purpose', 'segmentList.from'];

for (const { who, parse, frames } of conversations) {
  for (const frame of frames) {
    const header = frame.message as Record<string, unknown>;

    test(`${who}: ${String(header['type'])} is let through as it is, with fields nobody knows too`, () => {
      assert.equal(parse(frame), frame);
      parse({ ...frame, message: { ...header, field: 'of a newer minor version' } });
    });

    test(`${who}: ${String(header['type'])} is refused without one of its fields, or with nonsense in it`, () => {
      for (const field of Object.keys(header)) {
        const { [field]: _, ...rest } = header;
        // What settings are is for the postmaster to say.
        if (field === 'settings') continue;
        if (!MAY_BE_MISSING.includes(`${header['type']}.${field}`))
          assert.throws(() => parse({ ...frame, message: rest }), { code: 'ERR_BAD_MESSAGE' }, `without ${field}`);
        const nonsense = { ...header, [field]: Symbol.iterator };
        assert.throws(
          () => parse({ ...frame, message: nonsense }),
          { code: 'ERR_BAD_MESSAGE' },
          `nonsense in ${field}`,
        );
      }
    });

    test(`${who}: ${String(header['type'])} is refused with an attachment too many or too few`, () => {
      assert.throws(() => parse({ ...frame, attachments: [...frame.attachments, bytes] }), { code: 'ERR_BAD_MESSAGE' });
      if (frame.attachments.length > 0) {
        assert.throws(() => parse({ ...frame, attachments: frame.attachments.slice(1) }), { code: 'ERR_BAD_MESSAGE' });
      }
    });
  }

  test(`${who}: whatever else arrives is refused, and nothing but refused`, () => {
    for (const type of ['constructor', '__proto__', 'toString', 'nonsense', null, 7, undefined]) {
      assert.throws(() => parse({ message: { type }, attachments: [] }), FrameError);
    }
    fc.assert(
      fc.property(fc.jsonValue(), (message) => {
        assert.throws(() => parse({ message, attachments: [] }), FrameError);
      }),
    );
  });
}

test('the refusal names the message, the field and what it must be', () => {
  const frame = frameOf(encodeFrame({ type: 'withdraw', request: -1 }));
  assert.throws(() => parseClientMessage(frame), {
    message: 'message not valid',
    detail: `from the client: withdraw: request must be a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`,
  });
});

for (const [what, changes] of [
  ['a death without a reason', { reason: null }],
  ['an end without a reason', { deaths: 0, final: true, reason: null }],
  ['a started worker without a process', { status: 'started', pid: null }],
  ['a phase that is no word', { phase: 'x'.repeat(65) }],
  ['a reason without its circumstances', { reason: { kind: 'exited' } }],
  ['a reason without what belongs to its kind', { reason: { ...reason, error: undefined } }],
  [
    'a crash loop of a crash loop',
    { reason: { ...reason, kind: 'crashLoop', deaths: 1, periodMs: 1, last: { kind: 'crashLoop' } } },
  ],
  ['an error of endless causes', { reason: { ...reason, error: deep(100) } }],
] as const) {
  test(`a status with ${what} is refused`, () => {
    const { result: _, ...rest } = status;
    const message = { type: 'notify', now: 1, status: { ...rest, result: null, ...changes } };
    assert.throws(() => parsePostmasterMessage({ message, attachments: [] }), { code: 'ERR_BAD_MESSAGE' });
  });
}

/** One minor version further on there may be more words for what a worker does. */
const newer: readonly (readonly [string, object])[] = [
  ['status', { status: 'paused' }],
  ['phase', { phase: 'warmingUp' }],
  ['kind of stop', { reason: { ...reason, kind: 'struckByLightning', volts: 1e9 } }],
  ['phase of a stop', { reason: { ...reason, phase: 'warmingUp' } }],
  ['mode of a shutdown', { reason: { ...reason, kind: 'postmasterShutdown', mode: 'gentle' } }],
  ['way to start', { startedFrom: { kind: 'snapshot', because: 'cheaper' } }],
];

for (const [what, changes] of newer) {
  test(`a ${what} that only a newer version knows is let through as it came`, () => {
    const { result: _, ...rest } = status;
    const told = { ...rest, result: null, ...changes };
    const { message } = parsePostmasterMessage({ message: { type: 'notify', now: 1, status: told }, attachments: [] });
    assert.ok(message.type === 'notify');
    assert.deepEqual(decodeStatus(message.status, []), told);
    const shown = { ...row, ...changes };
    const activity = { type: 'activity', request: 1, now: 1, epoch: 'e', pid: 1, rows: [shown], next: null };
    parsePostmasterMessage({ message: activity, attachments: [] });
  });
}

test('a result in a way that only a newer version knows is a result that cannot be had', () => {
  const told = { ...status, result: { state: 'segment', name: 's' } };
  const { message } = parsePostmasterMessage({ message: { type: 'notify', now: 1, status: told }, attachments: [] });
  assert.ok(message.type === 'notify');
  const { result } = decodeStatus(message.status, []);
  assert.ok(result?.state === 'problem');
  assert.equal(result.code, 'ERR_NOT_SUPPORTED');
  assert.match(result.message, /segment/);
});

test('a refused message is known by its name and its number as far as it has them', () => {
  const unread: readonly (readonly [object, string | null, number | null, boolean])[] = [
    [{ type: 'ofANewerVersion', request: 7 }, '"ofANewerVersion"', 7, true],
    [{ type: 'ofANewerVersion' }, '"ofANewerVersion"', null, true],
    [{ type: 'ofANewerVersion', request: -1 }, '"ofANewerVersion"', null, true],
    [{ type: 'shutdown', request: 7, mode: 'gentle' }, '"shutdown"', 7, false],
    [{ type: 'unwatch' }, '"unwatch"', null, false],
    [{ type: 5, request: 7 }, null, 7, false],
    [{}, null, null, false],
  ];
  for (const [message, type, request, isUnknown] of unread) {
    assert.throws(() => parseClientMessage({ message, attachments: [] }), { type, request, isUnknown });
  }
});

function deep(depth: number): unknown {
  return depth === 0 ? { name: 'E', message: '' } : { name: 'E', message: '', cause: deep(depth - 1) };
}

test('bytes go beside the header and come back to their places', () => {
  const register = parseClientMessage(
    frameOf(encodeRegister({ type: 'register', request: 1, key: 'k', worker: withBytes, waitForSlot: false })),
  );
  assert.ok(register.message.type === 'register');
  assert.deepEqual(decodeRegister(register.message, register.attachments).worker, withBytes);

  const job = parseOrderMessage(
    frameOf(
      encodeJob({
        type: 'job',
        handle: { epoch: 'e', ...key },
        attempt: 1,
        worker: withBytes,
        directory: '/d',
        postmaster: ours,
      }),
    ),
  );
  assert.ok(job.message.type === 'job');
  assert.deepEqual(decodeJob(job.message, job.attachments).worker, withBytes);

  for (const result of [status.result, null, { state: 'problem', code: 'C', message: 'm', hint: 'h' } as const]) {
    const notify = parsePostmasterMessage(frameOf(encodeStatus({ ...status, result }, 1, { type: 'notify' })));
    assert.ok(notify.message.type === 'notify');
    assert.deepEqual(decodeStatus(notify.message.status, notify.attachments), { ...status, result });
    const said = parseWorkerMessage(frameOf(encodeSaying({ word: 'returned', asked: true, result })));
    assert.ok(said.message.type === 'said');
    assert.deepEqual(decodeSaying(said.message.saying, said.attachments), { word: 'returned', asked: true, result });
  }

  const other = { ...withBytes, mainArg: { kind: 'bytes', bytes: new Uint8Array([9]) } } as const;
  const settings = { maxWorkerProcesses: 3, workers: [withBytes, worker, other] };
  const { message, attachments } = parseEmbeddedMessage(frameOf(encodeSettings(settings)));
  assert.ok(message.type === 'settings');
  assert.deepEqual(decodeSettings(message.settings, attachments), settings);
});

test('of a registration only what is not at its default travels, and it arrives with every field', () => {
  const least = { name: 'w', module: 'file:///w.js', cwd: '/' };
  const registrations: readonly BackgroundWorkerInput[] = [
    least,
    { ...least, type: 't', env: { A: '1' }, functionName: null, args: ['a'], restartIntensity: null },
    { ...least, restart: 'always', restartBackoff: { factor: 2, maxMs: 1, jitter: 0 } },
  ];
  for (const given of registrations) {
    const worker = completeBackgroundWorker(given);
    const frame = frameOf(encodeRegister({ type: 'register', request: 1, key: 'k', worker, waitForSlot: false }));
    const { message } = parseClientMessage(frame);
    assert.ok(message.type === 'register');
    assert.deepEqual(message.worker, given);
    assert.deepEqual(decodeRegister(message, []).worker, worker);
  }
});

test('a field of a worker that only a newer client knows is left for the core to refuse', () => {
  const worker = { name: 'w', module: 'file:///w.js', cwd: '/', affinity: 3 } as BackgroundWorkerInput;
  const { message } = parseClientMessage({
    message: { type: 'register', request: 1, key: 'k', worker, waitForSlot: false },
    attachments: [],
  });
  assert.ok(message.type === 'register');
  assert.match(checkBackgroundWorker(decodeRegister(message, []).worker)?.detail ?? '', /^affinity is no field/);
});

test('small bytes do not keep the large chunk they came in', () => {
  const reader = new FrameReader();
  const encoded = encodeStatus(status, 1, { type: 'notify' });
  const chunk = new Uint8Array(64 * 1024);
  chunk.set(encoded);
  reader.push(chunk.subarray(0, encoded.length));
  const frame = reader.next();
  assert.ok(frame !== undefined);
  const { message, attachments } = parsePostmasterMessage(frame);
  assert.ok(message.type === 'notify');
  const { result } = decodeStatus(message.status, attachments);
  assert.ok(result?.state === 'bytes');
  assert.equal(result.bytes.buffer.byteLength, bytes.byteLength);
});
