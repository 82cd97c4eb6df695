/**
 * A worker as the one who is expected at the other side of a queue: so that its end is noticed before it has come, too.
 * Once it is there, its death is noticed without its handle.
 */
import type { BackgroundWorkerHandle } from '../client/index.js';
import { expectedPeer } from '../client/index.js';
import type { PeerWatch } from '../shm/index.js';

/**
 * The worker of a handle, for `queue.sender({ peer })` and `queue.receiver({ peer })`. A worker that has stopped is gone,
 * also if it will be started again: a restarted one finds a queue that is over (R-MQ-43). PostgreSQL: the handle given to
 * shm_mq_attach.
 */
export function peerOf(handle: BackgroundWorkerHandle): PeerWatch {
  const peer = expectedPeer(handle);
  return {
    get isGone() {
      return peer.isGone;
    },
    onGone: (listener) => peer.onGone(listener),
    get line() {
      return { descriptor: peer.descriptor(), input: true };
    },
  };
}
