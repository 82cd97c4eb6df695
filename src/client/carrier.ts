/**
 * Who carries a channel through shared memory (src/dsm/carrier.ts). The client knows it as a path and as an interface: it
 * is loaded when the first channel has carried much, and where it is not there, as in a bundle, or does not work, without
 * koffi for example, channels stay on the line. So a client that needs no shared memory loads nothing of it.
 */
import { pathToFileURL } from 'node:url';
import { BgworkerError } from '../base/index.js';
import type { MemoryWire } from '../protocol/index.js';
import { PACKAGE_FOLDER } from '../protocol/index.js';
import type { linkToMemory, MemoryLink } from './memoryLink.js';

/** Whose shared memory: a client's, or what stands for one. */
export interface MemoryOwner {
  [linkToMemory](): MemoryLink;
}

export interface Carrier {
  /** Makes memory for one channel, and gives the text by which the worker attaches to it. */
  offer(owner: MemoryOwner): Promise<MemoryOffer>;
  /** Attaches to memory that was offered. */
  accept(owner: MemoryOwner, segment: string): Promise<MemoryWire>;
}

export interface MemoryOffer {
  readonly segment: string;
  readonly memory: MemoryWire;
}

/** Rejects where there is none. */
export async function loadCarrier(): Promise<Carrier> {
  if (PACKAGE_FOLDER === undefined) {
    throw new BgworkerError('ERR_NO_CARRIER', 'a bundle has left behind what carries channels through shared memory');
  }
  const { href } = pathToFileURL(`${PACKAGE_FOLDER}dist/src/dsm/carrier.js`);
  const { carrier } = (await import(href)) as { readonly carrier: Carrier };
  return carrier;
}
