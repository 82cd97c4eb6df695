import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ChannelContent } from '../../src/protocol/index.js';
import { Channel, serializeValue, WINDOW_BYTES } from '../../src/protocol/index.js';

interface Sent {
  readonly message: ChannelContent;
  readonly bytes: Uint8Array | null;
}

/** A channel whose messages are kept. */
function alone(): { channel: Channel; sent: Sent[] } {
  const sent: Sent[] = [];
  return { channel: new Channel({ send: (message, bytes) => sent.push({ message, bytes }) }), sent };
}

/** Two ends, and a wire between them that carries when it is told to. */
function pair(): { one: Channel; other: Channel; carry: () => void } {
  const toOther: Sent[] = [];
  const toOne: Sent[] = [];
  const one = new Channel({ send: (message, bytes) => toOther.push({ message, bytes }) });
  const other = new Channel({ send: (message, bytes) => toOne.push({ message, bytes }) });
  const carry = (): void => {
    while (toOther.length + toOne.length > 0) {
      const right = toOther.shift();
      if (right !== undefined) other.accept(right.message, right.bytes);
      const left = toOne.shift();
      if (left !== undefined) one.accept(left.message, left.bytes);
    }
  };
  return { one, other, carry };
}

async function all(channel: Channel): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of channel) values.push(value);
  return values;
}

test('values arrive in order, as they were when they were sent, and the end behind them', async () => {
  const { one, other, carry } = pair();
  const value = { n: 1 };
  const sends = [one.send(value), one.send('two'), one.send(undefined)];
  value.n = 2;
  one.end();
  carry();
  await Promise.all(sends);
  assert.deepEqual(await all(other), [{ n: 1 }, 'two', undefined]);
  assert.equal(await other.closed, 'ended');
  await other.send('the other direction is still open');
  carry();
  assert.deepEqual(await one.receive(), { done: false, value: 'the other direction is still open' });
});

test('leaving a loop leaves the channel open', async () => {
  const { one, other, carry } = pair();
  void one.send(1);
  void one.send(2);
  one.end();
  carry();
  for await (const value of other) {
    assert.equal(value, 1);
    break;
  }
  assert.deepEqual(await all(other), [2]);
});

test('nobody sends more than the window while nothing is read, and all when it is', async () => {
  const { one, other, carry } = pair();
  const sends = Array.from({ length: 100 }, (_, index) => one.send(Buffer.alloc(10_000, index)));
  carry();
  assert.ok(one.isWaitedFor);
  assert.equal(one.unsentMessages, 100 - Math.floor(WINDOW_BYTES / (10_008 + 32)));
  for (let index = 0; index < 100; index++) {
    const { value } = await other.receive();
    assert.equal((value as Buffer)[0], index);
    carry();
  }
  await Promise.all(sends);
  assert.equal(one.isWaitedFor, false);
});

test('a message longer than the window goes through, read or not, and is whole', async () => {
  const { one, other, carry } = pair();
  const long = Buffer.alloc(5 * WINDOW_BYTES + 1, 7);
  const sends = [one.send('first'), one.send(long), one.send('last')];
  carry();
  assert.deepEqual(await other.receive(), { done: false, value: 'first' });
  carry();
  assert.equal(long.compare((await other.receive()).value as Buffer), 0);
  carry();
  assert.deepEqual(await other.receive(), { done: false, value: 'last' });
  await Promise.all(sends);
});

test('no more than one long message is held beside a window of what is not read', async () => {
  const { one, carry } = pair();
  for (let i = 0; i < 4; i++) void one.send(Buffer.alloc(4 * WINDOW_BYTES));
  carry();
  assert.equal(one.unsentMessages, 3);
});

test('a fragment is at most 64 KiB, and spends credit', async () => {
  const { channel, sent } = alone();
  void channel.send(Buffer.alloc(150_000));
  assert.deepEqual(
    sent.map(({ message, bytes }) => [message, bytes!.length]),
    [
      [{ type: 'channelData', more: true }, 65_536],
      [{ type: 'channelData', more: true }, 65_536],
      [{ type: 'channelData', more: false }, serializeValue(Buffer.alloc(150_000), 'v').length - 131_072],
    ],
  );
});

test("the peer's death: what came before is read, what waits to be sent fails, and then everything is over", async () => {
  const { channel } = alone();
  const waiting = channel.send(Buffer.alloc(2 * WINDOW_BYTES));
  channel.accept({ type: 'channelData', more: false }, serializeValue('before', 'v'));
  channel.accept({ type: 'channelData', more: true }, Buffer.from('half'));
  channel.peerGone();
  channel.peerGone();
  await assert.rejects(waiting, { code: 'ERR_CHANNEL_CLOSED' });
  await assert.rejects(channel.send(1), { code: 'ERR_CHANNEL_CLOSED' });
  assert.deepEqual(await all(channel), ['before']);
  assert.equal(await channel.closed, 'peerGone');
  assert.equal(channel.isWaitedFor, false);
  channel.accept({ type: 'channelData', more: false }, serializeValue('late', 'v'));
  assert.deepEqual(await channel.receive(), { done: true, value: undefined });
});

