/**
 * What a worker's run gave: the value it returned, or the error that says why there is none. For a worker that is
 * started again it is that of the run that returned, whatever came before and comes behind it.
 */
import { BgworkerError } from '../base/index.js';
import type { WorkerStatus } from '../core/index.js';
import { deserializeValue, fromErrorRecord } from '../protocol/index.js';
import type { WorkerReference } from './errors.js';
import { WorkerError } from './errors.js';
import { explainStop, nameWorker } from './explain.js';
import type { WorkerStopReason } from './workerState.js';

/**
 * Undefined while a result may still come; then a function that gives the value or throws. The caller calls it where
 * its own stack is: an error made while bytes are read would show where they were read.
 */
export function readResult(
  handle: WorkerReference,
  status: WorkerStatus,
  reason: WorkerStopReason | null,
): (() => unknown) | undefined {
  const { result } = status;
  if (result?.state === 'bytes') return () => deserializeValue(result.bytes);
  if (result?.state === 'problem') {
    return () => {
      throw new BgworkerError(result.code, result.message, { detail: nameWorker(handle), hint: result.hint });
    };
  }
  if (reason?.kind === 'returned') return () => undefined;
  if (!status.final || reason === null) return undefined;
  return () => {
    throw workerError(handle, reason);
  };
}

function workerError(handle: WorkerReference, reason: WorkerStopReason): WorkerError {
  const { what, hint } = explainStop(reason);
  return new WorkerError(`${nameWorker(handle)} ${what}`, { reason, handle, ...hint, ...causeOf(reason) });
}

/** What the worker threw, as an error of this process. */
export function causeOf(reason: WorkerStopReason): { readonly cause?: Error } {
  const record = 'error' in reason ? reason.error : undefined;
  return record === undefined ? {} : { cause: fromErrorRecord(record) };
}
