/**
 * `ctx.channel`, for as long as one client is at its other end: the channel of protocol/channel.ts, loaded when the
 * worker or a client first uses it. If it cannot be loaded in that moment (parts.ts), everything waits for it in order.
 */
import type { Channel, ChannelEnding, ChannelMessage, ChannelOptions, ReceiveOptions } from '../protocol/index.js';
import type { WorkerChannel } from './workerContext.js';

export class PeerChannel implements WorkerChannel {
  #channel: Channel | null;
  readonly #loading: Promise<Channel>;

  /** `protocol` is undefined if it cannot be had in this moment. */
  constructor(send: ChannelOptions['send'], protocol: typeof import('../protocol/index.js') | undefined) {
    this.#channel = protocol === undefined ? null : new protocol.Channel({ send });
    this.#loading = this.#channel === null ? this.#load(send) : Promise.resolve(this.#channel);
  }

  send(value: unknown): Promise<void> {
    return this.#channel === null ? this.#loading.then((channel) => channel.send(value)) : this.#channel.send(value);
  }

  async receive(options?: ReceiveOptions): Promise<IteratorResult<unknown, undefined>> {
    return (await this.#loading).receive(options);
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown, undefined> {
    return { next: () => this.receive() };
  }

  end(): void {
    this.#use((channel) => channel.end());
  }

  get closed(): Promise<ChannelEnding> {
    return this.#loading.then((channel) => channel.closed);
  }

  // --- the runtime's side ---

  accept(message: ChannelMessage, bytes: Uint8Array | null): void {
    this.#use((channel) => channel.accept(message, bytes));
  }

  /**
   * The client is gone. Our own end of the channel is always said, and only once: behind it nothing can follow that
   * was meant for this client, so the postmaster knows from where on the next one may listen.
   */
  peerGone(): void {
    this.#use((channel) => {
      channel.peerGone();
      channel.end();
    });
  }

  get isWaitedFor(): boolean {
    return this.#channel?.isWaitedFor === true;
  }

  get unsentMessages(): number {
    return this.#channel?.unsentMessages ?? 0;
  }

  #use(act: (channel: Channel) => void): void {
    if (this.#channel !== null) act(this.#channel);
    else void this.#loading.then(act);
  }

  async #load(send: ChannelOptions['send']): Promise<Channel> {
    const { Channel } = await import('../protocol/index.js');
    this.#channel = new Channel({ send });
    return this.#channel;
  }
}
