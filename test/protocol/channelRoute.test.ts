/**
 * The two ends of a channel, the line between them, and memory that they go over to: whatever happens in whatever order,
 * each value arrives once and in its place, and what a dead one had said before is heard.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ChannelContent, ChannelMessage, MemoryWire } from '../../src/protocol/index.js';
import {
  Channel,
  ChannelRoute,
  deserializeValue,
  fragmentCost,
  MOVES_AFTER_BYTES,
  MOVES_AFTER_MESSAGES,
  serializeValue,
  WINDOW_BYTES,
} from '../../src/protocol/index.js';

type Said<M> = readonly [message: M, bytes: Uint8Array | null];

/** Both directions in memory. The bytes in it never exceed a window, and what credits and the end take. */
class Memory {
  readonly #queues: Record<'client' | 'worker', Said<ChannelContent>[]> = { client: [], worker: [] };
  readonly #listeners = new Map<string, Parameters<MemoryWire['listen']>[0]>();
  readonly closed = new Set<string>();

  wire(side: 'client' | 'worker'): MemoryWire {
    const out = this.#queues[side === 'client' ? 'worker' : 'client'];
    return {
      trySend: (message, bytes) => {
        assert.ok(!this.closed.has(side), 'nobody writes to memory that he gave back');
        out.push([message, bytes]);
        const held = out.reduce((sum, [, piece]) => sum + (piece === null ? 40 : fragmentCost(piece)), 0);
        return held <= WINDOW_BYTES + 8192;
      },
      listen: (take) => void this.#listeners.set(side, take),
      drain: () => {
        while (this.step(side));
      },
      close: () => void this.closed.add(side),
    };
  }

  /** The event loop comes to it. */
  step(side: 'client' | 'worker'): boolean {
    const take = this.#listeners.get(side);
    if (take === undefined || this.closed.has(side)) return false;
    const said = this.#queues[side].shift();
    if (said === undefined) return false;
    take(...said);
    return true;
  }
}

class End {
  readonly received: unknown[] = [];
  readonly line: Said<ChannelMessage>[] = [];
  readonly route: ChannelRoute;
  readonly channel: Channel;
  readonly failures: Error[] = [];
  endsTold = 0;
  sent = 0;
  offered: string | undefined;
  settled: string | null | undefined;
  isBusy = false;

  constructor() {
    this.route = new ChannelRoute({
      tell: (message, bytes) => {
        this.line.push([message, bytes]);
        if (message.type === 'channelEnd') this.endsTold += 1;
      },
      deliver: (message, bytes) => this.channel.accept(message, bytes),
      failed: (error) => this.failures.push(error),
      offered: (segment) => {
        this.offered = segment;
      },
      settled: (because) => {
        this.settled = because;
      },
      busy: () => {
        this.isBusy = true;
      },
    });
    this.channel = new Channel({ send: (message, bytes) => this.route.send(message, bytes) });
  }

  send(size: number): void {
    this.sent += 1;
    this.channel.send([this.sent, 'x'.repeat(size)]).catch(() => {});
  }

  read(): void {
    void this.channel.receive().then(({ done, value }) => {
      if (done !== true) this.received.push((value as [number])[0]);
    });
  }

  /** One message of the other's line arrives. */
  hear(other: End): void {
    const said = other.line.shift();
    if (said !== undefined) this.route.accept(...said);
  }

  gone(): void {
    this.route.close();
    this.channel.peerGone();
  }
}

class Pair {
  readonly client = new End();
  readonly worker = new End();
  readonly memory = new Memory();

