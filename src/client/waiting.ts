/**
 * Waiting for something to become true of a worker. It is looked at now, and again at every change, synchronously with
 * the reading of the bytes that changed it; the promise only announces what was decided then. The wait leaves nothing
 * behind, however it ends.
 */
import type { Backend } from './backend.js';
import type { WatchedWorker } from './watchedWorker.js';

export interface Waiting {
  readonly signal: AbortSignal | undefined;
  /** What the wait is called where somebody looks at a worker that waits. */
  readonly event: 'BgWorkerStartup' | 'BgWorkerShutdown';
}

/** `decide` gives the answer, or undefined to go on waiting; what it throws rejects. */
export function waitFor<T>(
  backend: Backend,
  watched: WatchedWorker,
  { signal, event }: Waiting,
  decide: () => T | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    let stop = (): void => {};
    const look = (): boolean => {
      try {
        const answer = decide();
        if (answer === undefined) return false;
        resolve(answer);
      } catch (error) {
        reject(error);
      }
      stop();
      return true;
    };
    if (look()) return;
    const release = backend.hold();
    const endWait = backend.beginWait(event);
    const unlisten = watched.onChange(look);
    const aborted = (): void => {
      stop();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', aborted, { once: true });
    stop = () => {
      release();
      endWait();
      unlisten();
      signal?.removeEventListener('abort', aborted);
    };
  });
}

/** What the promise becomes, or the signal's reason if that comes first. It goes on for those who still want it. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(signal.reason);
    if (signal.aborted) return aborted();
    signal.addEventListener('abort', aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
