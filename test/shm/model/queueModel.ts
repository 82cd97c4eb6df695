/**
 * The message queue (src/shm/ring.ts, queueSide.ts, messageSender.ts, messageReceiver.ts) as a model: a ring of two
 * cells, messages of one to three cells, both ends asleep when they can do nothing, a detach at the end, and deaths.
 *
 * What is modelled: each operation on a word is a step, in the order of the code; a copy into or out of a cell is two.
 * When to publish what need not be published yet is left open: either is tried. Counters do not wrap here.
 */
import type { Cell } from './cell.js';
import { beginRead, beginWrite, cell, endRead, endWrite } from './cell.js';
import type { Model, Positions, Program, Step } from './explore.js';
import { DEAD, END, Violation } from './explore.js';
import type { Bed } from './sleep.js';
import { bed, sleeping, waking } from './sleep.js';

const RING = 2;

interface Queue {
  readonly cells: readonly Cell[];
  written: number;
  read: number;
  readonly sender: End;
  readonly receiver: End;
}

interface End {
  readonly bed: Bed;
  detached: boolean;
  dead: boolean;
  /** From here on it is known to nobody but itself. So many cells are done, and so many of them the other knows. */
  done: number;
  published: number;
  /** How far the other is, as far as it knows. */
  known: number;
  /** The other end is known to be dead, before what follows is looked at. */
  sawDeath: boolean;
  isAsleep: boolean;
  ending: string;
}

function end(): End {
  const local = { done: 0, published: 0, known: 0, sawDeath: false, isAsleep: false, ending: '' };
  return { bed: bed(), detached: false, dead: false, ...local };
}

export const QUEUE_MISTAKES: Readonly<Record<string, RegExp>> = {
  'the sender publishes before it has copied': /half written|not what was sent/,
  'the sender wakes before it publishes': /asleep for ever/,
  'the sender detaches before it publishes the last message': /received/,
  'the receiver gives room back before it has read': /overwritten while|half written|not what was sent/,
  'the receiver gives no room back before it sleeps': /asleep for ever/,
  'the receiver asks for the death after it has looked': /received/,
  'the receiver believes the detaching before it looks once more': /received/,
  'does not look a second time': /asleep for ever/,
  'forgets the rings after it has looked': /asleep for ever/,
  'says only once that it sleeps': /asleep for ever/,
};

/** Where each message ends, in cells. */
function ends(messages: readonly number[]): readonly number[] {
  return messages.map((_, index) => messages.slice(0, index + 1).reduce((sum, size) => sum + size, 0));
}

function sender(messages: readonly number[], mistake: string | undefined): Program<Queue> {
  const total = ends(messages).at(-1) ?? 0;
  const roomNeeded = ({ sender: { done } }: Queue): number => {
    // What fits is written whole; of what is longer, a cell at a time.
    const index = ends(messages).findIndex((end) => end > done);
    const isBegun = ends(messages)[index - 1] !== done && done > 0;
    return isBegun || (messages[index] ?? 0) > RING ? 1 : (messages[index] ?? 0);
  };
  const isWhole = (queue: Queue): boolean => ends(messages).includes(queue.sender.done);
  const hasRoom = (queue: Queue): boolean => RING - (queue.sender.done - queue.sender.known) >= roomNeeded(queue);
  const isInside = (queue: Queue): boolean => {
    const size = messages[ends(messages).findIndex((end) => end > queue.sender.done)] ?? 0;
    return queue.sender.done > 0 && !isWhole(queue) && size <= RING;
  };
  const at = (queue: Queue): Cell => queue.cells[queue.sender.done % RING] as Cell;
  const next: Step<Queue> = (queue) => {
    if (isInside(queue)) return 'copy';
    if (queue.sender.done === total) return 'lastPublish';
    return 'push';
  };
  const rise = (queue: Queue): string => (queue.sender.isAsleep ? 'rise' : 'copy');
  const publish = (queue: Queue): void => {
    queue.sender.published = queue.sender.done;
    queue.written = queue.sender.done;
  };
  const wakesFirst = mistake === 'the sender wakes before it publishes';
  const publishesFirst = mistake === 'the sender publishes before it has copied';
  const detachesFirst = mistake === 'the sender detaches before it publishes the last message';
  return {
    push: (queue) => {
      if (queue.receiver.detached) return 'stop';
      return hasRoom(queue) ? rise(queue) : 'askRoom';
    },
    askRoom: (queue) => {
      queue.sender.known = queue.read;
      if (hasRoom(queue)) return rise(queue);
      return queue.sender.published < queue.sender.done ? 'publish' : 'askDeath';
    },
    askDeath: (queue) => {
      if (queue.receiver.dead) {
        queue.sender.ending = 'died';
        return 'stop';
      }
      return queue.sender.isAsleep ? 'block' : 'sleep';
    },
    ...sleeping<Queue>({
      bedOf: ({ sender }) => sender.bed,
      look: 'lookAfterRing',
      lookAgain: 'lookAgain',
      awake: (queue) => {
        queue.sender.isAsleep = false;
        return 'copy';
      },
      mistake,
    }),
    lookAfterRing: (queue) => {
      queue.sender.isAsleep = false;
      return 'push';
    },
    lookAgain: (queue) => {
      queue.sender.isAsleep = true;
      return 'push';
    },
    copy: (queue) => {
      beginWrite(at(queue));
      if (publishesFirst) queue.written = queue.sender.done + 1;
      return 'copied';
    },
    copied: (queue) => {
      endWrite(at(queue), queue.sender.done);
      queue.sender.done += 1;
      if (isInside(queue)) return 'copy';
      const first = wakesFirst ? 'wake' : 'publish';
      return queue.sender.done === total ? [first, 'lastPublish'] : [first, String(next(queue))];
    },
    publish: (queue) => {
      publish(queue);
      return wakesFirst ? next(queue) : 'wake';
    },
    ...waking<Queue>(
      ({ receiver }) => receiver.bed,
      (queue) => {
        if (queue.sender.detached) return END;
        return wakesFirst ? 'publish' : next(queue);
      },
    ),
    lastPublish: (queue) => {
      if (!detachesFirst) publish(queue);
      return 'stop';
    },
    stop: (queue) => {
      queue.sender.detached = true;
      return detachesFirst ? 'afterwards' : 'wakeLast';
    },
    afterwards: (queue) => {
      publish(queue);
      return 'wakeLast';
    },
    wakeLast: () => 'wake',
  };
}

