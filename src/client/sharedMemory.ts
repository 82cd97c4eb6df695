/**
 * How shared memory (src/dsm) gets from a client to its postmaster: the client's link, and in a worker the descriptor of
 * its orders besides.
 */
import type { Client } from './client.js';
import type { MemoryLink } from './memoryLink.js';
import { linkToMemory } from './memoryLink.js';
import { runtime } from './runtime.js';

/** The link of a client, also of one that another copy of the package made. */
export function memoryLinkOf(client: Client): MemoryLink {
  const link = client[linkToMemory]();
  const { directory, epoch } = link;
  const descriptors = (): readonly number[] => {
    const orders = runtime.worker?.ordersDescriptor;
    return orders === undefined ? link.descriptors() : [...link.descriptors(), orders];
  };
  return { ...link, directory, epoch, descriptors };
}

/** What this worker waits for, for people; null when it waits no more. Outside a worker it is told to nobody. */
export function publishWait(event: string | null, isBlocking = false): void {
  runtime.worker?.publishWait?.(event, isBlocking);
}
