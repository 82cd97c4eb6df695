/**
 * The `channel` of a context that has none of its own: a function that is called in a pool or a map, or by a leader,
 * shares its process, so it has nobody at the other end. Whoever uses it is told what to do instead; whoever only looks,
 * `{ ...ctx }`, is not.
 */
import { BgworkerError } from '../base/index.js';
import type { WorkerChannel } from '../worker/index.js';

/** Every use of it fails with `ERR_CHANNEL_NOT_YOURS`. */
export const noChannel: WorkerChannel = Object.freeze({
  send: async () => refuse(),
  receive: async () => refuse(),
  end: () => refuse(),
  get closed() {
    return refuse();
  },
  [Symbol.asyncIterator]: () => ({ next: async () => refuse() }),
});

function refuse(): never {
  throw new BgworkerError('ERR_CHANNEL_NOT_YOURS', 'a parallel call has no channel of its own', {
    detail: 'its process belongs to a pool or a parallel run, which speaks to it by that channel',
    hint: 'take an argument and return a value; tell how far it is by ctx.progress; or launch() a worker, which has one',
  });
}
