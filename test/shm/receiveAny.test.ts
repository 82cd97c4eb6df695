/**
 * One wait for several queues (receiveAny.ts): what ends it, what does not, and that it leaves nothing behind. Each sender
 * is a member of its own, so that it rings like a process; one is a process, and is killed.
 */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MessageReceiver, MessageSender, OtherNews, PeerWatch, Segment } from '../../src/shm/index.js';
import { MessageQueue, waitToReceiveAny } from '../../src/shm/index.js';
import { Company } from './support/company.js';
import { assertIs, message } from './support/queues.js';

const peer = new URL('./messageQueuePeer.js', import.meta.url).href;
const RING = 64;

interface Line {
  readonly segment: Segment;
  readonly queue: MessageQueue;
  readonly sender: MessageSender;
  readonly receiver: MessageReceiver;
}

/** Several queues with one receiving member. */
async function lines(company: Company, count: number): Promise<Line[]> {
  const member = company.member();
  const made: Line[] = [];
  for (let number = 0; number < count; number++) {
    const segment = await company.segment(member, MessageQueue.sizeFor({ ringBytes: RING }));
    const queue = MessageQueue.create(segment.chunk(), { ringBytes: RING });
    const sending = company.share(segment, company.member());
    made.push({ segment, queue, receiver: queue.receiver(), sender: MessageQueue.attach(sending.chunk()).sender() });
  }
  return made;
}

/** A wait, and whether it has ended. */
function begin(made: readonly Line[], options?: Parameters<typeof waitToReceiveAny>[1]) {
  const state = { hasEnded: false, wait: Promise.resolve() };
  state.wait = waitToReceiveAny(
    made.map(({ receiver }) => receiver),
    options,
  ).finally(() => {
    state.hasEnded = true;
  });
  state.wait.catch(() => {});
  return state;
}

async function assertWaits(state: { readonly hasEnded: boolean }): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await nextTurn();
  assert.equal(state.hasEnded, false);
}

test('R-GA-3: a wait for several queues ends when any of them has a message, and takes nothing', async () => {
  await using company = new Company();
  const made = await lines(company, 3);
  for (const [index, { sender, receiver }] of made.entries()) {
    const waiting = begin(made);
    await assertWaits(waiting);
    sender.trySend(message(20, index));
    await waiting.wait;
    // Again at once, since it is still there.
    await begin(made).wait;
    assertIs(receiver.tryReceive(), 20, index);
    for (const other of made) assert.equal(other.receiver.tryReceive(), 'wouldBlock');
  }
});

test('it ends for each part of a message that is longer than the ring, so that the sender can go on', async () => {
  await using company = new Company();
  const made = await lines(company, 2);
  const [, second] = made;
  const long = message(1000, 1);
  const sending = second?.sender.send(long);
  let received: unknown = 'wouldBlock';
  while (received === 'wouldBlock') {
    await begin(made).wait;
    received = second?.receiver.tryReceive();
  }
  assertIs(received, 1000, 1);
  assert.equal(await sending, 'sent');
  const aborter = new AbortController();
  await assertWaits(begin(made, { signal: aborter.signal }));
  aborter.abort();
});

test('a message that is looked at is not taken for the next one', async () => {
  await using company = new Company();
  const made = await lines(company, 1);
  const { sender, receiver } = made[0] as Line;
  sender.trySend(message(20));
  assertIs(receiver.tryReceiveView(), 20);
  const waiting = begin(made);
  await assertWaits(waiting);
  sender.trySend(message(21));
  await waiting.wait;
  assertIs(receiver.tryReceiveView(), 21);
});

test('it ends when a sender detaches, and when its own side does', async () => {
  await using company = new Company();
  const made = await lines(company, 3);
  const first = begin(made);
  await assertWaits(first);
  made[1]?.sender.detach();
  await first.wait;
  assert.equal(made[1]?.receiver.tryReceive(), 'detached');
  const rest = made.filter(({ receiver }) => receiver !== made[1]?.receiver);
  const second = begin(rest);
  await assertWaits(second);
  rest[0]?.receiver.detach();
  await second.wait;
  assert.equal(rest[0]?.receiver.tryReceive(), 'detached');
});

