/**
 * The one error of a decoder: the bytes are no message of an encoder, or of an encoder that is not its partner.
 * Which of the two cannot be told, so `detail` only says where they stopped making sense.
 */
import { BgworkerError } from '../base/index.js';

export function badValue(detail: string, cause?: unknown): BgworkerError {
  return new BgworkerError('ERR_BAD_VALUE', 'message cannot be read as a value', {
    detail,
    hint: 'one encoder writes all messages of a queue, and one decoder reads all of them, in their order',
    cause,
  });
}
