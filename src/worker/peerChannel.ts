/**
 * `ctx.channel`, for as long as one client is at its other end: the channel of protocol/channel.ts and its way there
 * (protocol/channelRoute.ts), loaded when the worker or a client first uses it. If they cannot be loaded in that moment
 * (parts.ts), everything waits for them in order.
 */
import type {
  ByteChannel,
  Channel,
  ChannelContent,
  ChannelEnding,
  ChannelMessage,
  ChannelRoute,
  MemoryWire,
  ReceiveOptions,
} from '../protocol/index.js';
import type { WorkerChannel } from './workerContext.js';

type Protocol = typeof import('../protocol/index.js');

export interface PeerChannelOptions {
  /** Says it to the postmaster. */
  readonly tell: (message: ChannelMessage, bytes: Uint8Array | null) => void;
  /** Attaches to shared memory that the client offers. */
  readonly attach: (segment: string) => Promise<MemoryWire>;
  /** Something has come that the worker may be waiting for; null: the end of everything. */
  readonly arrived: (message: ChannelContent | null) => void;
}

interface Ends {
  readonly channel: Channel;
  readonly route: ChannelRoute;
}

export class PeerChannel implements WorkerChannel, ByteChannel {
  readonly #options: PeerChannelOptions;
  #ends: Ends | null;
  readonly #loading: Promise<Ends>;

  /** `protocol` is undefined if it cannot be had in this moment. */
  constructor(options: PeerChannelOptions, protocol: Protocol | undefined) {
    this.#options = options;
    this.#ends = protocol === undefined ? null : this.#make(protocol);
    this.#loading = this.#ends === null ? this.#load() : Promise.resolve(this.#ends);
  }

  send(value: unknown): Promise<void> {
    if (this.#ends === null) return this.#loading.then(({ channel }) => channel.send(value));
    return this.#ends.channel.send(value);
  }

  async receive(options?: ReceiveOptions): Promise<IteratorResult<unknown, undefined>> {
    return (await this.#loading).channel.receive(options);
  }

  sendBytes(bytes: Uint8Array): Promise<void> {
    if (this.#ends === null) return this.#loading.then(({ channel }) => channel.sendBytes(bytes));
    return this.#ends.channel.sendBytes(bytes);
  }

  async receiveBytes(options?: ReceiveOptions): Promise<IteratorResult<Uint8Array, undefined>> {
    return (await this.#loading).channel.receiveBytes(options);
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown, undefined> {
    return { next: () => this.receive() };
  }

  end(): void {
    this.#use(({ channel }) => channel.end());
  }

  get closed(): Promise<ChannelEnding> {
    return this.#loading.then(({ channel }) => channel.closed);
  }

  // --- the runtime's side ---

  accept(message: ChannelMessage, bytes: Uint8Array | null): void {
    this.#use(({ route }) => route.accept(message, bytes));
  }

  /**
   * The client is gone. Our own end of the channel is always said, and only once: behind it nothing can follow that
   * was meant for this client, so the postmaster knows from where on the next one may listen.
   */
  peerGone(): void {
    this.#use(({ channel, route }) => {
      route.close();
      channel.peerGone();
      channel.end();
    });
  }

  get isWaitedFor(): boolean {
    return this.#ends?.channel.isWaitedFor === true;
  }

  get unsentMessages(): number {
    return this.#ends?.channel.unsentMessages ?? 0;
  }

  #use(act: (ends: Ends) => void): void {
    if (this.#ends !== null) act(this.#ends);
    else void this.#loading.then(act);
  }

  async #load(): Promise<Ends> {
    this.#ends = this.#make(await import('../protocol/index.js'));
    return this.#ends;
  }

  #make({ Channel, ChannelRoute }: Protocol): Ends {
    const { tell, arrived } = this.#options;
    const route = new ChannelRoute({
      tell,
      deliver: (message, bytes) => {
        channel.accept(message, bytes);
        arrived(message);
      },
      failed: () => {
        this.peerGone();
        arrived(null);
      },
      offered: (segment) => void this.#attach(route, segment),
    });
    const channel: Channel = new Channel({ send: (message, bytes) => route.send(message, bytes) });
    return { channel, route };
  }

  async #attach(route: ChannelRoute, segment: string): Promise<void> {
    try {
      route.move(await this.#options.attach(segment));
    } catch (error) {
      route.stay(error instanceof Error ? `${(error as { code?: string }).code}: ${error.message}` : String(error));
    }
  }
}
