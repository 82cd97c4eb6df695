/** What the children of the message queue's tests do: each takes its sides of the queues in a segment and works. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MessageReceiver, MessageSender, Segment } from '../../src/shm/index.js';
import { MessageQueue } from '../../src/shm/messageQueue.js';
import type { Seat } from './support/company.js';
import { sit } from './support/company.js';
import { message } from './support/queues.js';

/** The queue of that number; all of a segment have rings of one size. */
export function queueAt(segment: Segment, ringBytes: number, number: number): MessageQueue {
  const size = MessageQueue.sizeFor({ ringBytes });
  return MessageQueue.attach(segment.chunk(number * size, size));
}

export interface PassOn {
  readonly ringBytes: number;
  /** It receives from this queue and sends into the next. */
  readonly number: number;
  readonly count: number;
  readonly how: 'eventLoop' | 'blocking' | 'tries';
}

/** Passes so many messages on, and detaches. */
export async function passOn(seat: Seat): Promise<number> {
  const { ringBytes, number, count, how } = seat.arg as PassOn;
  const { segment } = sit(seat);
  const receiver = queueAt(segment, ringBytes, number).receiver();
  const sender = queueAt(segment, ringBytes, number + 1).sender();
  let passed = 0;
  for (; passed < count; passed++) {
    if (how === 'blocking') sender.sendBlocking(bytesOf(receiver.receiveBlocking()));
    else if (how === 'eventLoop') await sender.send(bytesOf(await receiver.receive()));
    else await tryOn(receiver, sender);
  }
  sender.detach();
  receiver.detach();
  return passed;
}

async function tryOn(receiver: MessageReceiver, sender: MessageSender): Promise<void> {
  let received = receiver.tryReceive();
  for (; received === 'wouldBlock'; received = receiver.tryReceive()) await nextTurn();
  while (sender.trySend(bytesOf(received)) === 'wouldBlock') await nextTurn();
}

export function bytesOf(received: Uint8Array | string): Uint8Array {
  if (typeof received === 'string') throw new Error(`${received} in place of a message`);
  return received;
}

/** Takes its side of the queue; it does no more, and has to be killed. */
export function take(seat: Seat): Promise<void> {
  const { side, isSending } = seat.arg as { readonly side: 'sender' | 'receiver'; readonly isSending?: boolean };
  const queue = MessageQueue.attach(sit(seat).segment.chunk());
  const taken = side === 'sender' ? queue.sender() : queue.receiver();
  if ('trySend' in taken && isSending) for (let number = 0; number < 2; number++) taken.trySend(message(20, number));
  return new Promise(() => setInterval(() => {}, 60_000));
}
