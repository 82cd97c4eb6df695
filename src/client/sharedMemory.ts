/**
 * How shared memory (src/dsm) gets from a client to its postmaster: the client's link, and in a worker the descriptor of
 * its orders besides.
 */
import type { MemoryOwner } from './carrier.js';
import type { BackgroundWorkerHandle } from './handle.js';
import type { MemoryLink } from './memoryLink.js';
import { linkToMemory, linkToPeer } from './memoryLink.js';
import { runtime } from './runtime.js';

/** The link of a client, also of one that another copy of the package made. */
export function memoryLinkOf(client: MemoryOwner): MemoryLink {
  const link = client[linkToMemory]();
  const { directory, epoch } = link;
  const descriptors = (): readonly number[] => {
    const orders = runtime.worker?.ordersDescriptor;
    return orders === undefined ? link.descriptors() : [...link.descriptors(), orders];
  };
  return { ...link, directory, epoch, descriptors };
}

/** A worker as the other side of something, before it has come there. */
export interface ExpectedPeer {
  /** It will not come: it has stopped, if only until it is started again (R-MQ-43), or its postmaster has. */
  readonly isGone: boolean;
  /** Calls while the bytes are read that say so, perhaps more than once. */
  onGone(listener: () => void): () => void;
  /** On which it will be said; -1 while there is none. */
  descriptor(): number;
}

export function expectedPeer(handle: BackgroundWorkerHandle): ExpectedPeer {
  const isGone = (): boolean => handle.status !== 'started' && handle.status !== 'notYetStarted';
  const { watched, link } = handle[linkToPeer]();
  return {
    get isGone() {
      return isGone();
    },
    onGone: (listener) =>
      watched.onChange(() => {
        if (isGone()) listener();
      }),
    descriptor: () => link.descriptors()[0] ?? -1,
  };
}
