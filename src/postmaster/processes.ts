/**
 * What the server loop orders of whoever makes the processes. The launcher does it with real ones; `bgworker/testing`
 * leaves it to the test. Nothing is answered: what comes of an order is a fact, dispatched when it has happened.
 */
import type { AttemptKey, BackgroundWorker, StopOrder, WorkerKey } from '../core/index.js';
import type { OrderMessage } from '../protocol/index.js';
import type { Settings } from './settings.js';

export interface Processes {
  start(key: AttemptKey, worker: BackgroundWorker): void;
  giveJob(key: AttemptKey, worker: BackgroundWorker, spare: number): void;
  startSpare(spare: number, preload: readonly string[]): void;
  endSpare(spare: number, isStuck: boolean): void;
  askToStop(key: WorkerKey, order: StopOrder): void;
  /** The whole process group. */
  kill(key: WorkerKey): void;
  measureMemory(key: AttemptKey, pid: number): void;
  order(key: WorkerKey, message: OrderMessage, attachments?: readonly Uint8Array[]): void;
  orderAll(message: OrderMessage): void;
  /** Settings were reloaded; those that concern processes hold for whatever is made from now on. */
  adopt(settings: Settings): void;
  /** What was kept for the runs of a worker that will never run again. */
  forget(worker: BackgroundWorker): void;
}
