/**
 * What is done with a queue in messageQueue.test.ts, by a child that dies at some step of it, and what has to be
 * there before that. Who survives all steps ends with `SURVIVED`, and with `TORN` who received what was not sent.
 */
import type { MessageReceiver, MessageSender } from '../../../src/shm/index.js';
import { MessageQueue } from '../../../src/shm/messageQueue.js';
import type { Seat } from '../support/company.js';
import { sit } from '../support/company.js';
import { inPieces, isMessage, message } from '../support/queues.js';
import { countSteps, dieBefore } from './killPoints.js';

export const SURVIVED = 40;
export const TORN = 41;

export interface Deed {
  readonly ringBytes: number;
  /** Lengths of messages that are through before, so that the ring does not begin where it began. */
  readonly before: readonly number[];
  /** Lengths of all that are sent after that; a receiver gets more than it takes. */
  readonly lengths: readonly number[];
  send?(sender: MessageSender): void;
  receive?(receiver: MessageReceiver): readonly (Uint8Array | string)[];
}

const pieces = inPieces(message(30, 1), [3, 0, 9, 16]);

export const deeds: Readonly<Record<string, Deed>> = {
  'a send, another that is not flushed, and a detach': {
    ...{ ringBytes: 64, before: [], lengths: [5, 6] },
    send: (sender) => {
      sender.sendBlocking(message(5, 1));
      sender.sendBlocking(message(6, 2), { flush: false });
      sender.detach();
    },
  },
  'a send of pieces that lie across the end of the ring': {
    ...{ ringBytes: 64, before: [30], lengths: [30] },
    send: (sender) => sender.sendBlocking(pieces),
  },
  'a send of a message longer than the ring': {
    ...{ ringBytes: 16, before: [], lengths: [20] },
    send: (sender) => sender.sendBlocking(message(20, 1)),
  },
  'a receive of a message that lies across the end of the ring': {
    ...{ ringBytes: 64, before: [40], lengths: [40, 40, 40] },
    receive: (receiver) => [receiver.receiveBlocking()],
  },
  'a receive of a message longer than the ring': {
    ...{ ringBytes: 16, before: [], lengths: [20, 20] },
    receive: (receiver) => [receiver.receiveBlocking()],
  },
  'a receive of a view, and a detach': {
    ...{ ringBytes: 64, before: [], lengths: [20, 20, 40, 40] },
    receive: (receiver) => {
      const messages = [receiver.receiveViewBlocking(), receiver.receiveViewBlocking()];
      receiver.detach();
      return messages;
    },
  },
};

/** Words of a queue: how much was read, and whether its receiver sleeps. */
const READ = 32;
const RECEIVER_SLEEPS = 8;

export function act(seat: Seat): void {
  const { deed: name, offset, step } = seat.arg as { deed: string; offset: number; step: number };
  const deed = deeds[name];
  if (deed === undefined) throw new Error(`there is no ${name}`);
  countSteps();
  const chunk = sit(seat).segment.chunk(offset, MessageQueue.sizeFor(deed));
  const queue = MessageQueue.attach(chunk);
  if (deed.send !== undefined) {
    const sender = queue.sender();
    for (const length of deed.before) sender.sendBlocking(message(length));
    const through = deed.before.reduce((sum, length) => sum + 8 + Math.ceil(length / 8) * 8, 0);
    while (chunk.words.load(READ) !== through || chunk.words.load(RECEIVER_SLEEPS) === 0);
    dieBefore(step);
    deed.send(sender);
  }
  if (deed.receive !== undefined) {
    const receiver = queue.receiver();
    for (const _ of deed.before) receiver.receiveBlocking();
    dieBefore(step);
    const received = deed.receive(receiver);
    dieBefore(Number.POSITIVE_INFINITY);
    const isWhole = received.every((bytes, index) => isMessage(bytes, deed.lengths[index] ?? 0, index + 1));
    if (!isWhole) process.exit(TORN);
  }
  dieBefore(Number.POSITIVE_INFINITY);
  process.exit(SURVIVED);
}
