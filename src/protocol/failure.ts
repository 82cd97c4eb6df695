/**
 * The message `failed`: why there is no postmaster, or no configuration, from the process that was to be it to the one
 * that made it. A BgworkerError arrives as what it was; anything else is the cause of one.
 */
import { BgworkerError } from '../base/index.js';
import { fromErrorRecord, toErrorRecord } from './errors.js';
import { encodeFrame } from './frame.js';
import type { EmbeddedMessage } from './message.js';

export function encodeFailure(error: unknown): Buffer {
  const { detail, hint } = error instanceof BgworkerError ? error : {};
  const told = {
    ...toErrorRecord(error),
    ...(detail !== undefined && { detail }),
    ...(hint !== undefined && { hint }),
  };
  return encodeFrame({ type: 'failed', error: told } satisfies EmbeddedMessage);
}

/** `code`: where what was thrown had none. */
export function decodeFailure({ error }: Extract<EmbeddedMessage, { type: 'failed' }>, code: string): BgworkerError {
  const { detail, hint, ...record } = error;
  return new BgworkerError(String(record.code ?? code), record.message, {
    ...(detail !== undefined && { detail }),
    ...(hint !== undefined && { hint }),
    cause: fromErrorRecord(record),
  });
}