  /** What may happen, and how often. */
  readonly acts: Record<string, readonly [weight: number, act: (size: number) => void]> = {
    'the client sends': [10, (size) => this.client.send(size)],
    'the worker sends': [10, (size) => this.worker.send(size)],
    'the client reads': [4, () => this.client.read()],
    'the worker reads': [4, () => this.worker.read()],
    'the client ends': [1, () => this.client.channel.end()],
    'the worker ends': [1, () => this.worker.channel.end()],
    'the line to the worker': [8, () => this.worker.hear(this.client)],
    'the line to the client': [8, () => this.client.hear(this.worker)],
    'memory for the worker': [4, () => void this.memory.step('worker')],
    'memory for the client': [4, () => void this.memory.step('client')],
    'the client offers': [6, () => this.offer()],
    'the worker attaches': [12, () => this.attach()],
    'the worker stays': [1, () => this.stay()],
  };
  #hasOffered = false;

  offer(): void {
    if (this.#hasOffered) return;
    this.#hasOffered = true;
    this.client.route.offer('e/1', this.memory.wire('client'));
  }

  attach(): void {
    if (this.worker.offered === undefined) return;
    this.worker.offered = undefined;
    this.worker.route.move(this.memory.wire('worker'));
  }

  stay(): void {
    if (this.worker.offered === undefined) return;
    this.worker.offered = undefined;
    this.worker.route.stay('no');
  }

  async carryAll(): Promise<void> {
    for (let quietRounds = 0; quietRounds < 3; quietRounds++) {
      while (this.client.line.length + this.worker.line.length > 0) {
        this.worker.hear(this.client);
        this.client.hear(this.worker);
        quietRounds = 0;
      }
      while (this.memory.step('client') || this.memory.step('worker')) quietRounds = 0;
      this.attach();
      await turn();
    }
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** Everything has arrived, in order, once. */
async function checkAll({ client, worker, ...pair }: Pair, carryAll: () => Promise<void>): Promise<void> {
  void pair;
  for (let index = 0; index < client.sent; index++) worker.read();
  for (let index = 0; index < worker.sent; index++) client.read();
  await carryAll();
  assert.deepEqual(worker.received, upTo(client.sent));
  assert.deepEqual(client.received, upTo(worker.sent));
  assert.deepEqual([client.failures, worker.failures], [[], []]);
}

const acts = fc.array(
  fc.tuple(
    fc.oneof(...Object.entries(new Pair().acts).map(([name, [weight]]) => ({ weight, arbitrary: fc.constant(name) }))),
    fc.oneof({ weight: 60, arbitrary: fc.nat(50) }, { weight: 1, arbitrary: fc.nat(200_000) }),
  ),
  { maxLength: 150, size: 'max' },
);

/** Sends after the end are refused, so they are not counted. */
async function play(pair: Pair, script: readonly (readonly [string, number])[]): Promise<void> {
  const ended = new Set<string>();
  for (const [name, size] of script) {
    const who = name.startsWith('the client') ? 'client' : 'worker';
    if (name.endsWith(' ends')) ended.add(who);
    if (name.endsWith(' sends') && ended.has(who)) continue;
    pair.acts[name]?.[1](size);
    if (size % 3 === 0) await turn();
  }
}

test('whatever the order of sending, reading, ending and moving, all arrives once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(acts, async (script) => {
      const pair = new Pair();
      await play(pair, script);
      await checkAll(pair, () => pair.carryAll());
      pair.client.channel.end();
      pair.worker.channel.end();
      await pair.carryAll();
      assert.deepEqual(await Promise.all([pair.client.channel.closed, pair.worker.channel.closed]), ['ended', 'ended']);
      if (pair.client.settled === null) assert.deepEqual([...pair.memory.closed].sort(), ['client', 'worker']);
      if (pair.client.settled === 'no') assert.deepEqual([...pair.memory.closed], ['client']);
    }),
    { numRuns: 300 },
  );
});

test('whenever the worker dies, what it had said is heard, and nothing behind a gap', async () => {
  await fc.assert(
    fc.asyncProperty(acts, async (script) => {
      const pair = new Pair();
      await play(pair, script);
      const { client, worker } = pair;
      // Of what it said, some was never handed on for want of credit.
      const said = worker.sent - worker.channel.unsentMessages;
      while (worker.line.length > 0) client.hear(worker);
      client.gone();
      for (let index = 0; index <= worker.sent; index++) client.read();
      await turn();
      assert.deepEqual(client.received, upTo(said));
      assert.ok(pair.client.settled === undefined || pair.memory.closed.has('client'));
    }),
    { numRuns: 300 },
  );
});

