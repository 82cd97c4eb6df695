/**
 * One wait for several queues: until any of them has something for its receiver, or has ended. It takes nothing; which
 * one it was, and what, their `tryReceive` says. As long as it lasts the process sleeps at all of them, and is rung once.
 *
 * Nobody else may wait to receive from them meanwhile. PostgreSQL: gather_readnext, which waits for its latch there, and
 * looks at all queues again whatever it was that set it.
 */
import { assert } from '../base/index.js';
import type { Place } from './member.js';
import type { MessageReceiver } from './messageReceiver.js';

const EVENT = 'ExecuteGather';

/** Something else that ends the wait. */
export interface OtherNews {
  /** Looked at before the process goes to sleep too. */
  readonly isThere: boolean;
  /** Calls `look` when it may be there; gives back how to stop that. */
  listen(look: () => void): () => void;
}

export interface ReceiveAnyOptions {
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
  readonly news?: OtherNews | undefined;
}

/**
 * Waits on the event loop until `tryReceive` of one of them would not block, or has a part of a long message to take, or
 * there is other news. They belong to one member, and there is at least one. Throws what ends the use of a queue.
 */
export async function waitToReceiveAny(
  receivers: readonly MessageReceiver[],
  { signal, news }: ReceiveAnyOptions = {},
): Promise<void> {
  const entrances = receivers.map((receiver) => receiver.entrance(EVENT));
  const member = entrances[0]?.member;
  assert(
    member !== undefined && entrances.every((entrance) => entrance.member === member),
    'of one member, one or more',
  );
  const place: Place<true> = {
    event: EVENT,
    look: () => {
      if (news?.isThere === true) return true;
      for (const entrance of entrances) if (entrance.place.look() === true) return true;
      return undefined;
    },
    sleep: () => {
      for (const entrance of entrances) entrance.place.sleep();
    },
    rise: () => {
      for (const entrance of entrances) entrance.place.rise();
    },
    listen: (look) => news?.listen(look) ?? NOTHING,
  };
  await member.wait(place, { signal });
}

const NOTHING = (): void => {};
