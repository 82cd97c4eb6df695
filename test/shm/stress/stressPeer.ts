/**
 * What the processes of the stress do: one end of a queue, or one of two that wake each other by latches, in one of the
 * ways in which one can wait. Each says in shared memory what it waits for, so that a stall can be named.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MessageReceiver, MessageSender } from '../../../src/shm/index.js';
import { SharedLatch } from '../../../src/shm/latch.js';
import { Mapping } from '../../../src/shm/mapping.js';
import { Member } from '../../../src/shm/member.js';
import { MessageQueue } from '../../../src/shm/messageQueue.js';
import { Segment } from '../../../src/shm/segment.js';
import type { Random } from '../../process/support/random.js';
import { randomFrom } from '../../process/support/random.js';
import type { Seat } from '../support/company.js';
import { checkMessage, randomMessage } from './messages.js';

export const WAYS = ['eventLoop', 'blocking', 'tries'] as const;
export type Way = (typeof WAYS)[number];

/** What the end of a queue saw. */
export interface Outcome {
  readonly count: number;
  readonly ending: 'through' | 'detached' | 'ERR_PEER_DIED';
}

export interface EndOfQueue {
  readonly side: 'sender' | 'receiver';
  readonly way: Way;
  readonly seed: number;
  readonly longest: number;
  /** After so many it detaches. */
  readonly count: number;
}

/** Places in the segment of a scene. Each place of a word has a line of the cache. */
export const WAITS_OFFSET = 0;
export const LATCHES_OFFSET = 128;
export const QUEUE_OFFSET = 256;

export const EVENTS = ['nothing', 'MessageQueueSend', 'MessageQueueReceive', 'MessageQueueInternal', 'Latch'];

/** Joins, and tells in word `place` what it waits for. Its parent says who is dead. */
function join({ folder, number, file, sizeBytes }: Seat, place: number): Segment {
  const mapping = Mapping.attach(file, sizeBytes);
  const waits = mapping.words(WAITS_OFFSET, 2);
  const member = new Member({
    number,
    doorbells: folder,
    beginWait: (event) => {
      waits.store(place, EVENTS.indexOf(event));
      return () => waits.store(place, 0);
    },
  });
  process.on('message', ({ gone }: { readonly gone: number }) => member.tellGone(gone));
  return new Segment({ mapping, member, name: file, release: () => {} });
}

export async function endOfQueue(seat: Seat): Promise<Outcome> {
  const { side, ...how } = seat.arg as EndOfQueue;
  const segment = join(seat, side === 'sender' ? 0 : 1);
  const queue = MessageQueue.attach(segment.chunk(QUEUE_OFFSET));
  return side === 'sender' ? sendAll(queue.sender(), how) : receiveAll(queue.receiver(), how);
}

type How = Omit<EndOfQueue, 'side'>;

export async function sendAll(sender: MessageSender, { way, seed, longest, count }: How): Promise<Outcome> {
  const random = randomFrom(seed);
  let sent = 0;
  try {
    for (; sent < count; sent++) {
      const message = randomMessage(random, sent, longest);
      const result = await sendOne(sender, way, random, message);
      if (result === 'detached') return { count: sent, ending: 'detached' };
    }
    sender.detach();
    return { count: sent, ending: 'through' };
  } catch (error) {
    return { count: sent, ending: deathOf(error) };
  }
}

async function sendOne(
  sender: MessageSender,
  way: Way,
  random: Random,
  message: readonly Uint8Array[],
): Promise<string> {
  const flush = random() < 0.5;
  if (way === 'eventLoop') return sender.send(message, { flush });
  if (way === 'blocking') return sender.sendBlocking(message, { flush });
  for (;;) {
    const result = sender.trySend(message, { flush });
    if (result !== 'wouldBlock') return result;
    await nextTurn();
  }
}

export async function receiveAll(receiver: MessageReceiver, { way, seed, count }: How): Promise<Outcome> {
  const random = randomFrom(seed);
  let received = 0;
  try {
    for (; received < count; received++) {
      const message = await receiveOne(receiver, way, random() < 0.5);
      if (message === 'detached') return { count: received, ending: 'detached' };
      checkMessage(message, received);
    }
    receiver.detach();
    return { count: received, ending: 'through' };
  } catch (error) {
    return { count: received, ending: deathOf(error) };
  }
}

async function receiveOne(receiver: MessageReceiver, way: Way, isView: boolean): Promise<Uint8Array | 'detached'> {
  if (way === 'eventLoop') return isView ? receiver.receiveView() : receiver.receive();
  for (;;) {
    const isBlocking = way === 'blocking';
    const message = isBlocking
      ? receiver.receiveBlocking()
      : isView
        ? receiver.tryReceiveView()
        : receiver.tryReceive();
    if (message !== 'wouldBlock' && message !== 'timeout') return message;
    await nextTurn();
  }
}

function deathOf(error: unknown): 'ERR_PEER_DIED' {
  if ((error as { readonly code?: string }).code === 'ERR_PEER_DIED') return 'ERR_PEER_DIED';
  throw error;
}

export interface Turns {
  /** 0 begins. */
  readonly place: 0 | 1;
  readonly way: Way;
  readonly count: number;
}

/** Two of them wake each other in turn. */
export async function turns(seat: Seat): Promise<number> {
  const { place, way, count } = seat.arg as Turns;
  const segment = join(seat, place);
  const latches = [0, 1].map((index) => {
    const size = SharedLatch.sizeFor();
    return SharedLatch.attach(segment.chunk(LATCHES_OFFSET + index * size, size));
  });
  const [mine, theirs] = place === 0 ? latches : latches.reverse();
  if (mine === undefined || theirs === undefined) throw new Error('there are two');
  mine.own();
  for (let turn = 0; turn < count; turn++) {
    if (place === 0) theirs.set();
    if (way === 'blocking') mine.waitBlocking();
    else await mine.wait();
    mine.reset();
    if (place === 1) theirs.set();
  }
  return count;
}
