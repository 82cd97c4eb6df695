/**
 * How a worker ended, judged when its process is gone: from what it said, how far it had come, how the process ended,
 * and what we had done to it. Node's exit codes lie (an uncaught error can exit 0 or 7, `exit(256)` is 0, a drained
 * loop exits 0), so what was said comes before the code, and the code before nothing.
 *
 * The rules, first that fits:
 *  0. it had said its last word, did not end, and was killed for it: as if it had ended as it said
 *  1. the heap was exhausted, as Node's report says                            outOfMemory
 *  2. the function was never entered: what it said of its start, else how the process ended; a failed start is never
 *     a crash of its group
 *  3. said `returned` and exit 0, and not because it had been asked to stop    returned
 *  4. said `threw`: a failure, whatever the code
 *  5. we had made it stop: why we did     no crash, whatever the code; a signal that we did not send is one all the same
 *  6. said `neverSettled`, or obeyed a SIGTERM from elsewhere                  failure
 *  7. a signal                                                                 crash
 *  8. exit 0 after calling process.exit itself                                 done for good, without a result
 *  9. exit 0 or 1 otherwise                                                    failure (0: the dead-man switch, R-WK-8)
 * 10. any other code                                                           crash
 */
import type { ExitFacts, Saying } from './event.js';
import type { Stop, Up } from './state.js';
import type { StopCause } from './stopReason.js';

export type Verdict =
  /** Done for good under `never` and `onFailure`. */
  | 'success'
  /** Restarted under `onFailure` and `always`. */
  | 'failure'
  /** A failure that takes the crash group with it. */
  | 'crash';

export interface Judgement {
  readonly cause: StopCause;
  readonly verdict: Verdict;
}

export function judgeExit(run: Up, facts: ExitFacts, maxRunMs: number | null, isScript = false): Judgement {
  const exit = exitAsSaid(run, facts);
  const entered = run.enteredAt !== null;
  const { saying, stop } = run;
  if (exit.outOfMemory) return { cause: { kind: 'outOfMemory' }, verdict: entered ? 'crash' : 'failure' };
  // A script that calls process.exit(0) on its top level has done what it was to do, before it was evaluated to its end.
  if (!entered && isScript && stop === null && calledExit0(saying, exit)) {
    return { cause: { kind: 'exitedWithoutReturning' }, verdict: 'success' };
  }
  if (!entered) return { cause: judgeStart(run, exit, maxRunMs), verdict: 'failure' };
  if (saying?.word === 'returned' && exit.code === 0 && !(saying.asked && stop !== null)) {
    return { cause: { kind: 'returned' }, verdict: 'success' };
  }
  if (saying?.word === 'threw') return { cause: { kind: 'threw', error: saying.error }, verdict: 'failure' };
  if (stop !== null) {
    return { cause: causeOfStop(stop, maxRunMs), verdict: isOurs(exit.signal, stop) ? 'failure' : 'crash' };
  }
  if (saying?.word === 'neverSettled') return { cause: { kind: 'neverSettled' }, verdict: 'failure' };
  // A SIGTERM from outside that the worker obeyed: a failure and no crash, since it ended in order (R-PM-45).
  if (saying?.word === 'stoppedAsAsked') return { cause: { kind: 'signaled' }, verdict: 'failure' };
  if (exit.signal !== null) return { cause: { kind: 'signaled' }, verdict: 'crash' };
  if (calledExit0(saying, exit)) {
    return { cause: { kind: 'exitedWithoutReturning' }, verdict: 'success' };
  }
  return { cause: { kind: 'exited' }, verdict: exit.code === 0 || exit.code === 1 ? 'failure' : 'crash' };
}

/**
 * A process that had said its last word and did not end was killed by us: what it said counts, and the signal says
 * nothing. It shows in the circumstances. The same when it was a stop that killed it, and it had returned before it
 * heard of that.
 */
export function exitAsSaid({ leaveBy, stop, saying }: Up, exit: ExitFacts): ExitFacts {
  if (exit.signal !== 'SIGKILL' || saying === null) return exit;
  const hadReturned = stop?.killed === true && saying.word === 'returned' && !saying.asked;
  if (leaveBy !== Number.POSITIVE_INFINITY && !hadReturned) return exit;
  const code = saying.word === 'returned' ? 0 : saying.word === 'exiting' ? saying.code : 1;
  return { ...exit, code, signal: null };
}

/** Whether a process that we made stop ended by no other signal than ours. */
function isOurs(signal: string | null, stop: Stop): boolean {
  return signal === null || signal === 'SIGTERM' || (signal === 'SIGKILL' && stop.killed);
}

/** `exit(256)` ends with 0 too, and is no success. */
function calledExit0(saying: Saying | null, exit: ExitFacts): boolean {
  return exit.code === 0 && saying?.word === 'exiting' && saying.code === 0;
}

function judgeStart(run: Up, exit: ExitFacts, maxRunMs: number | null): StopCause {
  const { saying, stop } = run;
  switch (saying?.word) {
    case 'moduleNotFound':
      return { kind: 'moduleNotFound', path: saying.path, error: saying.error };
    case 'moduleThrew':
      return { kind: 'moduleThrew', error: saying.error };
    case 'threw':
      // An uncaught error of something the module had begun while it was loading.
      return { kind: 'moduleThrew', error: saying.error };
    case 'exportMissing':
      return { kind: 'exportMissing', name: saying.name, exports: saying.exports };
    case 'neverSettled':
      return { kind: 'neverSettled' };
  }
  if (stop !== null) {
    const { why } = stop.cause;
    return why === 'terminate' || why === 'restart' ? { kind: 'terminatedBeforeStart' } : causeOfStop(stop, maxRunMs);
  }
  if (run.phase === null || run.phase === 'forked') {
    const { packageError: error } = exit;
    return error === undefined ? { kind: 'diedBeforeRuntime' } : { kind: 'diedBeforeRuntime', error };
  }
  if (exit.signal !== null || saying?.word === 'stoppedAsAsked') return { kind: 'signaled' };
  return { kind: 'diedBeforeRunning' };
}

function causeOfStop(stop: Stop, maxRunMs: number | null): StopCause {
  const { cause, killed: escalated } = stop;
  switch (cause.why) {
    case 'terminate':
    case 'restart':
      return { kind: 'terminated', escalated };
    case 'ranTooLong':
      return { kind: 'ranTooLong', maxRunMs: maxRunMs ?? 0, escalated };
    case 'memoryLimit':
      return { kind: 'memoryLimit', rssBytes: cause.rssBytes };
    case 'clientGone':
      return { kind: 'clientGone' };
    case 'crashGroup':
      return { kind: 'crashGroup', origin: cause.origin };
    case 'lostConnection':
      return { kind: 'lostConnection' };
    case 'postmasterShutdown':
      return { kind: 'postmasterShutdown', mode: cause.mode };
  }
}
