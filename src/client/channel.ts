/**
 * The client's end of a worker's channel: values both ways, structured as `v8.serialize` carries them, with
 * back-pressure, and told when the worker's run is over. The rules are protocol/channel.ts's; here it is opened, by
 * the first use, and kept from letting the process end while somebody waits for a value.
 *
 * A channel belongs to one run of the worker and to one client at a time. When the run is over it is closed, after all
 * that the worker sent was read. Once its user has been told so, `handle.channel` gives a new one, for the next run: so
 * nobody passes from one run to another without noticing.
 */
import { BgworkerError } from '../base/index.js';
import type { Channel, ChannelEnding, ReceiveOptions } from '../protocol/index.js';

interface Options {
  readonly channel: Channel;
  /** Asks for this side; rejects when somebody else has it. */
  readonly open: () => Promise<void>;
  readonly holdWhile: <T>(promise: Promise<T>) => Promise<T>;
}

/**
 * The client's end of a worker's channel: values both ways while the worker runs, with back-pressure. It belongs to one
 * run of the worker and to one client at a time; `for await (const value of handle.channel)` reads it.
 */
export class WorkerChannel<In = unknown, Out = unknown> implements AsyncIterable<In> {
  readonly #channel: Channel;
  readonly #open: () => Promise<void>;
  readonly #holdWhile: Options['holdWhile'];
  #opening: Promise<void> | undefined;
  #isOver = false;
  #wasToldOfEnd = false;

  /** @internal */
  constructor({ channel, open, holdWhile }: Options) {
    this.#channel = channel;
    this.#open = open;
    this.#holdWhile = holdWhile;
  }

  /** Its run is over, and whoever uses it has been told so: by `done`, by a send that failed, or by `waitForClose`. */
  get isSpent(): boolean {
    return this.#isOver && this.#wasToldOfEnd;
  }

  /**
   * Sends a value. Resolves when it is on its way, so awaiting each send is the back-pressure. A worker that has not
   * come to its function yet is given it then. Throws `ERR_NOT_SERIALIZABLE`, `ERR_CHANNEL_MESSAGE_TOO_LONG` (64 MiB),
   * `ERR_CHANNEL_QUEUE_FULL`, `ERR_CHANNEL_TAKEN` when another client has this side, or `ERR_CHANNEL_CLOSED`.
   */
  send(value: Out): Promise<void> {
    return this.#send(() => this.#channel.send(value));
  }

  /** @internal */
  sendBytes(bytes: Uint8Array): Promise<void> {
    return this.#send(() => this.#channel.sendBytes(bytes));
  }

  async #send(send: () => Promise<void>): Promise<void> {
    try {
      await this.#holdWhile(this.#whenOpen().then(send));
    } catch (error) {
      if (error instanceof BgworkerError && error.code === 'ERR_CHANNEL_CLOSED') this.#wasToldOfEnd = true;
      throw error;
    }
  }

  /** The next value; `done` after the last one, when the worker has ended its side or its run is over. */
  receive(options?: ReceiveOptions): Promise<IteratorResult<In, undefined>> {
    return this.#receive(() => this.#channel.receive(options) as Promise<IteratorResult<In, undefined>>);
  }

  /** @internal */
  receiveBytes(options?: ReceiveOptions): Promise<IteratorResult<Uint8Array, undefined>> {
    return this.#receive(() => this.#channel.receiveBytes(options));
  }

  async #receive<T>(receive: () => Promise<IteratorResult<T, undefined>>): Promise<IteratorResult<T, undefined>> {
    const received = await this.#holdWhile(this.#whenOpen().then(receive));
    if (received.done === true) this.#wasToldOfEnd = true;
    return received;
  }

  /** Leaving the loop leaves the channel open: another loop goes on where this one stopped. */
  [Symbol.asyncIterator](): AsyncIterator<In, undefined> {
    return { next: () => this.receive() };
  }

  /** Says that this side sends nothing more, behind all that was sent. The worker's loop ends. */
  async end(): Promise<void> {
    await this.#holdWhile(this.#whenOpen());
    this.#channel.end();
  }

  /** How the worker's side ended: by itself, or with the run. */
  async waitForClose(): Promise<ChannelEnding> {
    const ending = await this.#holdWhile(this.#whenOpen().then(() => this.#channel.closed));
    this.#wasToldOfEnd = true;
    return ending;
  }

  /**
   * The owner's: the run is over, or the connection.
   * @internal
   */
  giveUp(): void {
    this.#isOver = true;
    this.#channel.peerGone();
  }

  #whenOpen(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }
}
