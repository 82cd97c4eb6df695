/** Uses a channel until it has moved to shared memory, or is known to stay, by what diagnostics_channel tells of it. */
import assert from 'node:assert/strict';
import { subscribe } from 'node:diagnostics_channel';
import type { BackgroundWorkerHandle } from '../../src/index.js';

export interface Settled {
  readonly handle: string;
  readonly isInMemory: boolean;
  readonly because: string | null;
}

const settled = new Map<string, Settled>();
subscribe('bgworker:channel', (message) => {
  const news = message as Settled;
  settled.set(news.handle, news);
});

export function settledOf({ id }: BackgroundWorkerHandle): Settled | undefined {
  return settled.get(id);
}

/** With a worker that echoes; it does so afterwards as before, and some of it has gone by the new way. */
export async function busyEcho(handle: BackgroundWorkerHandle): Promise<Settled> {
  settled.delete(handle.id);
  const { channel } = handle;
  const echoed = async (value: unknown): Promise<void> => {
    await channel.send(value);
    assert.deepEqual(await channel.receive(), { done: false, value });
  };
  const bytes = Buffer.alloc(60_000, 7);
  while (settledOf(handle) === undefined) await echoed(bytes);
  for (let n = 0; n < 10; n++) await echoed(n);
  return settledOf(handle) as Settled;
}
