/**
 * `ctx.sleep` and `ctx.every`: waiting for the clock in a way that ends when the worker is asked to stop. Neither
 * leaves a timer or a listener behind.
 */

/** Node's longest timer, 24.8 days. A longer one would fire at once, so longer sleeps are taken in steps. */
const MAX_STEP_MS = 2 ** 31 - 1;

/** True when the time is over, false when the signal aborts first, or has. */
export async function sleep(ms: number, signal: AbortSignal): Promise<boolean> {
  await checkMs(ms, 0);
  for (let leftMs = ms; ; leftMs -= MAX_STEP_MS) {
    if (!(await sleepStep(Math.min(leftMs, MAX_STEP_MS), signal))) return false;
    if (leftMs <= MAX_STEP_MS) return true;
  }
}

/** The number of each tick, counted from 1. A tick is due at a multiple of `ms` from the start, whatever came before. */
export async function* every(ms: number, signal: AbortSignal): AsyncGenerator<number, void, undefined> {
  await checkMs(ms, 1);
  const startedAt = performance.now();
  for (let tick = 1; ; tick = Math.max(tick, Math.floor((performance.now() - startedAt) / ms)) + 1) {
    const waitMs = Math.max(0, startedAt + tick * ms - performance.now());
    if (!(await sleep(waitMs, signal))) return;
    yield tick;
  }
}

async function sleepStep(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  return new Promise((resolve) => {
    const end = (isOver: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      resolve(isOver);
    };
    const abort = (): void => end(false);
    const timer = setTimeout(end, Math.ceil(ms), true);
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
