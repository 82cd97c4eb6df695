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

/** With a worker that echoes. Forgets what was known before, and afterwards the echo works as before. */
export async function busyEcho(handle: BackgroundWorkerHandle): Promise<Settled> {
  settled.delete(handle.id);
  const { channel } = handle;
  for (let n = 1; ; n++) {
    await channel.send(n);
    assert.deepEqual(await channel.receive(), { done: false, value: n });
    const news = settledOf(handle);
    if (news === undefined) continue;
    if (n > 600) return news;
  }
}
