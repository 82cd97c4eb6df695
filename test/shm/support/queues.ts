/**
 * What the tests of the message queue share: a queue between two members of one process, or between this process and
 * children, and messages whose every byte says where it belongs.
 */
import assert from 'node:assert/strict';
import type { MessageReceiver, MessageSender, Segment, SideOptions } from '../../../src/shm/index.js';
import { MessageQueue } from '../../../src/shm/messageQueue.js';
import type { Company } from './company.js';

export interface Pair {
  readonly sender: MessageSender;
  readonly receiver: MessageReceiver;
  readonly sending: Segment;
  readonly receiving: Segment;
}

/** Both sides in this process, each a member of its own, so that each sleeps and is woken like a process. */
export async function pair(company: Company, ringBytes: number, options?: SideOptions): Promise<Pair> {
  const sizeBytes = MessageQueue.sizeFor({ ringBytes });
  const sending = await company.segment(company.member(), sizeBytes);
  const receiving = company.share(sending, company.member());
  const queue = MessageQueue.create(sending.chunk(), { ringBytes });
  return {
    sending,
    receiving,
    sender: queue.sender(options),
    receiver: MessageQueue.attach(receiving.chunk()).receiver(options),
  };
}

/** Of that length, and unlike any of another number. */
export function message(length: number, number = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + number * 7 + length + (index >> 8)) & 255;
  return bytes;
}

export function isMessage(received: unknown, length: number, number = 0): boolean {
  return received instanceof Uint8Array && Buffer.compare(received, message(length, number)) === 0;
}

export function assertIs(received: unknown, length: number, number = 0): void {
  if (!(received instanceof Uint8Array)) assert.fail(`${String(received)} in place of a message`);
  assert.ok(isMessage(received, length, number), `message ${number} of ${length} bytes is torn`);
}

/** The same bytes in pieces of these sizes, in turn. */
export function inPieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** Offers until it is sent and takes until it is received, without ever waiting. */
export function passAlong(
  { sender, receiver }: Pair,
  sent: Uint8Array | readonly Uint8Array[],
  isView = false,
): Uint8Array {
  const tries = 10_000;
  let isSent = false;
  for (let attempt = 0; attempt < tries; attempt++) {
    if (!isSent) isSent = sender.trySend(sent) === 'sent';
    const received = isView ? receiver.tryReceiveView() : receiver.tryReceive();
    if (received instanceof Uint8Array) {
      assert.ok(isSent, 'received before it was sent');
      return received;
    }
    assert.equal(received, 'wouldBlock');
  }
  return assert.fail('it does not come through');
}
