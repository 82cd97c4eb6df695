/**
 * The channels this client holds to workers: at most one for each, made when somebody asks for it, given up when the
 * worker's run or the connection is over. What comes for a channel that was given up is dropped: it was under way.
 */
import { BgworkerError } from '../base/index.js';
import type { WorkerKey } from '../core/index.js';
import { formatKey } from '../core/index.js';
import { Channel, encodeFrame } from '../protocol/index.js';
import { WorkerChannel } from './channel.js';
import type { News } from './connection.js';

export interface ChannelHost {
  tell(bytes: Buffer): void;
  /** Asks for our side of the worker's channel; rejects when somebody else has it. */
  open(key: WorkerKey): Promise<void>;
  /** More may come of the worker: it has not had its last word. */
  mayRun(key: WorkerKey): boolean;
  holdWhile<T>(promise: Promise<T>): Promise<T>;
}

interface Entry {
  readonly channel: Channel;
  readonly face: WorkerChannel;
}

export type ChannelNews = Extract<News, { type: `channel${string}` }>;

export class ChannelTable {
  readonly #host: ChannelHost;
  readonly #entries = new Map<string, Entry>();

  constructor(host: ChannelHost) {
    this.#host = host;
  }

  /** The channel to the worker's present run, or to the next one. It is opened when it is first used. */
  of(key: WorkerKey): WorkerChannel {
    const name = formatKey(key);
    const known = this.#entries.get(name);
    if (known !== undefined) return known.face;
    const { slot, generation } = key;
    const channel = new Channel({
      send: (message, bytes) =>
        this.#host.tell(encodeFrame({ ...message, slot, generation }, bytes === null ? [] : [bytes])),
    });
    const open = async (): Promise<void> => {
      try {
        if (this.#host.mayRun(key)) await this.#host.open({ slot, generation });
        // There is no run to come, and so nobody who would close it.
        if (this.#host.mayRun(key)) return;
        channel.peerGone();
        this.#forget(name, channel);
      } catch (error) {
        this.#forget(name, channel);
        throw error;
      }
    };
    const face = new WorkerChannel({ channel, open, holdWhile: (promise) => this.#host.holdWhile(promise) });
    this.#entries.set(name, { channel, face });
    return face;
  }

  received(news: ChannelNews, attachments: readonly Uint8Array[]): void {
    const name = formatKey(news);
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    if (news.type === 'channelClosed') return this.#giveUp(name, entry);
    try {
      entry.channel.accept(news, attachments[0] ?? null);
    } catch (error) {
      if (!(error instanceof BgworkerError)) throw error;
      // The worker broke the channel's rules. What it says is not believed any more; the connection is not its.
      this.#giveUp(name, entry);
    }
  }

  /** The worker has had its last word. A channel in use is closed by whoever tells the last of its data. */
  workerEnded(key: WorkerKey): void {
    const name = formatKey(key);
    const entry = this.#entries.get(name);
    if (entry?.face.isUsed === false) this.#giveUp(name, entry);
  }

  /** The connection is lost, and whatever was under way on any channel with it. */
  lost(): void {
    for (const [name, entry] of [...this.#entries]) this.#giveUp(name, entry);
  }

  #forget(name: string, channel: Channel): void {
    if (this.#entries.get(name)?.channel === channel) this.#entries.delete(name);
  }

  #giveUp(name: string, { channel }: Entry): void {
    this.#entries.delete(name);
    channel.peerGone();
  }
}
