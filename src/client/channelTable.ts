/**
 * The channels this client holds to workers: at most one at a time for each, opened by its first use. A channel is over
 * with the worker's run or with the connection; what arrived before can still be read from it.
 *
 * The postmaster says `channelClosed` behind the last data of a run and before the status that tells of its end. So
 * when a worker has had its last word, a channel that is still open was opened for a run that never came.
 *
 * A channel that carries much is offered shared memory (protocol/channelRoute.ts). Where that fails, it stays as it is.
 */
import { BgworkerError } from '../base/index.js';
import type { WorkerKey } from '../core/index.js';
import { formatKey } from '../core/index.js';
import { Channel, ChannelRoute, encodeFrame } from '../protocol/index.js';
import type { MemoryOffer } from './carrier.js';
import { WorkerChannel } from './channel.js';
import type { News } from './connection.js';
import { publishChannel } from './diagnostics.js';
import type { WatchedWorker } from './watchedWorker.js';

export interface ChannelHost {
  tell(bytes: Buffer): void;
  /** Asks for our side of the worker's channel; rejects when somebody else has it. */
  open(key: WorkerKey): Promise<void>;
  holdWhile<T>(promise: Promise<T>): Promise<T>;
  /** Makes memory for a channel; undefined where there is never any, rejects where that cannot be. */
  offerMemory(): Promise<MemoryOffer | undefined>;
}

interface Entry {
  readonly route: ChannelRoute;
  readonly face: WorkerChannel;
  /** Nothing of ours has gone through it yet, so a lost connection has lost nothing of it. */
  isOpening: boolean;
}

export type ChannelNews = Extract<News, { type: `channel${string}` }>;

export class ChannelTable {
  readonly #host: ChannelHost;
  /** What `handle.channel` gives. */
  readonly #faces = new WeakMap<WatchedWorker, WorkerChannel>();
  /** Those that are open, by worker, for what arrives. */
  readonly #open = new Map<string, Entry>();

  constructor(host: ChannelHost) {
    this.#host = host;
  }

  /** The channel to the worker's present run, or to the next one. */
  of(watched: WatchedWorker): WorkerChannel {
    const known = this.#faces.get(watched);
    if (known !== undefined && (watched.isOver || !known.isSpent)) return known;
    const face = this.#make(watched);
    this.#faces.set(watched, face);
    return face;
  }

  received(news: ChannelNews, attachments: readonly Uint8Array[]): void {
    const route = this.#open.get(formatKey(news))?.route;
    // It was under way when we gave the channel up.
    if (route === undefined) return;
    if (news.type === 'channelClosed') return this.#giveUp(formatKey(news));
    try {
      route.accept(news, attachments[0] ?? null);
    } catch (error) {
      if (!(error instanceof BgworkerError)) throw error;
      // The worker broke the channel's rules. What it says is not believed any more; the connection is not its.
      this.#giveUp(formatKey(news));
    }
  }

  /** The worker has had its last word. */
  workerEnded(key: WorkerKey): void {
    this.#giveUp(formatKey(key));
  }

  /** The connection is lost, and whatever was under way on any channel with it. */
  lost(): void {
    for (const [name, { isOpening }] of [...this.#open]) if (!isOpening) this.#giveUp(name);
  }

  #make(watched: WatchedWorker): WorkerChannel {
    const { slot, generation } = watched.key;
    const name = formatKey(watched.key);
    const route = new ChannelRoute({
      tell: (message, bytes) =>
        this.#host.tell(encodeFrame({ ...message, slot, generation }, bytes === null ? [] : [bytes])),
      deliver: (message, bytes) => channel.accept(message, bytes),
      failed: () => {
        if (this.#open.get(name)?.route === route) this.#giveUp(name);
      },
      busy: () => void this.#offerMemory(watched.id, route),
      settled: (because) => publishChannel(watched.id, because),
    });
    const channel: Channel = new Channel({ send: (message, bytes) => route.send(message, bytes) });
    const open = async (): Promise<void> => {
      if (watched.isOver) return face.giveUp();
      this.#giveUp(name);
      // What was sent before anybody came may arrive before the answer.
      const entry: Entry = { route, face, isOpening: true };
      this.#open.set(name, entry);
      try {
        // Repeated over the next connection, if this one breaks before the answer.
        await this.#host.open({ slot, generation });
        entry.isOpening = false;
      } catch (error) {
        if (this.#open.get(name)?.face === face) this.#giveUp(name);
        // It ended before we came, which its status is about to tell: then the channel is over, and that is no error.
        if (error instanceof BgworkerError && error.code === 'ERR_WORKER_ENDED') return;
        this.#faces.delete(watched);
        throw error;
      }
      if (watched.isOver) this.#giveUp(name);
    };
    const face = new WorkerChannel({ channel, open, holdWhile: (promise) => this.#host.holdWhile(promise) });
    return face;
  }

  async #offerMemory(handle: string, route: ChannelRoute): Promise<void> {
    try {
      const offer = await this.#host.offerMemory();
      if (offer !== undefined) route.offer(offer.segment, offer.memory);
    } catch (error) {
      publishChannel(handle, describe(error));
    }
  }

  #giveUp(name: string): void {
    const entry = this.#open.get(name);
    this.#open.delete(name);
    entry?.route.close();
    entry?.face.giveUp();
  }
}

function describe(error: unknown): string {
  if (!(error instanceof BgworkerError)) return String(error);
  return `${error.code}: ${error.message}`;
}
