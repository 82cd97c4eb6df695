/**
 * The doorbell of a member that is alone in its memory (`Member.alone`): there is nobody who could ring, and nobody who
 * could be rung or be dead. What it waits for on the event loop is brought about by this process, which wakes itself.
 *
 * A blocking wait could be ended by nobody, since this process is the only one and stands still; so one without a limit is
 * refused, and another lasts as long as it may.
 */
import { BgworkerError } from '../base/index.js';
import type { BlockEvent } from './doorbell.js';

export class NoDoorbell {
  ring(_number: number): boolean {
    return false;
  }

  isGone(_number: number): boolean {
    return false;
  }

  markGone(_number: number): void {}

  attend(): void {}

  listen(): void {}

  unlisten(): void {}

  /** Throws `ERR_WAIT_WITHOUT_END`. */
  block(timeoutMs: number): BlockEvent {
    if (timeoutMs === Infinity) {
      throw new BgworkerError('ERR_WAIT_WITHOUT_END', 'nobody could ever end this wait', {
        detail: 'the memory is that of this process alone, which stands still while it waits',
        hint: 'await it instead, or give timeoutMs',
      });
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeoutMs);
    return 'timeout';
  }

  close(): void {}
}