function receiver(messages: readonly number[], mistake: string | undefined): Program<Queue> {
  const at = (queue: Queue): Cell => queue.cells[queue.receiver.done % RING] as Cell;
  const needed = ({ receiver: { done } }: Queue): number => {
    const index = ends(messages).findIndex((end) => end > done);
    const isBegun = ends(messages)[index - 1] !== done && done > 0;
    return isBegun || (messages[index] ?? 0) > RING ? 1 : (messages[index] ?? 1);
  };
  const has = (queue: Queue): boolean => queue.receiver.known - queue.receiver.done >= needed(queue);
  const rise = (queue: Queue): string => (queue.receiver.isAsleep ? 'rise' : 'copy');
  const givesFirst = mistake === 'the receiver gives room back before it has read';
  const keepsRoom = mistake === 'the receiver gives no room back before it sleeps';
  const asksLate = mistake === 'the receiver asks for the death after it has looked';
  const believes = mistake === 'the receiver believes the detaching before it looks once more';
  return {
    take: (queue) => {
      queue.receiver.known = queue.written;
      if (has(queue)) return rise(queue);
      return queue.receiver.published < queue.receiver.done && !keepsRoom ? 'release' : 'askDeath';
    },
    askDeath: (queue) => {
      queue.receiver.sawDeath = queue.sender.dead;
      if (asksLate && queue.sender.dead) return 'stop';
      return 'askDetached';
    },
    askDetached: (queue) => {
      if (queue.sender.detached) queue.receiver.ending = 'detached';
      else if (queue.receiver.sawDeath) queue.receiver.ending = 'died';
      if (queue.receiver.ending !== '') return believes ? 'stop' : 'lookLast';
      return queue.receiver.isAsleep ? 'block' : 'sleep';
    },
    lookLast: (queue) => {
      queue.receiver.known = queue.written;
      return has(queue) ? rise(queue) : 'stop';
    },
    ...sleeping<Queue>({
      bedOf: ({ receiver }) => receiver.bed,
      look: 'lookAfterRing',
      lookAgain: 'lookAgain',
      awake: (queue) => {
        queue.receiver.isAsleep = false;
        return 'copy';
      },
      mistake,
    }),
    lookAfterRing: (queue) => {
      queue.receiver.isAsleep = false;
      return 'take';
    },
    lookAgain: (queue) => {
      queue.receiver.isAsleep = true;
      return 'take';
    },
    copy: (queue) => {
      beginRead(at(queue));
      if (givesFirst) queue.read = queue.receiver.done + 1;
      return 'copied';
    },
    copied: (queue) => {
      if (endRead(at(queue)) !== queue.receiver.done) throw new Violation('it is not what was sent');
      queue.receiver.done += 1;
      const { known, done } = queue.receiver;
      return known > done ? ['release', 'copyOrTake'] : ['release', 'take'];
    },
    copyOrTake: (queue) => (has(queue) ? 'copy' : 'take'),
    release: (queue) => {
      queue.receiver.published = queue.receiver.done;
      queue.read = queue.receiver.done;
      return 'wake';
    },
    ...waking<Queue>(
      ({ sender }) => sender.bed,
      (queue) => (queue.receiver.detached ? END : 'take'),
    ),
    stop: (queue) => {
      queue.receiver.detached = true;
      return 'wake';
    },
  };
}

export function queueModel(
  messages: readonly number[],
  mistake?: string,
  mortal: readonly string[] = [],
): Model<Queue> {
  return {
    start: { cells: Array.from({ length: RING }, cell), written: 0, read: 0, sender: end(), receiver: end() },
    programs: { sender: sender(messages, mistake), receiver: receiver(messages, mistake) },
    mortal,
    died: (queue, name) => {
      queue[name as 'sender' | 'receiver'].dead = true;
      // Whoever waits for it is told.
      queue[name === 'sender' ? 'receiver' : 'sender'].bed.rings = 1;
    },
    atEnd: (queue, at) => verdict(queue, at, messages),
  };
}

/** All that was published whole must have been received, and the end must be told as it was. */
function verdict({ written, sender, receiver }: Queue, at: Positions, messages: readonly number[]): string | undefined {
  if (at['receiver'] === DEAD) return undefined;
  const whole = ends(messages).filter((end) => end <= written).length;
  const received = ends(messages).filter((end) => end <= receiver.done).length;
  if (received !== whole) return `${received} received of ${whole}`;
  const ending = sender.detached ? 'detached' : 'died';
  return receiver.ending === ending ? undefined : `received ${receiver.ending} in place of ${ending}`;
}
