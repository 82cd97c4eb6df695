/**
 * The long way of a value that is not made of plain records and lists. Who knows more about what may be sent (that a URL
 * would arrive emptied, say) passes a fallback of his own to both ends; this one is `v8.serialize` and nothing else.
 *
 * A fallback throws at what it does not carry. Its bytes are not looked at by the codec.
 */
import { deserialize, serialize } from 'node:v8';
import { BgworkerError } from '../base/index.js';

/** How values travel that the short way does not take. Both ends of a queue need the same. */
export interface ValueFallback {
  /** Throws at a value that cannot be carried. */
  serialize(value: unknown): Uint8Array;
  /** The bytes lie in the message and are valid during the call only: what is made of them is a copy. */
  deserialize(bytes: Uint8Array): unknown;
}

/**
 * `v8.serialize` as it is: objects whose state is not in properties of their own arrive emptied. Throws
 * `ERR_NOT_SERIALIZABLE` at functions, symbols, proxies and the like.
 */
export const v8Fallback: ValueFallback = {
  serialize(value) {
    try {
      return serialize(value);
    } catch (cause) {
      throw new BgworkerError('ERR_NOT_SERIALIZABLE', 'value cannot be sent to another process', {
        detail: cause instanceof Error ? cause.message : String(cause),
        hint: 'send plain data',
        cause,
      });
    }
  },

  /** Copied first: Node makes buffers and typed arrays views of what it reads. */
  deserialize(bytes) {
    const copy = new Uint8Array(bytes.byteLength);
    copy.set(bytes);
    return deserialize(copy);
  },
};
