/**
 * What is sent as one message: bytes, or several pieces of them in order (PostgreSQL: shm_mq_iovec). What is not bytes
 * is refused here, and so is what is too long.
 */
import { isUint8Array } from 'node:util/types';
import { BgworkerError } from '../base/index.js';
import { MAX_MESSAGE_BYTES } from './ring.js';

/** One message: bytes, or several pieces of it in order, which are sent as one. */
export type MessageBytes = Uint8Array | readonly Uint8Array[];

/** Not in pieces. */
export function isWhole(message: MessageBytes): message is Uint8Array {
  return !Array.isArray(message);
}

/** Also of bytes that another realm made. Throws `ERR_MESSAGE_TOO_LARGE`, and what is no bytes. */
export function lengthOf(message: MessageBytes): number {
  if (message instanceof Uint8Array && message.length <= MAX_MESSAGE_BYTES) return message.length;
  let length = 0;
  for (const piece of isWhole(message) ? [message] : message) {
    if (!(piece instanceof Uint8Array) && !isUint8Array(piece)) throw notBytes(piece);
    length += piece.length;
  }
  if (length <= MAX_MESSAGE_BYTES) return length;
  throw new BgworkerError('ERR_MESSAGE_TOO_LARGE', 'the message is too large for a queue', {
    detail: `${length} bytes, of ${MAX_MESSAGE_BYTES} at most`,
    hint: 'send it in parts, or put it into a segment of its own and send the handle',
  });
}

/** A way through a message, from an offset of the whole on: `piece`, from `from` on, is what comes next. */
export class Cursor {
  readonly #pieces: readonly Uint8Array[];
  #index = 0;
  #from = 0;

  constructor(message: MessageBytes, offset: number) {
    this.#pieces = isWhole(message) ? [message] : message;
    this.move(offset);
  }

  get piece(): Uint8Array {
    return this.#pieces[this.#index] ?? NOTHING;
  }

  get from(): number {
    return this.#from;
  }

  move(bytes: number): void {
    this.#from += bytes;
    while (this.#index < this.#pieces.length && this.#from >= this.piece.length) {
      this.#from -= this.piece.length;
      this.#index += 1;
    }
  }
}

const NOTHING = new Uint8Array(0);

export function copyOf(message: MessageBytes): Uint8Array {
  const copy = new Uint8Array(lengthOf(message));
  let at = 0;
  for (const piece of isWhole(message) ? [message] : message) {
    copy.set(piece, at);
    at += piece.length;
  }
  return copy;
}

function notBytes(piece: unknown): BgworkerError {
  return new BgworkerError('ERR_INVALID_ARGUMENT', 'a message is bytes', {
    detail: `it is, or contains, ${piece === null ? 'null' : typeof piece}`,
    hint: 'give a Uint8Array or an array of them; Buffer.from() makes one of text',
  });
}

/** The message that was begun has to be brought to its end. */
export function otherMessage(begun: number, offered: number): BgworkerError {
  return new BgworkerError('ERR_OTHER_MESSAGE', 'another message is under way in this queue', {
    detail: `one of ${begun} bytes was begun, and one of ${offered} was offered`,
    hint: "after 'wouldBlock' offer the same message until it is sent, or detach; await send() does so by itself",
  });
}
