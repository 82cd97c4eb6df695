/**
 * Those who wait at one side of a queue on the event loop, in the order in which they came: messages are sent whole,
 * one after the other, and whoever asked first receives first. However many they are, the process sleeps once.
 *
 * Also here, since it is the same promise that both ends give: who sends or receives without ever having to wait still
 * lets the event loop have its turn now and then.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BgworkerError } from '../base/index.js';
import type { QueueSide } from './queueSide.js';

/** Who does not wait for any of its promises would fill the memory. */
const MAX_WAITING = 16_384;
/** A turn of the event loop after so many messages, or bytes. */
const MESSAGES_PER_TURN = 256;
const BYTES_PER_TURN = 4 * 1024 * 1024;

interface Waiting {
  /** True when it is through, whatever came of it. */
  attempt(isLast: boolean): boolean;
  fail(error: unknown): void;
}

export interface JoinOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whether what it came for is to be brought to its end although it was called off. */
  readonly mustFinish?: () => boolean;
}

export class WaitingLine {
  readonly #side: QueueSide;
  readonly #event: string;
  readonly #waiting: Waiting[] = [];
  #isAsleep = false;
  #messages = 0;
  #bytes = 0;

  constructor(side: QueueSide, event: string) {
    this.#side = side;
    this.#event = event;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** What the attempt gives when it is its turn. It is tried until it gives something else than undefined, or throws. */
  join<T>(attempt: (isLast: boolean) => T | undefined, { signal, mustFinish }: JoinOptions = {}): Promise<T> {
    if (this.#waiting.length >= MAX_WAITING) return Promise.reject(tooMany());
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        reject(signal?.reason);
        if (mustFinish?.() === true) return;
        this.#leave(waiting);
        this.#side.wakeOwn();
      };
      const leave = (): void => {
        signal?.removeEventListener('abort', aborted);
        this.#leave(waiting);
      };
      const waiting: Waiting = {
        attempt: (isLast) => {
          try {
            const result = attempt(isLast);
            if (result === undefined) return false;
            resolve(result);
          } catch (error) {
            reject(error);
          }
          leave();
          return true;
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      signal?.addEventListener('abort', aborted, { once: true });
      this.#waiting.push(waiting);
      void this.#sleep();
    });
  }

  /** Lets them try, in order. True when all are through. */
  serve(isLast: boolean): boolean {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (!first.attempt(isLast)) return false;
    }
    return true;
  }

  /** Whether one may be served at once, and counts it. No: the event loop has to have its turn first, so let it join. */
  mayGoOn(bytes: number): boolean {
    if (this.#waiting.length > 0 || this.#isTimeToYield()) return false;
    this.#messages += 1;
    this.#bytes += bytes;
    return true;
  }

  #isTimeToYield(): boolean {
    return this.#messages >= MESSAGES_PER_TURN || this.#bytes >= BYTES_PER_TURN;
  }

  #leave(waiting: Waiting): void {
    const index = this.#waiting.indexOf(waiting);
    if (index !== -1) this.#waiting.splice(index, 1);
  }

  async #sleep(): Promise<void> {
    if (this.#isAsleep) return;
    this.#isAsleep = true;
    try {
      if (this.#isTimeToYield()) await nextTurn();
      this.#messages = 0;
      this.#bytes = 0;
      const place = this.#side.place(this.#event, (isLast) => (this.serve(isLast) ? true : undefined));
      await this.#side.chunk.member.wait(place);
    } catch (error) {
      for (const waiting of [...this.#waiting]) waiting.fail(error);
    }
    this.#isAsleep = false;
    if (!this.isEmpty) void this.#sleep();
  }
}

function tooMany(): BgworkerError {
  return new BgworkerError('ERR_TOO_MANY_WAITERS', 'too many wait for the same side of a queue', {
    detail: `${MAX_WAITING} do`,
    hint: 'await what send() and receive() give before you call them again',
  });
}
