/**
 * A timer without the limit of Node's own: beyond 2^31 - 1 ms (24.8 days) setTimeout fires at once. It fires once,
 * and stopping it is safe at any moment.
 */
import { BgworkerError } from './errors.js';

const MAX_STEP_MS = 2 ** 31 - 1;

export interface LongTimer {
  /** Safe to call twice, and after it fired. */
  stop(): void;
}

export interface LongTimerOptions {
  /** Does the process wait for it? Default true. */
  readonly keepsAlive?: boolean;
}

export function startLongTimer(ms: number, fire: () => void, { keepsAlive = true }: LongTimerOptions = {}): LongTimer {
  let timer: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    const stepMs = Math.min(Math.ceil(leftMs), MAX_STEP_MS);
    timer = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : fire()), stepMs);
    if (!keepsAlive) timer.unref();
  };
  arm(ms);
  return { stop: () => clearTimeout(timer) };
}

/** For how long somebody wants to wait. Throws `ERR_INVALID_ARGUMENT`. */
export function checkTimeout(timeoutMs: number): void {
  if (typeof timeoutMs === 'number' && timeoutMs >= 0) return;
  throw new BgworkerError('ERR_INVALID_ARGUMENT', 'invalid timeout', {
    detail: `timeoutMs is ${String(timeoutMs)}`,
    hint: 'give milliseconds, from 0',
  });
}
