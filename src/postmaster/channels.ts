/**
 * The channels between clients and workers, as they pass through the postmaster: bytes that it does not read. Each
 * worker has one channel for each run, and one client at a time holds the other end; when it leaves, the worker ends
 * that conversation too, and the next client begins a new one.
 *
 * Both ends spend credit that the other end's reader gives back, so what is on its way is never more than a window in
 * each direction; that is also the most that is held here for a worker that is not there yet, or for a client that has
 * not come yet. Whoever sends more than he was granted breaks the protocol.
 */
import type { ClientId, WorkerKey } from '../core/index.js';
import { formatKey } from '../core/index.js';
import type { ChannelMessage, GoodbyeDetail } from '../protocol/index.js';
import { fragmentCost, WINDOW_BYTES } from '../protocol/index.js';

export interface ChannelEnds {
  toWorker(key: WorkerKey, message: ChannelMessage | { readonly type: 'channelClosed' }, bytes?: Uint8Array): void;
  toClient(
    client: ClientId,
    key: WorkerKey,
    message: ChannelMessage | { readonly type: 'channelClosed' },
    bytes?: Uint8Array,
  ): void;
}

interface Held {
  readonly message: ChannelMessage;
  readonly bytes: Uint8Array | undefined;
}

interface Channel {
  readonly key: WorkerKey;
  client: ClientId | null;
  /** The worker has said that it sends nothing more to the present client. */
  hasWorkerEnded: boolean;
  /** A client has left, and until the worker says its end, what it sends was meant for that one. */
  awaitsWorkerEnd: boolean;
  isWorkerThere: boolean;
  /** For the worker, until its function is entered. */
  readonly forWorker: Held[];
  /** For a client, until one comes. */
  readonly forClient: Held[];
  /** Sent by the client, and not yet given back as credit. */
  clientSpentBytes: number;
}

export class Channels {
  readonly #ends: ChannelEnds;
  readonly #channels = new Map<string, Channel>();

  constructor(ends: ChannelEnds) {
    this.#ends = ends;
  }

  /** A client asks for its end. Gives the refusal when another one has it. */
  open(key: WorkerKey, client: ClientId): GoodbyeDetail | undefined {
    const channel = this.#channelOf(key);
    if (channel.client !== null && channel.client !== client) {
      return {
        code: 'ERR_CHANNEL_TAKEN',
        message: 'the channel of this worker belongs to another client',
        detail: formatKey(key),
        hint: 'one client at a time holds it, until it leaves or the run of the worker ends',
      };
    }
    channel.client = client;
    for (const { message, bytes } of channel.forClient.splice(0)) this.#ends.toClient(client, key, message, bytes);
    return undefined;
  }

  /** Gives false when the client has sent more than it was granted. */
  fromClient(key: WorkerKey, client: ClientId, message: ChannelMessage, bytes: Uint8Array | undefined): boolean {
    const channel = this.#channels.get(formatKey(key));
    // What was sent while the run was ending belongs to nobody any more.
    if (channel === undefined || channel.client !== client) return true;
    channel.clientSpentBytes += bytes === undefined ? 0 : fragmentCost(bytes);
    if (channel.clientSpentBytes > WINDOW_BYTES) return false;
    if (channel.isWorkerThere) this.#ends.toWorker(key, message, bytes);
    else channel.forWorker.push({ message, bytes });
    return true;
  }

  fromWorker(key: WorkerKey, message: ChannelMessage, bytes: Uint8Array | undefined): void {
    const channel = this.#channelOf(key);
    if (channel.awaitsWorkerEnd) {
      if (message.type === 'channelEnd') channel.awaitsWorkerEnd = false;
      return;
    }
    if (message.type === 'channelEnd') channel.hasWorkerEnded = true;
    if (message.type === 'channelCredit') {
      channel.clientSpentBytes = Math.max(0, channel.clientSpentBytes - message.bytes);
    }
    if (channel.client === null) channel.forClient.push({ message, bytes });
    else this.#ends.toClient(channel.client, key, message, bytes);
  }

  /** The worker's function is entered: what was held for it goes there now. */
  workerEntered(key: WorkerKey): void {
    const channel = this.#channelOf(key);
    channel.isWorkerThere = true;
    for (const { message, bytes } of channel.forWorker.splice(0)) this.#ends.toWorker(key, message, bytes);
  }

  /** The run is over: its client is told when it has had all the worker sent. The next run has a channel of its own. */
  workerEnded(key: WorkerKey): void {
    const channel = this.#channels.get(formatKey(key));
    if (channel === undefined) return;
    this.#channels.delete(formatKey(key));
    if (channel.client !== null) this.#ends.toClient(channel.client, key, { type: 'channelClosed' });
  }

  clientGone(client: ClientId): void {
    for (const channel of this.#channels.values()) {
      if (channel.client !== client) continue;
      channel.client = null;
      channel.clientSpentBytes = 0;
      channel.forWorker.length = 0;
      if (!channel.isWorkerThere) continue;
      channel.awaitsWorkerEnd = !channel.hasWorkerEnded;
      channel.hasWorkerEnded = false;
      this.#ends.toWorker(channel.key, { type: 'channelClosed' });
    }
  }

  #channelOf(key: WorkerKey): Channel {
    const name = formatKey(key);
    const found = this.#channels.get(name);
    if (found !== undefined) return found;
    const channel: Channel = {
      key: { slot: key.slot, generation: key.generation },
      client: null,
      hasWorkerEnded: false,
      awaitsWorkerEnd: false,
      isWorkerThere: false,
      forWorker: [],
      forClient: [],
      clientSpentBytes: 0,
    };
    this.#channels.set(name, channel);
    return channel;
  }
}

/** What a client is told who has sent more than it was granted. */
export const CHANNEL_OVERRUN: GoodbyeDetail = {
  code: 'ERR_CHANNEL_OVERRUN',
  message: 'more was sent through a channel than was granted',
  hint: 'use the client library, which waits for credit',
};
