/**
 * One question to the postmaster as a promise. What the answer changes is changed by `read`, while the bytes are read;
 * the promise only announces it. Errors are made here, behind the await, where their stacks show who asked.
 */
import { BgworkerError } from '../base/index.js';
import type { Asker, AskOptions, GoodbyeDetail, Reply } from '../protocol/index.js';
import type { Connection } from './connection.js';
import { errorOfEnd } from './connection.js';
import { errorOfRefusal } from './errors.js';

export type Read<T> = (reply: Reply, attachments: readonly Uint8Array[]) => T;

export interface Asked<T> extends AskOptions {
  readonly make: (request: number) => Buffer;
  readonly read: Read<T>;
  /** Gives up the answer, not what was asked for. */
  readonly signal?: AbortSignal | undefined;
  /** What else is to be done when the signal aborts. */
  readonly givenUp?: (request: number) => void;
}

type Outcome<T> =
  | { readonly outcome: 'answered'; readonly value: T }
  | { readonly outcome: 'refused'; readonly refusal: GoodbyeDetail }
  | { readonly outcome: 'failed'; readonly error: unknown };

export async function ask<T>(connection: Connection, asked: Asked<T>): Promise<T> {
  asked.signal?.throwIfAborted();
  const outcome = await outcomeOf(connection, asked);
  switch (outcome.outcome) {
    case 'answered':
      return outcome.value;
    case 'refused':
      throw errorOfRefusal(outcome.refusal);
    case 'failed':
      throw connection.end === null ? outcome.error : errorOfEnd(connection.end);
  }
}

/** Asks something whose answer is only news, or none at all. */
export function askAside(connection: Connection, make: (request: number) => Buffer, read: Read<void> = () => {}): void {
  // Over another connection it would be news no more: whoever lost this one asks anew.
  connection.ask(make, { answered: read, failed: () => {} }, { repeat: false });
}

function outcomeOf<T>(
  connection: Connection,
  { make, read, signal, givenUp, ...options }: Asked<T>,
): Promise<Outcome<T>> {
  return new Promise((resolve) => {
    const release = connection.hold();
    let request = 0;
    const settle = (outcome: Outcome<T>): void => {
      release();
      signal?.removeEventListener('abort', aborted);
      resolve(outcome);
    };
    const aborted = (): void => {
      settle({ outcome: 'failed', error: signal?.reason });
      givenUp?.(request);
    };
    const asker: Asker = {
      answered: (reply, attachments) => {
        if (reply.type === 'refused') return settle({ outcome: 'refused', refusal: reply.refusal });
        try {
          settle({ outcome: 'answered', value: read(reply, attachments) });
        } catch (error) {
          settle({ outcome: 'failed', error });
        }
      },
      failed: (error) => settle({ outcome: 'failed', error }),
    };
    signal?.addEventListener('abort', aborted, { once: true });
    try {
      request = connection.ask(make, asker, options);
    } catch (error) {
      // What was to be said is too long for a frame.
      settle({ outcome: 'failed', error });
    }
  });
}

/** An answer to another question than was asked. */
export function unexpected(reply: Reply): BgworkerError {
  return new BgworkerError('ERR_BAD_MESSAGE', 'the postmaster gave another answer than was asked for', {
    detail: reply.type,
    hint: 'both sides must be bgworker, of versions that fit',
  });
}
