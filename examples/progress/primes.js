/** Counts primes, tells how far it is, and stops when it is asked to. */
import { defineWorker } from 'bgworker/worker';

export const countPrimes = defineWorker(import.meta, async (ctx, /** @type {number} */ limit) => {
  let primes = 0;
  for (let n = 2; n <= limit; n++) {
    if (isPrime(n)) primes++;
    if (n % 1_000 !== 0) continue;
    ctx.progress(n, limit);
    // A busy loop hears nothing: it lets go of the event loop now and then, and so learns that it should stop.
    await new Promise((resolve) => setImmediate(resolve));
    ctx.signal.throwIfAborted();
  }
  return primes;
});

function isPrime(n) {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return true;
}