test('it ends when a sender is killed, which the next try finds, be it told by somebody or by nobody', async () => {
  await using company = new Company();
  for (const isTold of [true, false]) {
    const made = await lines(company, 1);
    const segment = await company.segment(
      (made[0] as Line).segment.chunk().member,
      MessageQueue.sizeFor({ ringBytes: RING }),
    );
    const receiver = MessageQueue.create(segment.chunk(), { ringBytes: RING }).receiver();
    const child = company.child(peer, 'take', segment, { side: 'sender' });
    await receiver.waitForAttach();
    const all = [...made, { receiver } as Line];
    const waiting = isTold ? begin(all) : undefined;
    if (waiting !== undefined) await assertWaits(waiting);
    await child.kill();
    if (isTold) segment.chunk().member.tellGone(child.number);
    await (waiting ?? begin(all)).wait;
    assert.throws(() => receiver.tryReceive(), { code: 'ERR_PEER_DIED' });
  }
});

test('F-70: it ends when one who was to attach will not', async () => {
  await using company = new Company();
  const segment = await company.segment(company.member(), MessageQueue.sizeFor({ ringBytes: RING }));
  const queue = MessageQueue.create(segment.chunk(), { ringBytes: RING });
  const listeners = new Set<() => void>();
  let isGone = false;
  const watch: PeerWatch = {
    get isGone() {
      return isGone;
    },
    onGone(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const receiver = queue.receiver({ peer: watch });
  const waiting = begin([{ receiver } as Line]);
  await assertWaits(waiting);
  isGone = true;
  for (const listener of [...listeners]) listener();
  await waiting.wait;
  assert.equal(listeners.size, 0);
  assert.throws(() => receiver.tryReceive(), { code: 'ERR_PEER_DIED' });
});

test('it ends by other news, before it begins and while it lasts', async () => {
  await using company = new Company();
  const made = await lines(company, 2);
  const looks = new Set<() => void>();
  let isThere = true;
  const news: OtherNews = {
    get isThere() {
      return isThere;
    },
    listen(look) {
      looks.add(look);
      return () => looks.delete(look);
    },
  };
  await begin(made, { news }).wait;
  isThere = false;
  const waiting = begin(made, { news });
  await assertWaits(waiting);
  isThere = true;
  for (const look of [...looks]) look();
  await waiting.wait;
  assert.equal(looks.size, 0);
});

test('an abort ends it with its reason, and leaves no listener and nobody asleep', async () => {
  await using company = new Company();
  const made = await lines(company, 2);
  const aborter = new AbortController();
  const waiting = begin(made, { signal: aborter.signal });
  await assertWaits(waiting);
  assert.equal(getEventListeners(aborter.signal, 'abort').length, 1);
  // Word 8 of a queue: the receiver sleeps (messageQueue.ts).
  const asleep = (): number[] => made.map(({ segment }) => segment.chunk().words.load(8));
  assert.ok(asleep().every((word) => word !== 0));
  aborter.abort(new Error('enough'));
  await assert.rejects(waiting.wait, /enough/);
  assert.equal(getEventListeners(aborter.signal, 'abort').length, 0);
  assert.deepEqual(asleep(), [0, 0]);
  await assert.rejects(
    waitToReceiveAny(
      made.map(({ receiver }) => receiver),
      { signal: aborter.signal },
    ),
    /enough/,
  );
});

test('who has lost his place in shared memory is told, and so is who finds the memory overwritten', async () => {
  await using company = new Company();
  const made = await lines(company, 2);
  const waiting = begin(made);
  await assertWaits(waiting);
  const { words } = (made[1] as Line).segment.chunk();
  // Word 16: bytes written.
  words.store(16, 12);
  (made[1] as Line).segment.chunk().member.lookAgain();
  await assert.rejects(waiting.wait, { code: 'ERR_QUEUE_CORRUPT' });
  const rest = made.slice(0, 1);
  const other = begin(rest);
  await assertWaits(other);
  (made[0] as Line).segment.chunk().member.lose(new Error('the connection is gone'));
  await assert.rejects(other.wait, /the connection is gone/);
});