test('whenever the client leaves, the worker has read the beginning of what it sent, and has said its end on the line', async () => {
  await fc.assert(
    fc.asyncProperty(acts, fc.nat(10), async (script, lost) => {
      const pair = new Pair();
      await play(pair, script);
      const { client, worker } = pair;
      // What a client had not written to its socket is lost with it.
      client.line.splice(Math.max(0, client.line.length - lost));
      while (client.line.length > 0) worker.hear(client);
      const before = worker.line.length;
      worker.gone();
      worker.channel.end();
      for (let index = 0; index <= client.sent; index++) worker.read();
      await turn();
      assert.deepEqual(worker.received, upTo(worker.received.length));
      const said = worker.line.slice(before).map(([{ type }]) => type);
      assert.ok(said.every((type) => type === 'channelEnd'));
      assert.equal(worker.endsTold, 1);
      pair.attach();
      assert.equal(worker.line.length, before + said.length, 'what was still to be attached says nothing more');
    }),
    { numRuns: 300 },
  );
});

test('after so many messages, or so many bytes, a channel is busy, and says so once', async () => {
  const busy = async (count: number, size: number): Promise<number> => {
    let times = 0;
    const route = new ChannelRoute({ tell: () => {}, deliver: () => {}, failed: () => {}, busy: () => void times++ });
    for (let index = 0; index < count; index++) {
      if (index % 2 === 0) route.send({ type: 'channelData', more: false }, Buffer.alloc(size));
      else route.accept({ type: 'channelData', more: false }, Buffer.alloc(size));
      route.send({ type: 'channelCredit', bytes: 1 }, null);
    }
    return times;
  };
  assert.equal(await busy(MOVES_AFTER_MESSAGES - 1, 1), 0);
  assert.equal(await busy(MOVES_AFTER_MESSAGES + 300, 1), 1);
  assert.equal(await busy(MOVES_AFTER_BYTES / 65_536 - 1, 65_536), 0);
  assert.equal(await busy(MOVES_AFTER_BYTES / 65_536, 65_536), 1);
});

test('a worker that has lost the memory says its end on the line, and the client knows that something is missing', async () => {
  const pair = new Pair();
  pair.offer();
  pair.worker.hear(pair.client);
  pair.attach();
  pair.client.hear(pair.worker);
  pair.client.route.accept({ type: 'channelEnd' }, null);
  assert.match(String(pair.client.failures[0]), /lost the shared memory/);
});

const value = serializeValue(1, 'v');
const violations: readonly [string, ChannelMessage][] = [
  ['data on the line', { type: 'channelData', more: false }],
  ['credit on the line', { type: 'channelCredit', bytes: 1 }],
  ['a second move', { type: 'channelMove' }],
];
for (const [title, message] of violations) {
  test(`a peer that has moved and goes on without regard to it is found out: ${title}`, () => {
    const pair = new Pair();
    pair.offer();
    pair.worker.hear(pair.client);
    pair.attach();
    pair.client.hear(pair.worker);
    const bytes = message.type === 'channelData' ? value : null;
    assert.throws(() => pair.client.route.accept(message, bytes), { code: 'ERR_CHANNEL_VIOLATION' });
  });
}

test('what is said to who offered nothing, or offered it to somebody else, changes nothing', async () => {
  const { route, channel, line } = new End();
  route.accept({ type: 'channelMove' }, null);
  route.accept({ type: 'channelStay', because: 'x' }, null);
  void channel.send(5);
  assert.deepEqual(
    line.map(([{ type }, bytes]) => [type, bytes && deserializeValue(bytes)]),
    [['channelData', 5]],
  );
});
