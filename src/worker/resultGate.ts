/**
 * The result of a worker through the gate of protocol/values.ts, for what is too large or too deep to be seen through at
 * a glance (returned.ts). A function that returned has returned: what cannot be sent is told as a problem of the result
 * and makes no failure of the worker.
 */
import { BgworkerError } from '../base/index.js';
import type { WorkerResult } from '../core/index.js';
import { MAX_ATTACHMENT_BYTES, serializeValue } from '../protocol/index.js';

export function serializeResultChecked(value: unknown): WorkerResult {
  try {
    const bytes = serializeValue(value, 'result');
    if (bytes.byteLength <= MAX_ATTACHMENT_BYTES) return { state: 'bytes', bytes };
    return {
      state: 'problem',
      code: 'ERR_RESULT_TOO_LARGE',
      message: `the result is too large: ${bytes.byteLength} bytes, ${MAX_ATTACHMENT_BYTES} are allowed`,
      hint: 'leave it in a file and return the path, or send it in pieces through ctx.channel',
    };
  } catch (error) {
    if (!(error instanceof BgworkerError)) throw error;
    const { code, message, detail = '', hint = '' } = error;
    return { state: 'problem', code, message: `${message}: ${detail}`, hint };
  }
}
