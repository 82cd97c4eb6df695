/** What the workers of these tests do. */
import {
  attachSegment,
  listSegments,
  MessageQueue,
  namedSegment,
  SharedLatch,
  toValueSender,
  tryAttachSegment,
} from '../../src/dsm/index.js';
import { defineWorker } from '../../src/worker/index.js';

/** Adds up what it finds, and leaves a word of its own. */
export const addUp = defineWorker(import.meta, async (_, handle: string) => {
  using segment = await attachSegment(handle);
  const sum = segment.bytes.reduce((total, byte) => total + byte, 0);
  segment.bytes[0] = 99;
  return sum;
});

/** Attaches and says so; then it stays until it is killed or asked to stop. */
export const stay = defineWorker(import.meta, async (ctx, handle: string) => {
  await attachSegment(handle);
  ctx.ready();
  await ctx.terminated;
});

/** Attaches and returns without detaching. */
export const leave = defineWorker(import.meta, async (_, handle: string) => {
  await attachSegment(handle);
});

export const tryAttach = defineWorker(import.meta, async (_, handle: string) => {
  return (await tryAttachSegment(handle)) !== null;
});

/** How often it was the one who initialised the segment of that name, and what it found in it. */
export const openNamed = defineWorker(import.meta, async (_, { name, fails }: { name: string; fails: boolean }) => {
  let initialised = 0;
  const segment = await namedSegment(name, 4096, (made) => {
    initialised += 1;
    if (fails) throw new Error('no luck');
    made.bytes[10] = 1;
  });
  return [initialised, segment.bytes[10] ?? 0];
});

/** Attaches by name, and is killed while it initialises. */
export const dieInitialising = defineWorker(import.meta, async (_, name: string) => {
  await namedSegment(name, 4096, () => void process.kill(process.pid, 'SIGKILL'));
});

/** Writes into the memory while it is detached by the end of the process. */
export const detachAtExit = defineWorker(import.meta, async (_, handle: string) => {
  const segment = await attachSegment(handle);
  segment.onDetach(() => {
    segment.bytes[1] = (segment.bytes[0] ?? 0) + 1;
  });
  segment.onDetach(() => {
    segment.bytes[0] = 7;
  });
});

export const list = defineWorker(import.meta, () => listSegments());

/** Waits, with its event loop standing still, for a latch that nobody sets. */
export const waitBlocked = defineWorker(import.meta, async (ctx, handle: string) => {
  const segment = await attachSegment(handle);
  const latch = SharedLatch.create(segment.chunk());
  latch.own();
  ctx.ready();
  for (;;) {
    try {
      latch.waitBlocking();
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_WAIT_INTERRUPTED') throw error;
      await ctx.terminated;
      return 'interrupted';
    }
  }
});

/** Receives one message, on the event loop or without it. */
export const receiveOne = defineWorker(
  import.meta,
  async (_, { handle, isBlocking }: { handle: string; isBlocking: boolean }) => {
    const segment = await attachSegment(handle);
    const receiver = MessageQueue.attach(segment.chunk()).receiver();
    const message = isBlocking ? receiver.receiveBlocking() : await receiver.receive();
    return message.length;
  },
);

/** Sends the first values of a row, and then ends as it is told to, in the middle. */
export const sendHalf = defineWorker(import.meta, async (ctx, { segment, how }: { segment: string; how: string }) => {
  const held = await attachSegment(segment);
  const sender = toValueSender(MessageQueue.attach(held.chunk()).sender());
  for (let id = 0; id < 3; id++) await sender.send(id, { flush: false });
  ctx.ready();
  if (how === 'throws') throw new Error('half way');
  if (how === 'exits 3') process.exit(3);
  if (how === 'rejects') void Promise.reject(new Error('half way'));
  if (how !== 'returns') await ctx.terminated;
});
