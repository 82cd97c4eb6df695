/**
 * `ctx.sleep` and `ctx.every`: waiting for the clock in a way that ends when the worker is asked to stop. Neither
 * leaves a timer or a listener behind. The clock is the process's own, or a test's.
 */

/** Milliseconds that never step back, and a call when so many of them are over; `start` gives what stops it. */
export interface Time {
  now(): number;
  start(ms: number, ring: () => void): () => void;
}

/** Node's longest timer, 24.8 days. A longer one would fire at once, so longer sleeps are taken in steps. */
const MAX_STEP_MS = 2 ** 31 - 1;

const processTime: Time = {
  now: () => performance.now(),
  start: (ms, ring) => {
    const timer = setTimeout(ring, Math.ceil(ms));
    return () => clearTimeout(timer);
  },
};

/** True when the time is over, false when the signal aborts first, or has. */
export async function sleep(ms: number, signal: AbortSignal, time: Time = processTime): Promise<boolean> {
  await checkMs(ms, 0);
  for (let leftMs = ms; ; leftMs -= MAX_STEP_MS) {
    if (!(await sleepStep(Math.min(leftMs, MAX_STEP_MS), signal, time))) return false;
    if (leftMs <= MAX_STEP_MS) return true;
  }
}

/** The number of each tick, counted from 1. A tick is due at a multiple of `ms` from the start, whatever came before. */
export async function* every(
  ms: number,
  signal: AbortSignal,
  time: Time = processTime,
): AsyncGenerator<number, void, undefined> {
  await checkMs(ms, 1);
  const startedAt = time.now();
  for (let tick = 1; ; tick = Math.max(tick, Math.floor((time.now() - startedAt) / ms)) + 1) {
    const waitMs = Math.max(0, startedAt + tick * ms - time.now());
    if (!(await sleep(waitMs, signal, time))) return;
    yield tick;
  }
}

async function sleepStep(ms: number, signal: AbortSignal, time: Time): Promise<boolean> {
  if (signal.aborted) return false;
  return new Promise((resolve) => {
    const end = (isOver: boolean): void => {
      stop();
      signal.removeEventListener('abort', abort);
      resolve(isOver);
    };
    const abort = (): void => end(false);
    const stop = time.start(ms, () => end(true));
    signal.addEventListener('abort', abort);
  });
}

async function checkMs(ms: number, min: number): Promise<void> {
  if (ms >= min && ms < Infinity) return;
  const { BgworkerError } = await import('../base/index.js');
  throw new BgworkerError('ERR_INVALID_ARGUMENT', 'invalid time', {
    detail: `got ${String(ms)}`,
    hint: `give milliseconds, from ${min}`,
  });
}