test('the death ends those who wait', async () => {
  const { channel } = alone();
  const waits = [channel.receive(), channel.receive()];
  channel.accept({ type: 'channelData', more: false }, serializeValue(1, 'v'));
  channel.peerGone();
  assert.deepEqual(await Promise.all(waits), [
    { done: false, value: 1 },
    { done: true, value: undefined },
  ]);
});

test('an aborted receive takes no message and leaves nothing behind', async () => {
  const { channel } = alone();
  const controller = new AbortController();
  const wait = channel.receive({ signal: controller.signal });
  controller.abort('why');
  await assert.rejects(wait, (reason) => reason === 'why');
  assert.equal(channel.isWaitedFor, false);
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  channel.accept({ type: 'channelData', more: false }, serializeValue('kept', 'v'));
  await assert.rejects(channel.receive({ signal: controller.signal }), (reason) => reason === 'why');
  const { signal } = new AbortController();
  assert.deepEqual(await channel.receive({ signal }), { done: false, value: 'kept' });
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('a value that cannot be read fails one receive and no other', async () => {
  const { channel } = alone();
  channel.accept({ type: 'channelData', more: false }, Buffer.from('nonsense'));
  channel.accept({ type: 'channelData', more: false }, serializeValue('good', 'v'));
  await assert.rejects(channel.receive(), { code: 'ERR_NOT_DESERIALIZABLE' });
  assert.deepEqual(await channel.receive(), { done: false, value: 'good' });
});

test('what cannot be sent is refused and changes nothing', async () => {
  const { channel, sent } = alone();
  await assert.rejects(channel.send({ f: () => {} }), { code: 'ERR_NOT_SERIALIZABLE', detail: /message\.f/ });
  await assert.rejects(channel.send(Buffer.alloc(64 * 1024 * 1024)), { code: 'ERR_CHANNEL_MESSAGE_TOO_LONG' });
  assert.deepEqual(sent, []);
  void channel.send(Buffer.alloc(40 * 1024 * 1024)).catch(() => {});
  await assert.rejects(channel.send(Buffer.alloc(40 * 1024 * 1024)), { code: 'ERR_CHANNEL_QUEUE_FULL' });
  assert.equal(channel.unsentMessages, 1);
  channel.end();
  channel.end();
  await assert.rejects(channel.send(1), { code: 'ERR_CHANNEL_CLOSED' });
});

test('the end waits for what was sent before it', () => {
  const { channel, sent } = alone();
  void channel.send(Buffer.alloc(WINDOW_BYTES));
  channel.end();
  assert.notEqual(sent.at(-1)?.message.type, 'channelEnd');
  channel.accept({ type: 'channelCredit', bytes: 65_536 }, null);
  assert.equal(sent.at(-1)?.message.type, 'channelEnd');
});

test('an end that waits behind what the death of the peer drops is said by the next call', () => {
  const { channel, sent } = alone();
  channel.send(Buffer.alloc(2 * WINDOW_BYTES)).catch(() => {});
  channel.end();
  channel.peerGone();
  assert.notEqual(sent.at(-1)?.message.type, 'channelEnd');
  channel.end();
  channel.end();
  assert.equal(sent.filter(({ message }) => message.type === 'channelEnd').length, 1);
});

const violations: readonly [string, (channel: Channel) => void][] = [
  [
    'more data than was granted',
    (channel) => channel.accept({ type: 'channelData', more: false }, Buffer.alloc(WINDOW_BYTES + 1)),
  ],
  ['credit that was never spent', (channel) => channel.accept({ type: 'channelCredit', bytes: 1 }, null)],
  [
    'data behind the end',
    (channel) => {
      channel.accept({ type: 'channelEnd' }, null);
      channel.accept({ type: 'channelData', more: false }, Buffer.alloc(1));
    },
  ],
  [
    'a message without end',
    (channel) => {
      for (let i = 0; i <= 1024; i++) channel.accept({ type: 'channelData', more: true }, Buffer.alloc(65_536));
    },
  ],
];

for (const [title, act] of violations) {
  test(`a peer that breaks a rule is found out: ${title}`, () => {
    assert.throws(() => act(alone().channel), { code: 'ERR_CHANNEL_VIOLATION' });
  });
}

test('whatever is sent and read in whatever order, all of it arrives once, in order, and nobody is stuck', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.nat(100), fc.nat(300_000), fc.constant(1_000_000)), { maxLength: 30 }),
      fc.infiniteStream(fc.boolean()),
      async (sizes, reads) => {
        const { one, other, carry } = pair();
        const received: number[] = [];
        const sends: Promise<void>[] = [];
        const receive = async (): Promise<void> => {
          const { value } = await other.receive();
          received.push((value as Buffer).length);
        };
        const receives: Promise<void>[] = [];
        for (const size of sizes) {
          sends.push(one.send(Buffer.alloc(size)));
          if (reads.next().value) carry();
          if (reads.next().value) receives.push(receive());
        }
        while (receives.length < sizes.length) receives.push(receive());
        carry();
        await Promise.all([...sends, ...receives]);
        assert.deepEqual(received, sizes);
        one.end();
        carry();
        assert.deepEqual(await all(other), []);
      },
    ),
    { numRuns: 50 },
  );
});
