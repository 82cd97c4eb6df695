/**
 * A queue within one process, of so many messages, that keeps the promises of the two ends that streams are made of. For
 * the adapters only: what a real queue does is tried with real processes elsewhere.
 */
import { BgworkerError } from '../../src/base/index.js';
import type { ByteReceiver, ByteSender } from '../../src/shm/streams.js';

export class MemoryQueue {
  readonly messages: Uint8Array[] = [];
  /** Who detached, in order. */
  readonly detached: ('sender' | 'receiver')[] = [];
  /** Sends and receives that wait. */
  waiting = 0;
  readonly #capacity: number;
  #senderDied = false;
  #wake: (() => void)[] = [];

  constructor(capacity = 1) {
    this.#capacity = capacity;
  }

  readonly sender: ByteSender = {
    send: async (pieces, { signal } = {}) => {
      const message = Buffer.concat(pieces instanceof Uint8Array ? [pieces] : pieces);
      const mayGoOn = (): boolean => this.messages.length < this.#capacity || this.detached.includes('receiver');
      await this.#until(mayGoOn, signal);
      if (this.detached.length > 0) return 'detached';
      this.messages.push(message);
      this.#change();
      return 'sent';
    },
    detach: () => this.#detach('sender'),
  };

  readonly receiver: ByteReceiver = {
    receive: async ({ signal } = {}) => {
      await this.#until(() => this.messages.length > 0 || this.#senderDied || this.detached.length > 0, signal);
      const message = this.messages.shift();
      this.#change();
      if (message !== undefined) return message;
      if (this.#senderDied) throw new BgworkerError('ERR_PEER_DIED', 'the other side died');
      return 'detached';
    },
    detach: () => this.#detach('receiver'),
  };

  killSender(): void {
    this.#senderDied = true;
    this.#change();
  }

  #detach(side: 'sender' | 'receiver'): void {
    if (!this.detached.includes(side)) this.detached.push(side);
    this.#change();
  }

  async #until(holds: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    let wake = (): void => {};
    const aborted = (): void => wake();
    signal?.addEventListener('abort', aborted);
    this.waiting++;
    try {
      while (!holds()) {
        signal?.throwIfAborted();
        await new Promise<void>((resolve) => {
          wake = resolve;
          this.#wake.push(resolve);
        });
      }
    } finally {
      this.waiting--;
      signal?.removeEventListener('abort', aborted);
    }
  }

  #change(): void {
    const woken = this.#wake;
    this.#wake = [];
    for (const wake of woken) wake();
  }
}
