/**
 * How the failure of a parallel worker looks in its leader. What its function threw is thrown again as it was, with one
 * more line at the end of its stack; that it ended without a word is an error of its own, which says why it did.
 *
 * PostgreSQL: HandleParallelMessage, and the errors of WaitForParallelWorkersToAttach and WaitForParallelWorkersToFinish
 * (R-PAR-21, R-PAR-23, R-PAR-24).
 */
import { BgworkerError } from '../base/index.js';
import type { WorkerStopReason } from '../client/index.js';
import { causeOf, describeScene, explainStop } from '../client/index.js';
import type { ErrorRecord } from '../core/index.js';
import { fromErrorRecord } from '../protocol/index.js';

/**
 * A parallel worker ended without having finished: `ERR_PARALLEL_WORKER_NOT_INITIALIZED` before it had come to the leader's
 * memory, `ERR_PARALLEL_WORKER_LOST` after that. `reason` says why it stopped.
 */
export class ParallelWorkerError extends BgworkerError {
  override readonly name: string = 'ParallelWorkerError';
  /** Its number among the workers, from 0. */
  readonly workerNumber: number;
  /** Why it stopped. */
  readonly reason: WorkerStopReason;

  /** @internal */
  constructor(ended: EndedWorker) {
    const { workerNumber, reason, hadAttached, module } = ended;
    const { what, hint } = explainStop(reason);
    const [code, failure] = hadAttached
      ? (['ERR_PARALLEL_WORKER_LOST', 'lost connection to parallel worker'] as const)
      : (['ERR_PARALLEL_WORKER_NOT_INITIALIZED', 'parallel worker failed to initialize'] as const);
    super(code, `${failure}: it ${what}\n${describeScene(reason, module)}`, {
      detail: `worker ${workerNumber}, ${reason.pid === null ? 'without a process' : `process ${reason.pid}`}`,
      ...hint,
      ...causeOf(reason),
    });
    this.workerNumber = workerNumber;
    this.reason = reason;
  }
}

interface EndedWorker {
  readonly workerNumber: number;
  readonly reason: WorkerStopReason;
  readonly hadAttached: boolean;
  /** What it was to run. */
  readonly module: string;
}

/** What was thrown in a worker, to be thrown in the leader. */
export function errorOfWorker(record: ErrorRecord, number: number, pid: number | null): Error {
  const error = fromErrorRecord(record);
  // As they are in the language: out of the sight of whoever prints it or goes through its fields.
  const hidden = { enumerable: false, configurable: true, writable: true };
  const stack = `${error.stack ?? ''}\n    in parallel worker ${number} (pid ${pid ?? 'unknown'})`;
  Object.defineProperty(error, 'stack', { ...hidden, value: stack });
  Object.defineProperty(error, 'context', { ...hidden, value: 'parallel worker' });
  return error;
}
