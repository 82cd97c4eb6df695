/**
 * The client's end of a worker's channel: values both ways, structured as `v8.serialize` carries them, with
 * back-pressure, and told when the worker's run is over. The rules are protocol/channel.ts's; here it is opened, by
 * the first use, and kept from letting the process end while somebody waits for a value.
 *
 * A channel belongs to one run of the worker and to one client at a time. When the run is over it is closed, after all
 * that the worker sent was read; `handle.channel` then gives a new one, for the next run.
 */
import type { Channel, ChannelEnding, ReceiveOptions } from '../protocol/index.js';

interface Options {
  readonly channel: Channel;
  /** Asks for this side; rejects when somebody else has it. */
  readonly open: () => Promise<void>;
  readonly holdWhile: <T>(promise: Promise<T>) => Promise<T>;
}

export class WorkerChannel<In = unknown, Out = unknown> implements AsyncIterable<In> {
  readonly #channel: Channel;
  readonly #open: () => Promise<void>;
  readonly #holdWhile: Options['holdWhile'];
  #opening: Promise<void> | undefined;

  constructor({ channel, open, holdWhile }: Options) {
    this.#channel = channel;
    this.#open = open;
    this.#holdWhile = holdWhile;
  }

  /** Somebody has used it, so that there is an other end to hear from. */
  get isUsed(): boolean {
    return this.#opening !== undefined;
  }

  /**
   * Sends a value. Resolves when it is on its way, so awaiting each send is the back-pressure. A worker that has not
   * come to its function yet is given it then. Throws `ERR_NOT_SERIALIZABLE`, `ERR_CHANNEL_MESSAGE_TOO_LONG` (64 MiB),
   * `ERR_CHANNEL_QUEUE_FULL`, `ERR_CHANNEL_TAKEN` when another client has this side, or `ERR_CHANNEL_CLOSED`.
   */
  send(value: Out): Promise<void> {
    return this.#holdWhile(this.#whenOpen().then(() => this.#channel.send(value)));
  }

  /** The next value; `done` after the last one, when the worker has ended its side or its run is over. */
  receive(options?: ReceiveOptions): Promise<IteratorResult<In, undefined>> {
    const received = this.#whenOpen().then(() => this.#channel.receive(options));
    return this.#holdWhile(received as Promise<IteratorResult<In, undefined>>);
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
  waitForClose(): Promise<ChannelEnding> {
    return this.#holdWhile(this.#whenOpen().then(() => this.#channel.closed));
  }

  #whenOpen(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }
}
