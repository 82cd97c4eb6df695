/** What the workers of the tests of channels in shared memory do. */
import { defineWorker } from '../../src/worker/index.js';

/** Sends back what it gets, whoever is at the other end, until it is asked to stop. */
export const echo = defineWorker(import.meta, async (ctx) => {
  while (!ctx.signal.aborted) {
    const { channel, signal } = ctx;
    try {
      for (let got = await channel.receive({ signal }); got.done !== true; got = await channel.receive({ signal })) {
        await channel.send(got.value);
      }
    } catch {
      // Who asked has left before the answer; or it is to stop.
    }
  }
});

/** Sends numbers from 1 on, and expects the same. Gives the first that came out of its turn. */
export const exchange = defineWorker(import.meta, async (ctx, count: number) => {
  let beginSecondHalf = (): void => {};
  const secondHalf = new Promise<void>((resolve) => {
    beginSecondHalf = resolve;
  });
  const sending = (async () => {
    for (let n = 1; n <= count; n++) {
      const sent = ctx.channel.send(n);
      if (n % 64 === 0) await sent;
      if (n === count / 2) await secondHalf;
    }
    ctx.channel.end();
  })();
  let expected = 0;
  for await (const value of ctx.channel) {
    expected += 1;
    if (expected > count / 2) beginSecondHalf();
    if (value !== expected) return `${String(value)} in the place of ${expected}`;
  }
  await sending;
  return expected;
});

/** Echoes until it is told how to go on. */
export const obey = defineWorker(import.meta, async (ctx) => {
  for await (const value of ctx.channel) {
    switch (value) {
      case 'sayMuchAndDie':
        for (let n = 1; n <= 1_000; n++) await ctx.channel.send(n);
        process.kill(process.pid, 'SIGKILL');
        break;
      case 'waitForNothing':
        await new Promise(() => {});
        break;
      case 'speakWhileExiting':
        process.once('exit', () => void ctx.channel.send('while exiting'));
        return process.exit(0);
      case 'closeYourClient':
        await (await ctx.client).close();
        break;
    }
    await ctx.channel.send(value);
  }
  return 'the end';
});
