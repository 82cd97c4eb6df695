/**
 * Values through a queue: the codec of shm/, with the package's own rules for what it does not take by its short way.
 * So what a channel refuses is refused here too, with its path, and does not arrive emptied.
 */
import { deserializeValue, serializeValue } from '../protocol/index.js';
import type { MessageReceiver, MessageSender, ValueFallback } from '../shm/index.js';
import { ValueReceiver, ValueSender } from '../shm/index.js';

const fallback: ValueFallback = {
  serialize: (value) => serializeValue(value, 'message'),
  deserialize: deserializeValue,
};

/** Sends values instead of bytes, to a `toValueReceiver`: what structured clone carries. The sender is its own from now on. */
export function toValueSender<T = unknown>(sender: MessageSender): ValueSender<T> {
  return new ValueSender<T>(sender, { fallback });
}

/** How values are received. */
export interface ValueReceiverOptions {
  /** Typed arrays and Buffers are not copied where that is possible, and valid until the next receive. Default: false. */
  readonly view?: boolean | undefined;
}

/** Receives what a `toValueSender` sends. The receiver is its own from now on. */
export function toValueReceiver<T = unknown>(
  receiver: MessageReceiver,
  { view = false }: ValueReceiverOptions = {},
): ValueReceiver<T> {
  return new ValueReceiver<T>(receiver, { fallback, view });
}
