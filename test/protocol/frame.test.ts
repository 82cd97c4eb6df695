/**
 * Messages as bytes: what was encoded is read, however the bytes are cut, and what is no frame is refused for good.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ClientMessage, Frame } from '../../src/protocol/index.js';
import { encodeFrame, FrameError, FrameReader, MAX_FRAME_BYTES } from '../../src/protocol/index.js';

const message: ClientMessage = { type: 'withdraw', request: 7 };

function readAll(reader: FrameReader, chunks: readonly Uint8Array[]): Frame<unknown>[] {
  const frames: Frame<unknown>[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(frame);
  }
  return frames;
}

test('frames are read as they were written, however they are cut and joined', () => {
  const attachment = fc.uint8Array({ maxLength: 200 });
  const frame = fc.record({ text: fc.string({ unit: 'binary' }), attachments: fc.array(attachment, { maxLength: 3 }) });
  const cuts = fc.infiniteStream(fc.integer({ min: 1, max: 50 }));
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 8 }), cuts, (frames, sizes) => {
      const bytes = Buffer.concat(
        frames.map(({ text, attachments }) => encodeFrame({ ...message, text } as never, attachments)),
      );
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; ) {
        const size = sizes.next().value ?? 1;
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      const reader = new FrameReader();
      const read = readAll(reader, chunks);
      assert.equal(reader.bufferedBytes, 0);
      assert.deepEqual(
        read.map(({ message: header, attachments }) => [header, attachments.map((bytesRead) => [...bytesRead])]),
        frames.map(({ text, attachments }) => [{ ...message, text }, attachments.map((given) => [...given])]),
      );
    }),
  );
});

test('a frame that is too long is not made', () => {
  assert.throws(() => encodeFrame(message, [new Uint8Array(MAX_FRAME_BYTES)]), { code: 'ERR_FRAME_TOO_LONG' });
});

test('a length over the limit is refused when it is read, not when the bytes have been swallowed', () => {
  const reader = new FrameReader();
  reader.push(Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1]));
  assert.throws(() => reader.next(), FrameError);
});

/** A frame of which every part can be wrong. */
function rawFrame({ header = '{"type":"withdraw","request":7}', rest = '', total = 0, headerBytes = 0 }): Buffer {
  const body = Buffer.from(header + rest);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(4 + body.length + total, 0);
  head.writeUInt32BE(Buffer.byteLength(header) + headerBytes, 4);
  return Buffer.concat([head, body]);
}

for (const [what, bytes] of [
  ['a header longer than its frame', rawFrame({ headerBytes: 100 })],
  ['a header that is not JSON', rawFrame({ header: '{"type":' })],
  ['a header that is a list', rawFrame({ header: '[]' })],
  ['a header that is null', rawFrame({ header: 'null' })],
  ['a header that is a number', rawFrame({ header: '7' })],
  ['attachment lengths that are no list', rawFrame({ header: '{"a":7}' })],
  ['an attachment longer than its frame', rawFrame({ header: '{"a":[5]}', rest: '1234' })],
  ['an attachment of negative length', rawFrame({ header: '{"a":[-1,5]}', rest: '1234' })],
  ['an attachment of half a byte', rawFrame({ header: '{"a":[0.5]}', rest: '1' })],
  ['bytes that no attachment claims', rawFrame({ header: '{"a":[3]}', rest: '1234' })],
] as const) {
  test(`${what} is refused, and so is everything behind it`, () => {
    const reader = new FrameReader();
    reader.push(bytes);
    assert.throws(() => reader.next(), FrameError);
    reader.push(encodeFrame(message));
    assert.throws(() => reader.next(), FrameError);
  });
}

test('whatever bytes arrive, a reader gives frames or a FrameError, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }), (chunks) => {
      try {
        readAll(new FrameReader(), chunks);
      } catch (error) {
        assert.ok(error instanceof FrameError);
      }
    }),
  );
});
