/**
 * A process that is killed before each step of what it does with a queue, one after the other: each write to the
 * memory, each half of a copy, each ring. Whatever it published whole is received, nothing is torn, its end is told as
 * it was, and nobody waits for ever.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Segment } from '../../../src/shm/index.js';
import { MessageQueue } from '../../../src/shm/index.js';
import { Company } from '../support/company.js';
import { assertIs, message } from '../support/queues.js';
import type { Deed } from './messageQueuePeer.js';
import { deeds, SURVIVED } from './messageQueuePeer.js';

const peer = new URL('./messageQueuePeer.js', import.meta.url).href;
/** A new process each takes its time to start, so two do at once. */
const AT_ONCE = 2;
const MOST_STEPS = 100;
/** Words of a queue. */
const SENDER_DETACHED = 4;
const WRITTEN = 16;

interface Attempt {
  readonly company: Company;
  readonly segment: Segment;
  readonly name: string;
  readonly deed: Deed;
  readonly step: number;
}

/** Whether the child survived. */
async function attempt({ company, segment, name, deed, step }: Attempt): Promise<boolean> {
  const size = MessageQueue.sizeFor(deed);
  const offset = (step % AT_ONCE) * size;
  const chunk = segment.chunk(offset, size);
  const queue = MessageQueue.create(chunk, deed);
  const child = company.child(peer, 'act', segment, { deed: name, offset, step });
  void child.ended.then(() => segment.member.tellGone(child.number));
  if (deed.send === undefined) await sendAll(queue, deed);
  else await receiveAll(queue, deed, step % 4 < 2);
  const { code, signal } = await child.ended;
  if (signal !== 'SIGKILL') assert.equal(code, SURVIVED);
  if (deed.send !== undefined) {
    const isWhole = chunk.words.load(SENDER_DETACHED) === 1;
    assert.equal(endings.get(queue), isWhole ? 'detached' : 'peerDied');
    assert.equal(counts.get(queue), publishedWhole(deed, chunk.words.load(WRITTEN)));
  }
  return signal === null;
}

const endings = new WeakMap<MessageQueue, string | null>();
const counts = new WeakMap<MessageQueue, number>();

/** Until the end, which must come. */
async function receiveAll(queue: MessageQueue, { before, lengths }: Deed, isBlocking: boolean): Promise<void> {
  const receiver = queue.receiver();
  const expected = [...before.map((length) => [length, 0]), ...lengths.map((length, index) => [length, index + 1])];
  let count = 0;
  try {
    for (; ; count++) {
      const received = isBlocking ? receiver.receiveBlocking() : await receiver.receive();
      if (received === 'detached') break;
      const [length = 0, number = 0] = expected[count] ?? [];
      assertIs(received, length, number);
    }
  } catch (error) {
    assert.equal((error as { readonly code?: string }).code, 'ERR_PEER_DIED', String(error));
  }
  endings.set(queue, receiver.ending);
  counts.set(queue, count);
}

async function sendAll(queue: MessageQueue, { before, lengths }: Deed): Promise<void> {
  const sender = queue.sender();
  try {
    for (const length of before) await sender.send(message(length));
    for (const [index, length] of lengths.entries()) {
      if ((await sender.send(message(length, index + 1))) === 'detached') break;
    }
    // There is room for the last ones, so its end need not have been noticed yet.
    while ((await sender.send(message(1))) === 'sent');
  } catch (error) {
    assert.equal((error as { readonly code?: string }).code, 'ERR_PEER_DIED', String(error));
  }
  assert.notEqual(sender.ending, null);
}

function publishedWhole({ before, lengths }: Deed, written: number): number {
  let end = 0;
  return [...before, ...lengths].filter((length) => {
    end += 8 + Math.ceil(length / 8) * 8;
    return end <= written;
  }).length;
}

for (const [name, deed] of Object.entries(deeds)) {
  test(`killed before each step of ${name}, a process leaves nothing torn and nobody waiting`, async () => {
    await using company = new Company();
    const segment = await company.segment(company.member(), AT_ONCE * MessageQueue.sizeFor(deed));
    for (let step = 1; step < MOST_STEPS; step += AT_ONCE) {
      const attempts = [step, step + 1].map((step) => attempt({ company, segment, name, deed, step }));
      if ((await Promise.all(attempts)).every(Boolean)) return;
    }
    assert.fail('it never comes to its end');
  });
}
