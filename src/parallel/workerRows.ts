/**
 * The rows of one worker, as its leader takes them from the tuple queue. A worker that died gives no more, like one that is
 * done (R-GA-5): that it died, and why, is the parallel context's to tell, which is asked before anybody takes what came
 * for all there is.
 */
import { BgworkerError } from '../base/index.js';
import type { MessageReceiver } from '../shm/index.js';
import type { LaunchedWorker } from './launchedWorker.js';
import type { RowAnswer, RowSource } from './rowSources.js';
import type { TupleReceiver } from './tupleQueue.js';

export class WorkerRows<Row> implements RowSource<Row> {
  readonly worker: LaunchedWorker;
  readonly tuples: TupleReceiver<Row>;

  constructor(worker: LaunchedWorker, tuples: TupleReceiver<Row>) {
    this.worker = worker;
    this.tuples = tuples;
  }

  get number(): number {
    return this.worker.number;
  }

  /** Where one waits for it. */
  get receiver(): MessageReceiver {
    return this.tuples.receiver;
  }

  tryNext(): RowAnswer<Row> | null {
    try {
      return this.tuples.tryReceive();
    } catch (error) {
      if (error instanceof BgworkerError && error.code === 'ERR_PEER_DIED') return { done: true };
      throw error;
    }
  }
}
