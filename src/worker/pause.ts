/**
 * `ctx.sleep` and `ctx.every`: waiting for the clock in a way that ends when the worker is asked to stop. Neither
 * leaves a timer or a listener behind.
 */
import { BgworkerError } from '../base/index.js';
import { startLongTimer } from '../protocol/index.js';

/** True when the time is over, false when the signal aborts first, or has. */
export async function sleep(ms: number, signal: AbortSignal): Promise<boolean> {
  checkMs(ms, 0);
  if (signal.aborted) return false;
  return new Promise((resolve) => {
    const end = (isOver: boolean): void => {
      timer.stop();
      signal.removeEventListener('abort', abort);
      resolve(isOver);
    };
    const abort = (): void => end(false);
    const timer = startLongTimer(ms, () => end(true));
    signal.addEventListener('abort', abort);
  });
}

/** The number of each tick, counted from 1. A tick is due at a multiple of `ms` from the start, whatever came before. */
export function every(ms: number, signal: AbortSignal): AsyncIterable<number> {
  checkMs(ms, 1);
  return {
    async *[Symbol.asyncIterator]() {
      const startedAt = performance.now();
      for (let tick = 1; ; tick = Math.max(tick, Math.floor((performance.now() - startedAt) / ms)) + 1) {
        const waitMs = Math.max(0, startedAt + tick * ms - performance.now());
        if (!(await sleep(waitMs, signal))) return;
        yield tick;
      }
    },
  };
}

function checkMs(ms: number, min: number): void {
  if (ms >= min && ms < Infinity) return;
  throw new BgworkerError('ERR_INVALID_ARGUMENT', 'invalid time', {
    detail: `got ${String(ms)}`,
    hint: `give milliseconds, from ${min}`,
  });
}
